"""The words of the ledger that other domains may use."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Reason(StrEnum):
    """Why points moved."""

    CHARGE = "CHARGE"
    CHARGE_CANCEL = "CHARGE_CANCEL"
    CHARGE_OWED = "CHARGE_OWED"
    CHARGE_RESTORE = "CHARGE_RESTORE"
    CHALLENGE_ENTRY = "CHALLENGE_ENTRY"
    CHALLENGE_REFUND = "CHALLENGE_REFUND"
    CHALLENGE_REWARD = "CHALLENGE_REWARD"
    PRODUCT_PURCHASE = "PRODUCT_PURCHASE"
    PRODUCT_REFUND = "PRODUCT_REFUND"
    ADMIN_GRANT = "ADMIN_GRANT"
    WITHDRAWAL = "WITHDRAWAL"


class AccountKind(StrEnum):
    """What an account is. Wallets and escrows keep a balance; of a system account the balance is a sum."""

    WALLET = "WALLET"
    ESCROW = "ESCROW"
    CLEARING = "CLEARING"
    RECEIVABLE = "RECEIVABLE"
    SHOP_REVENUE = "SHOP_REVENUE"
    GRANTS = "GRANTS"
    HOUSE = "HOUSE"


class LotKind(StrEnum):
    """Whether points were bought (only these can become money again) or came otherwise."""

    PAID = "PAID"
    FREE = "FREE"


LARGEST_MOVE = 10**12  # points; far above anything meant, and far below what 64 bits hold


@dataclass(frozen=True, order=True)
class Account:
    """One side of a move: a user's wallet, a challenge's escrow, or a system account (owner 0)."""

    kind: AccountKind
    owner: int = 0


def wallet_of(user_id: int) -> Account:
    """The wallet of a user."""
    return Account(AccountKind.WALLET, user_id)


def escrow_of(challenge_id: int) -> Account:
    """The account that holds a challenge's stakes."""
    return Account(AccountKind.ESCROW, challenge_id)


CLEARING = Account(AccountKind.CLEARING)
RECEIVABLE = Account(AccountKind.RECEIVABLE)
SHOP_REVENUE = Account(AccountKind.SHOP_REVENUE)
GRANTS = Account(AccountKind.GRANTS)
HOUSE = Account(AccountKind.HOUSE)


@dataclass(frozen=True)
class Reference:
    """What caused an entry: app.py maps the kind to a page, the label is what the history shows."""

    kind: str
    id: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Move:
    """Points to move, in whole points; `key` says what for, and is never used for anything else (P1).

    `undoes` is the key of the move whose lots get the points back (P3); `from_lot_of` the key of the move whose lot alone
    may give them (P5). Otherwise the oldest lot gives first, and what arrives in a wallet makes a new lot.
    """

    key: str
    source: Account
    target: Account
    amount: int
    reason: Reason
    about: Reference
    undoes: str | None = None
    from_lot_of: str | None = None


@dataclass(frozen=True)
class Moved:
    """An entry of the ledger; `created` is false when it had been posted before and nothing was changed."""

    entry_id: int
    created: bool


@dataclass(frozen=True)
class HistoryRow:
    """One line of a wallet's history: `amount` with its sign, and the balance after it."""

    id: int
    at: datetime
    reason: Reason
    amount: int
    balance_after: int
    about: Reference
