"""The blueprint that every route of users hangs on, and how their forms refuse."""

from datetime import timedelta

from flask import Blueprint

from nene.kernel.forms import Form
from nene.kernel.security import Attempt
from nene.kernel.web import Answer, show_form
from nene.user.errors import FieldRefused, LettersSpent

blueprint = Blueprint("user", __name__)
MINUTES = 15  # in which failures are counted (U14)
SECOND_PRESS = timedelta(seconds=10)  # within which the same form is the same press
A_DAY = 24 * 60  # minutes, in which letters are counted
CONFIRMATIONS = 10  # letters to one address in a day, whoever asks and for however many accounts (U16)


def count_confirmation(email: str) -> Attempt:
    """Count a letter that asks to confirm this address, known or not. Raises LettersSpent."""
    return Attempt({f"confirmation:{email}": CONFIRMATIONS}, minutes=A_DAY, refusal=LettersSpent)


def refused_at(form: Form, page: str, *refusals: FieldRefused, **context: object) -> Answer:
    """The form once more, with each refusal at its field."""
    for refusal in refusals:
        form.blame(refusal.field, refusal.message)
    return show_form(page, page, form, status=refusals[0].status, **context)
