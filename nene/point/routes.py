"""The pages of points."""

from flask import Blueprint, render_template, request
from flask_login import current_user, login_required

from nene.kernel.db import reading
from nene.kernel.paging import Cursor
from nene.kernel.security import limit_search
from nene.kernel.web import Answer, arrived_on, show_page
from nene.point import service
from nene.point.forms import REASONS, HistoryForm

blueprint = Blueprint("point", __name__)


@blueprint.get("/points")
@login_required
@limit_search
def index() -> Answer:
    """My balance and history."""
    form = HistoryForm.read()
    reason, since, until = form.chosen, form.since.data, form.until.data
    cursor = Cursor("points", [current_user.id, reason, since, until], request.args.get("cursor"))
    with reading() as session:
        page = service.history(session, current_user.id, cursor=cursor, reason=reason, since=since, until=until)
    return show_page(
        "point/index.html",
        "point/_rows.html",
        form=form,
        history=page,
        reasons=REASONS,
        today=arrived_on(),
        month=request.args.get("month", ""),
    )


@blueprint.get("/points/balance")
@login_required
def balance() -> str:
    """My balance, for the header to refresh."""
    with reading() as session:
        points = service.balance_of(session, current_user.id)
    return render_template("_balance.html", balance=points)
