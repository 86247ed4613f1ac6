"""The pages and actions of challenges."""

from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required

from nene.challenge import forms, rules, service
from nene.challenge.errors import TermsChanged, TooManyStakes
from nene.challenge.forms import FeedForm, FilterForm, JoinForm, MineForm, OpenForm, TermsForm, VerifyForm
from nene.kernel.db import in_transaction, reading
from nene.kernel.lock import crowd_lock
from nene.kernel.paging import Cursor
from nene.kernel.security import limit_money, limit_search
from nene.kernel.web import Answer, arrived_at, arrived_on, show_change, show_form, show_page, show_refused
from nene.point.errors import NotEnoughPoints

blueprint = Blueprint("challenge", __name__)
OPEN = ("challenge/new.html", "challenge/_terms_form.html")


@blueprint.context_processor
def _words() -> dict[str, Any]:
    return {"categories": forms.CATEGORIES, "statuses": forms.STATUSES, "sorts": forms.SORTS}


@blueprint.get("/challenges")
@limit_search
def index() -> Answer:
    """Challenges to look for."""
    form = FilterForm.read()
    with reading() as session:
        page = service.list_challenges(session, filters=form.filters, cursor=_cursor("challenges", form))
    return show_page("challenge/index.html", "challenge/_cards.html", form=form, challenges=page, today=arrived_on())


@blueprint.get("/me/challenges")
@login_required
def mine() -> Answer:
    """My challenges, what must be verified today first."""
    form = MineForm.read()
    cursor = _cursor("my-challenges", form, current_user.id, arrived_on())
    with reading() as session:
        page = service.list_mine(
            session, user_id=current_user.id, today=arrived_on(), status=form.chosen, cursor=cursor
        )
    return show_page("challenge/mine.html", "challenge/_mine_rows.html", form=form, challenges=page)


@blueprint.get("/challenges/new")
@login_required
def new() -> str:
    """The form for a new challenge."""
    return render_template("challenge/new.html", form=OpenForm.blank(), today=arrived_on())


@blueprint.post("/challenges")
@login_required
@limit_money
def create() -> Answer:
    """Open a challenge and take the host's stake."""
    form = OpenForm.checked(*OPEN, today=arrived_on())
    try:
        challenge_id = in_transaction(
            service.open_challenge, host_id=current_user.id, terms=form.terms, fee=form.points, now=arrived_at()
        )
    except (NotEnoughPoints, TooManyStakes) as refusal:
        form.blame("fee", refusal.message)
        return show_form(*OPEN, form, status=refusal.status, today=arrived_on())
    return show_change(
        back_to=url_for(".show", challenge_id=challenge_id), message=_("챌린지를 열었어요. 첫 참가자는 나예요.")
    )


@blueprint.get("/challenges/<int:challenge_id>")
def show(challenge_id: int) -> Answer:
    """One challenge."""
    return show_page("challenge/show.html", "challenge/_challenge.html", **_detail(challenge_id))


@blueprint.get("/challenges/<int:challenge_id>/seats")
def seats(challenge_id: int) -> str:
    """How many seats are taken, for the page to refresh (C18)."""
    return render_template("challenge/_seats.html", **_detail(challenge_id), polled=True)


@blueprint.route("/challenges/<int:challenge_id>/edit", methods=["GET", "POST"])
@login_required
def edit(challenge_id: int) -> Answer:
    """Change the terms while alone."""
    if request.method == "POST":
        service.catch_up(challenge_id, arrived_at())
    with reading() as session:
        challenge = service.terms_to_edit(session, challenge_id=challenge_id, user_id=current_user.id)
    around: dict[str, Any] = {"challenge": challenge, "today": arrived_on()}
    if request.method == "GET":
        return render_template("challenge/edit.html", form=TermsForm.blank(obj=challenge), **around)
    form = TermsForm.checked("challenge/edit.html", "challenge/_terms_form.html", **around)
    in_transaction(service.edit_challenge, challenge_id=challenge_id, user_id=current_user.id, terms=form.terms)
    return show_change(back_to=url_for(".show", challenge_id=challenge_id), message=_("약속을 고쳤어요."))


@blueprint.get("/challenges/<int:challenge_id>/<any(join, quit, ready, cancel):verb>")
@login_required
def confirm(challenge_id: int, verb: str) -> str:
    """Ask before it costs points, where there is no JavaScript for a dialog."""
    return render_template("challenge/confirm.html", verb=verb, **_detail(challenge_id))


@blueprint.post("/challenges/<int:challenge_id>/join")
@login_required
@limit_money
def join(challenge_id: int) -> Answer:
    """Take a seat for the fee."""
    form = JoinForm.checked()
    who = {"challenge_id": challenge_id, "user_id": current_user.id}
    service.catch_up(challenge_id, arrived_at())
    with reading() as session:
        service.look_before(session, **who)
    try:
        with crowd_lock("challenge", challenge_id):
            fee = in_transaction(service.join_challenge, version=form.read_version, now=arrived_at(), **who)
    except TermsChanged as refusal:
        return show_refused("challenge/show.html", "challenge/_challenge.html", refusal, **_detail(challenge_id))
    return _changed(challenge_id, _("참가했어요. 참가비 %(fee)sP를 걸었어요.", fee=f"{fee:,}"))


