"""What the ledger refuses."""

from typing import ClassVar

from flask_babel import lazy_gettext as _

from nene.kernel.errors import Refusal


class AmountWrong(ValueError):
    """A fault of the caller: an amount that is not positive, not a whole number, or beyond all measure (P7)."""


class KeyReused(RuntimeError):
    """A fault of the caller: the same idempotency key with another content (P1)."""


class AlreadyMoved(RuntimeError):
    """A fault of the caller: posted before, and the caller is no job that may run twice (P1)."""


class NoWallet(RuntimeError):
    """A fault of the caller: no such wallet."""


class LotsWrong(RuntimeError):
    """A fault of the caller: the lots named cannot give or take back this amount."""


class NotEnoughPoints(Refusal):
    """The wallet holds less than is asked for; nothing was moved. Values: needed, balance, missing."""

    text: ClassVar = _(
        "%(missing)sP가 모자라요. 필요한 포인트는 %(needed)sP, 가진 포인트는 %(balance)sP예요. 포인트는 그대로예요."
    )

    def __init__(self, *, needed: int, balance: int) -> None:
        super().__init__(needed=f"{needed:,}", balance=f"{balance:,}", missing=f"{needed - balance:,}")
        self.missing = needed - balance


class WalletClosed(Refusal):
    """The wallet's owner has left; a closed wallet refuses every movement."""

    text: ClassVar = _("탈퇴한 회원의 지갑이에요. 포인트는 그대로예요.")


class ChargeSpent(Refusal):
    """Something of the charge is spent, so that it cannot be taken back (P5)."""

    text: ClassVar = _("이 충전으로 받은 포인트를 이미 써서 취소할 수 없어요. 포인트는 그대로예요.")


class ChargeAlreadyCancelled(Refusal):
    """The charge has been taken back before (P5)."""

    text: ClassVar = _("이미 취소한 충전이에요.")
