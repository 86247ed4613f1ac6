"""The composed pages, and the demo clock."""

import structlog
from flask import Blueprint, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required

from nene.challenge import service as challenge
from nene.home import service
from nene.home.errors import CannotLeave, PointsLeft
from nene.home.forms import ClockForm, WithdrawForm
from nene.kernel import auth, demo_clock, settings
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotThere
from nene.kernel.security import Attempt, limit_money
from nene.kernel.web import Answer, arrived_on, back_or_home, go_to, show_form
from nene.user import service as user

blueprint = Blueprint("home", __name__)
LEAVE = "home/withdraw.html"
log = structlog.get_logger(__name__)


@blueprint.get("/")
def index() -> str:
    """The promise, or what is to do today."""
    user_id = current_user.id if current_user.is_authenticated else None
    with reading() as session:
        home = service.home_of(session, user_id=user_id, today=arrived_on())
    page = "home/in.html" if user_id else "home/out.html"
    return render_template(page, home=home, today=arrived_on())


@blueprint.get("/me")
@login_required
def me() -> str:
    """Everything of mine."""
    with reading() as session:
        mine = service.my_page(session, user_id=current_user.id, today=arrived_on())
    return render_template("home/me.html", mine=mine)


@blueprint.get("/users/<int:user_id>")
@login_required
def profile(user_id: int) -> str:
    """Somebody's public profile."""
    with reading() as session:
        shown = service.profile_of(session, user_id=user_id, today=arrived_on())
    return render_template("home/profile.html", shown=shown)


@blueprint.get("/me/withdraw")
@login_required
def leave() -> str:
    """What leaving means, and what must be over first."""
    with reading() as session:
        reasons = service.reasons_to_stay(session, current_user.id)
    return render_template(LEAVE, form=WithdrawForm.blank(), reasons=reasons)


@blueprint.post("/me/withdraw")
@login_required
@limit_money
def withdraw() -> Answer:
    """Leave for good."""
    form = WithdrawForm.checked(LEAVE, reasons=[])
    attempt = Attempt({f"password:{current_user.id}": 10}, minutes=15)
    with reading() as session:
        member = user.find_user(session, current_user.id)
    if member is None or not user.check_password(member, form.password.data or ""):
        form.blame("password", _("비밀번호가 맞지 않아요."))
        return show_form(LEAVE, LEAVE, form, reasons=[])
    attempt.succeeded()
    try:
        in_transaction(service.withdraw, user_id=current_user.id, gives_up=form.confirm.data)
    except PointsLeft as refusal:
        form.blame("confirm", refusal.message)
        return show_form(LEAVE, LEAVE, form, status=refusal.status, reasons=[])
    except CannotLeave as refusal:
        return show_form(LEAVE, LEAVE, form, status=refusal.status, reasons=refusal.reasons)
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