@blueprint.post("/challenges/<int:challenge_id>/quit")
@login_required
@limit_money
def quit_(challenge_id: int) -> Answer:
    """Leave."""
    service.catch_up(challenge_id, arrived_at())
    refunded = in_transaction(
        service.quit_challenge, challenge_id=challenge_id, user_id=current_user.id, now=arrived_at()
    )
    if refunded:
        return _changed(challenge_id, _("그만뒀어요. 참가비 %(fee)sP를 돌려받았어요.", fee=f"{refunded:,}"))
    return _changed(challenge_id, _("그만뒀어요. 참가비는 누적 참가비에 남아요."))


@blueprint.post("/challenges/<int:challenge_id>/ready")
@login_required
@limit_money
def ready(challenge_id: int) -> Answer:
    """Close recruiting."""
    service.catch_up(challenge_id, arrived_at())
    in_transaction(service.close_recruiting, challenge_id=challenge_id, user_id=current_user.id)
    return _changed(challenge_id, _("모집을 마감했어요. 시작일에 저절로 시작해요."))


@blueprint.post("/challenges/<int:challenge_id>/cancel")
@login_required
@limit_money
def cancel(challenge_id: int) -> Answer:
    """Cancel, and give every stake back."""
    service.catch_up(challenge_id, arrived_at())
    in_transaction(service.cancel_challenge, challenge_id=challenge_id, user_id=current_user.id)
    return _changed(challenge_id, _("챌린지를 취소했어요. 참가비는 모두 돌려드렸어요."))


@blueprint.get("/challenges/<int:challenge_id>/verifications")
@login_required
@limit_search
def verifications(challenge_id: int) -> Answer:
    """The feed."""
    form = FeedForm.read()
    with reading() as session:
        challenge, page = service.feed(
            session,
            challenge_id=challenge_id,
            viewer_id=current_user.id,
            user_id=form.user_id.data,
            q=form.q.data or "",
            cursor=_cursor("verifications", form, challenge_id),
        )
        card = service.my_card(session, challenge_id=challenge_id, user_id=current_user.id, today=arrived_on())
    return show_page(
        "challenge/verifications.html",
        "challenge/_feed_rows.html",
        form=form,
        challenge=challenge,
        verifications=page,
        card=card,
        today=arrived_on(),
    )


@blueprint.post("/challenges/<int:challenge_id>/verifications")
@login_required
@limit_money
def verify(challenge_id: int) -> Answer:
    """Prove today."""
    form = VerifyForm.checked("challenge/show.html", "challenge/_challenge.html", lazily=lambda: _detail(challenge_id))
    service.catch_up(challenge_id, arrived_at())
    stamp = in_transaction(
        service.verify,
        challenge_id=challenge_id,
        user_id=current_user.id,
        content=form.content.data or "",
        now=arrived_at(),
    )
    message = _(
        "%(count)s번째 도장이에요! 성공률이 %(before)s%%에서 %(rate)s%%가 됐어요.",
        count=stamp.count,
        before=stamp.rate_before,
        rate=stamp.rate,
    )
    return _changed(challenge_id, message, category="stamp", fresh=arrived_on())


@blueprint.get("/challenges/<int:challenge_id>/participants")
@login_required
def participants(challenge_id: int) -> Answer:
    """Who takes part."""
    cursor = Cursor("participants", challenge_id, request.args.get("cursor"))
    with reading() as session:
        challenge, page = service.members(session, challenge_id=challenge_id, cursor=cursor, today=arrived_on())
    return show_page("challenge/participants.html", "challenge/_people_rows.html", challenge=challenge, people=page)


@blueprint.get("/challenges/<int:challenge_id>/settlement")
@login_required
def settlement(challenge_id: int) -> Answer:
    """How the pot was divided."""
    cursor = Cursor("settlement", challenge_id, request.args.get("cursor"))
    with reading() as session:
        shown = service.settlement_of(session, challenge_id=challenge_id, viewer_id=current_user.id, cursor=cursor)
    return show_page("challenge/settlement.html", "challenge/_share_rows.html", shown=shown)


def _cursor(scope: str, form: Any, *bound: object) -> Cursor:
    filters = {name: value for name, value in form.data.items() if name != "csrf_token"}
    return Cursor(scope, [filters, *bound], request.args.get("cursor"))


def _detail(challenge_id: int) -> dict[str, Any]:
    viewer_id = current_user.id if current_user.is_authenticated else None
    with reading() as session:
        detail = service.show_challenge(session, challenge_id=challenge_id, viewer_id=viewer_id, today=arrived_on())
    return {
        "detail": detail,
        "challenge": detail.challenge,
        "needed": rules.days_needed(detail.challenge.days),
        "verify_form": VerifyForm.blank(),
    }


def _changed(challenge_id: int, message: str, category: str = "done", **around: object) -> Answer:
    return show_change(
        "challenge/_challenge.html",
        back_to=url_for(".show", challenge_id=challenge_id),
        changed="point-changed",
        message=message,
        category=category,
        lazily=lambda: _detail(challenge_id),
        **around,
    )
