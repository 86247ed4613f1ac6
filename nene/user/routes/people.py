"""Finding people."""

from flask import request
from flask_login import current_user, login_required

from nene.kernel.security import limit_search
from nene.kernel.web import Answer, show_page
from nene.user import service
from nene.user.forms.people import PeopleForm
from nene.user.routes.blueprint import blueprint


@blueprint.get("/users")
@login_required
@limit_search
def people() -> Answer:
    """People to look for, and without a keyword everybody."""
    form = PeopleForm.read()
    found = service.find_people(
        text=form.q.data or "", cursor=request.args.get("cursor"), by_admin=current_user.is_admin
    )
    return show_page("user/people.html", "user/_people_rows.html", form=form, people=found)
