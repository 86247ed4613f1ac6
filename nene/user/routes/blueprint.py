"""The blueprint that every route of users hangs on, and how their forms refuse."""

from flask import Blueprint

from nene.kernel.forms import Form
from nene.kernel.web import Answer, show_form
from nene.user.errors import FieldRefused

blueprint = Blueprint("user", __name__)
MINUTES = 15  # in which failures are counted (U14)


def refused_at(form: Form, page: str, *refusals: FieldRefused, **context: object) -> Answer:
    """The form once more, with each refusal at its field."""
    for refusal in refusals:
        form.blame(refusal.field, refusal.message)
    return show_form(page, page, form, status=refusals[0].status, **context)
