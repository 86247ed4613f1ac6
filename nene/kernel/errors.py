"""Refusals: what the product says no to, with the HTTP status and the Korean reason."""

from typing import Any, ClassVar

from flask_babel import lazy_gettext as _


class Refusal(Exception):
    """Nothing was done, and the person is told why.

    A subclass says what happened (no Error suffix), its HTTP status and its text; `values` fill the text.
    """

    status: ClassVar[int] = 409
    text: ClassVar[Any] = _("지금은 할 수 없어요.")

    def __init__(self, **values: object) -> None:
        super().__init__(type(self).__name__)
        self.values = values

    @property
    def message(self) -> str:
        """The reason in the reader's language."""
        return str(self.text) % self.values if self.values else str(self.text)


class NotThere(Refusal):
    """It does not exist, or is not the asker's to know about."""

    status = 404
    text = _("찾는 것이 없어요.")


class NotAllowed(Refusal):
    """The asker is known, and may not do this."""

    status = 403
    text = _("이 일을 할 수 있는 권한이 없어요.")


class TooMany(Refusal):
    """Asked for too often; `retry_after` seconds from now it may be tried again."""

    status = 429
    text = _("요청이 너무 많아요. 잠시 뒤 다시 해 주세요.")

    def __init__(self, *, retry_after: int, **values: object) -> None:
        super().__init__(**values)
        self.retry_after = retry_after


class NothingDone(Refusal):
    """Something outside is away, and nothing was changed."""

    status = 503
    text = _("아무것도 처리되지 않았습니다. 잠시 뒤 다시 해 주세요.")


class OutcomeUnknown(Refusal):
    """The connection was lost while committing: it may have been done or not, and whoever asked has to look."""

    status = 503
    text = _("처리됐는지 확인하지 못했어요. 내역을 먼저 확인해 주세요.")


class CursorWrong(Refusal):
    """A cursor that we did not make, or made for another list."""

    status = 400
    text = _("목록의 자리를 알 수 없어요. 처음부터 다시 봐 주세요.")
