"""The inbox."""

from flask import Blueprint, request, url_for
from flask_login import current_user, login_required

from nene.kernel.db import in_transaction, reading
from nene.kernel.paging import Cursor
from nene.kernel.web import Answer, arrived_on, show_change, show_page
from nene.notification import service

blueprint = Blueprint("notification", __name__)


@blueprint.get("/notifications")
@login_required
def index() -> Answer:
    """What I was told, newest first."""
    cursor = Cursor("notifications", current_user.id, request.args.get("cursor"))
    with reading() as session:
        page = service.inbox(session, current_user.id, cursor)
    return show_page(
        "notification/index.html",
        "notification/_rows.html",
        inbox=page,
        today=arrived_on(),
        group=request.args.get("group", ""),
    )


@blueprint.post("/notifications/read-all")
@login_required
def read_all() -> Answer:
    """Mark everything as read."""
    in_transaction(service.read_all, user_id=current_user.id)
    return show_change(back_to=url_for(".index"))
