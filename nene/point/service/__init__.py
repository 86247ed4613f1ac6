"""What other domains may ask of the ledger."""

from nene.point.service.charge import cancel_charge, charge, cleared, left_of_charge, owe, restore_charge, take_rest
from nene.point.service.check import check
from nene.point.service.ledger import move, move_many
from nene.point.service.wallet import (
    account_sum,
    balance_of,
    close_wallet,
    full_escrows,
    give_up,
    grant,
    has_charged,
    has_staked_or_charged,
    history,
    lock_balance,
    open_escrow,
    open_wallet,
)

__all__ = [
    "account_sum",
    "balance_of",
    "cancel_charge",
    "charge",
    "check",
    "cleared",
    "close_wallet",
    "full_escrows",
    "give_up",
    "grant",
    "has_charged",
    "has_staked_or_charged",
    "history",
    "left_of_charge",
    "lock_balance",
    "move",
    "move_many",
    "open_escrow",
    "open_wallet",
    "owe",
    "restore_charge",
    "take_rest",
]
