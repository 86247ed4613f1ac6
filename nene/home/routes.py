"""The composed pages, and the demo clock."""

from typing import Any

import structlog
from flask import Blueprint, render_template, session, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required

from nene.challenge import service as challenge
from nene.home import service
from nene.home.errors import CannotLeave, NotProven, PointsLeft
from nene.home.forms import ClockForm, ProvenWithdrawForm, WithdrawForm
from nene.kernel import auth, demo_clock, settings
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotThere
from nene.kernel.security import Attempt, limit_money
from nene.kernel.web import Answer, arrived_on, back_or_home, go_to, show_form, show_refused
from nene.user import service as user

blueprint = Blueprint("home", __name__)
LEAVE = "home/withdraw.html"
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
def leave() -> str:
    """What leaving means, and what must be over first."""
    around = _leaving()
    return render_template(LEAVE, form=_leave_form(around["ways"]).blank(), **around)


@blueprint.post("/me/withdraw")
@login_required
@limit_money
def withdraw() -> Answer:
    """Leave for good."""
    around = _leaving()
    form = _leave_form(around["ways"]).checked(LEAVE, **around)
    try:
        if not around["ways"].has_password and not around["proven"]:
            raise NotProven  # noqa: TRY301 - shown as the other refusals are
        if isinstance(form, WithdrawForm) and not _is_password(form.password.data or ""):
            form.blame("password", _("비밀번호가 맞지 않아요."))
            return show_form(LEAVE, LEAVE, form, **around)
        in_transaction(service.withdraw, user_id=current_user.id, gives_up=form.confirm.data)
    except PointsLeft as refusal:
        form.blame("confirm", refusal.message)
        return show_form(LEAVE, LEAVE, form, status=refusal.status, **around)
    except CannotLeave as refusal:
        return show_form(LEAVE, LEAVE, form, status=refusal.status, **{**around, "reasons": refusal.reasons})
    except NotProven as refusal:
        return show_refused(LEAVE, LEAVE, refusal, form=form, **around)
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
        reasons = service.reasons_to_stay(database, current_user.id)
    proven = user.proven(session.get(user.PROOF), current_user.session_id)
    return {"ways": ways, "reasons": reasons, "proven": proven}


def _leave_form(ways: user.WaysIn) -> type[ProvenWithdrawForm]:
    return WithdrawForm if ways.has_password else ProvenWithdrawForm


def _is_password(given: str) -> bool:
    attempt = Attempt({f"password:{current_user.id}": 10}, minutes=15)
    with reading() as database:
        member = user.find_user(database, current_user.id)
    if not user.check_password(member, given):
        return False
    attempt.succeeded()
    return True
