"""The composed pages, and the demo clock."""

from typing import Any

import structlog
from flask import Blueprint, make_response, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required

from nene.challenge import service as challenge
from nene.home import service
from nene.home.errors import CannotLeave, NotProven, PasswordChanged, PointsLeft, RefundFirst
from nene.home.forms import ClockForm, ProvenWithdrawForm, WithdrawForm
from nene.kernel import auth, demo_clock, settings
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotThere
from nene.kernel.security import Attempt, limit_money
from nene.kernel.web import Answer, arrived_on, back_or_home, go_to, show_change, show_form, show_page, show_refused
from nene.user import service as user

blueprint = Blueprint("home", __name__)
LEAVE, LEAVE_PART = "home/withdraw.html", "home/_leaving.html"
log = structlog.get_logger(__name__)


@blueprint.get("/")
def index() -> str:
    """The promise, or what is to do today."""
    user_id = current_user.id if current_user.is_authenticated else None
    with reading() as database:
        home = service.home_of(database, user_id=user_id, today=arrived_on())
    page = "home/in.html" if user_id else "home/out.html"
    return render_template(page, home=home, today=arrived_on())


@blueprint.get("/me")
@login_required
def me() -> str:
    """Everything of mine."""
    with reading() as database:
        mine = service.my_page(database, user_id=current_user.id, today=arrived_on())
    return render_template("home/me.html", mine=mine)


@blueprint.get("/users/<int:user_id>")
@login_required
def profile(user_id: int) -> str:
    """Somebody's public profile."""
    with reading() as database:
        shown = service.profile_of(database, user_id=user_id, today=arrived_on())
    return render_template("home/profile.html", shown=shown)


@blueprint.get("/me/withdraw")
@login_required
def leave() -> Answer:
    """What leaving means, what must be over first, and what can go back as money."""
    around = _leaving()
    if request.args.get("seen") == around["leaving"].mark:
        return make_response("", 204)  # what the page shows is still so
    if "X-Poll" in request.headers and not around["leaving"].changes_by_itself:
        told = _("기다리던 결제가 끝났어요. 아래에서 확인해 주세요.")
        return show_change(LEAVE_PART, back_to=url_for(".leave"), changed="point-changed", message=told, **around)
    return show_page(LEAVE, LEAVE_PART, **around)


@blueprint.post("/me/withdraw/refund")
@login_required
@limit_money
def refund() -> Answer:
    """Send back as money what is left of every paid charge (M15)."""
    try:
        asked = service.refund_rests(user_id=current_user.id)
    except CannotLeave as refusal:
        return show_refused(LEAVE, LEAVE_PART, refusal, **_leaving())
    told = _("결제사에 돌려 달라고 요청했어요.") if asked else _("더 돌려받을 돈이 없어요.")
    return show_change(LEAVE_PART, back_to=url_for(".leave"), changed="point-changed", message=told, lazily=_leaving)


@blueprint.post("/me/withdraw")
@login_required
@limit_money
def withdraw() -> Answer:
    """Leave for good."""
    around = _leaving()
    ways, form = around["ways"], type(around.pop("form")).checked(LEAVE, LEAVE_PART, **around)
    try:
        if not ways.has_password and not around["proven"]:
            raise NotProven  # noqa: TRY301 - shown as the other refusals are
        checked = _checked_hash(form.password.data or "") if isinstance(form, WithdrawForm) else None
        if checked is None and isinstance(form, WithdrawForm):
            form.blame("password", _("비밀번호가 맞지 않아요."))
            return show_form(LEAVE, LEAVE_PART, form, **around)
        in_transaction(service.withdraw, user_id=current_user.id, checked_hash=checked, gives_up=form.confirm.data)
    except PointsLeft as refusal:
        form.blame("confirm", refusal.message)
        return show_form(LEAVE, LEAVE_PART, form, status=refusal.status, **around)
    except (CannotLeave, NotProven, PasswordChanged, RefundFirst) as refusal:
        return show_refused(LEAVE, LEAVE_PART, refusal, **_leaving())
    except NotThere:
        log.info("withdraw.twice")  # pressed twice: the other press has done it
    auth.sign_out()
    return go_to(url_for(".index"), message=_("탈퇴했어요. 그동안 고마웠어요."))


@blueprint.post("/dev/clock")
def clock() -> Answer:
    """Let days pass in the demo: whatever falls due on the way has happened before the answer comes (O6)."""
    if settings.current().production:
        raise NotThere
    form = ClockForm.checked()
    for _day in range(form.days.data or 1):
        challenge.advance(demo_clock.next_day())
    return go_to(back_or_home())


def _leaving() -> dict[str, Any]:
    """What the page of leaving shows; `proven`: they have just signed in anew where they have no password."""
    with reading() as database:
        ways = user.ways_in(database, current_user.id)
        leaving = service.leaving_of(database, current_user.id)
    proven = user.proven(session.get(user.PROOF), current_user.session_id)
    form = (WithdrawForm if ways.has_password else ProvenWithdrawForm).blank()
    return {"ways": ways, "leaving": leaving, "proven": proven, "form": form}


def _checked_hash(given: str) -> str | None:
    """What the password was checked against, if it is the right one."""
    attempt = Attempt({f"password:{current_user.id}": 10}, minutes=15)
    with reading() as database:
        member = user.find_user(database, current_user.id)
    if member is None or not user.check_password(member, given):
        return None
    attempt.succeeded()
    return member.password_hash
