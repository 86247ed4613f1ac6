"""Text from the browser to checked values: what the forms of every domain are made of."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Self

from flask import request
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import DateField, Field, IntegerField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined, unused-ignore]
from wtforms.validators import StopValidation

from nene.kernel.text import composed
from nene.kernel.web import BadInput, show_form

LARGEST_ID = 2**63 - 1
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)  # of any day that a person means
WHOLE_NUMBER = _("숫자로 적어 주세요.")
A_DAY = _("날짜를 2026-01-31처럼 적어 주세요.")
# What turns the direction of text around, and other signs that nobody sees; emoji need the joiner U+200D.
UNSEEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x08\x0b-\x1f\x7f]")


class Form(FlaskForm):
    """A form with the CSRF field. One button: `SomeForm.checked()`. A page of its own: `SomeForm.checked(page)`."""

    @classmethod
    def blank(cls, **values: Any) -> Self:
        """The form to fill in, with these values in it."""
        return cls(formdata=None, **values)

    @classmethod
    def checked(
        cls,
        page: str | None = None,
        fragment: str | None = None,
        /,
        *,
        lazily: Callable[[], dict[str, Any]] | None = None,
        **context: object,
    ) -> Self:
        """The form as it was sent; raises BadInput when a value does not pass.

        With a page (and its fragment, for HTMX) that is what is shown then, with the form in it; `lazily` gives what it
        needs besides `context`.
        """
        form = cls()
        if form.validate():
            return form
        if page is None:
            raise BadInput(form)
        raise BadInput(
            form, lambda: show_form(page, fragment or page, form, **{**(lazily() if lazily else {}), **context})
        )

    def blame(self, field: str, message: str) -> None:
        """Put a refusal that came from behind at the field that it is about."""
        at: Field = self[field]
        at.errors = [*at.errors, message]


class QueryForm(Form):
    """Filters in the query of a GET; one that makes no sense counts as not given."""

    class Meta:
        """No change is made, so no CSRF field is needed."""

        csrf = False

    @classmethod
    def read(cls) -> Self:
        """The filters as they were sent."""
        form = cls(formdata=request.args)
        form.validate()
        for name in form.errors:
            form[name].process(None)
        return form


def number_field(label: Any, *validators: Any, **values: Any) -> IntegerField:
    """A field for a whole number in plain digits, which says in Korean when it holds something else."""
    checks = [*validators, _digits]
    return IntegerField(label, checks, invalid_value_message=WHOLE_NUMBER, **values)  # type: ignore[call-arg]


def date_field(label: Any, *validators: Any, **values: Any) -> DateField:
    """A field for a day, which says in Korean when it holds something else."""
    checks = [*validators, _plausible]
    return DateField(label, checks, invalid_value_message=A_DAY, **values)  # type: ignore[call-arg]


def choices(words: Mapping[Any, Any], every: Any = None) -> list[SelectChoice]:
    """Choices of a select or radio field from values and their words; `every` is the word for no choice."""
    chosen = {"": every, **words} if every is not None else words
    return [SelectChoice(value, label) for value, label in chosen.items()]


def tidy(value: str | None) -> str | None:
    """Text as people mean it: composed letters, one kind of line end, nothing unseen, no blanks around."""
    if not value:
        return value
    return UNSEEN.sub("", composed(value).replace("\r\n", "\n")).strip()


def tidy_line(value: str | None) -> str | None:
    """The same in one line."""
    return " ".join((tidy(value) or "").split()) if value else value


def _digits(_form: FlaskForm, field: Field) -> None:
    if field.raw_data and not re.fullmatch(r"\s*-?[0-9]+\s*", field.raw_data[0]):
        raise StopValidation(str(WHOLE_NUMBER))


def _plausible(_form: FlaskForm, field: Field) -> None:
    if field.data is not None and not EARLIEST <= field.data <= LATEST:
        raise StopValidation(str(A_DAY))
