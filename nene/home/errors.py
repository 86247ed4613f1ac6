"""What the composed pages refuse."""

from collections.abc import Sequence
from typing import ClassVar

from flask_babel import lazy_gettext as _

from nene.kernel.errors import Refusal


class CannotLeave(Refusal):
    """Something of the person's is not over yet (U9); `reasons` are in Korean."""

    text: ClassVar = _("아직 탈퇴할 수 없어요. 아무것도 바뀌지 않았어요.")

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__()
        self.reasons = reasons


class RefundFirst(Refusal):
    """Something that was paid for can still go back as money, and Toss has not refused it (M15)."""

    text: ClassVar = _("충전하고 쓰지 않은 돈을 먼저 돌려받아 주세요. 아직 탈퇴하지 않았고, 포인트는 그대로예요.")


class PointsLeft(Refusal):
    """Points would be lost, and the person has not said in so many words that they give them up (U9)."""

    text: ClassVar = _("남은 포인트를 포기한다고 확인해 주세요. 포인트는 그대로예요.")


class NotProven(Refusal):
    """Who has no password leaves after a fresh sign-in, at most five minutes ago (U9)."""

    text: ClassVar = _("연결한 계정으로 본인인지 다시 확인해 주세요. 아직 탈퇴하지 않았어요.")


class PasswordChanged(Refusal):
    """Another password was set while this one was being checked (U9)."""

    text: ClassVar = _("방금 비밀번호가 바뀌었어요. 새 비밀번호로 다시 해 주세요. 아직 탈퇴하지 않았어요.")
