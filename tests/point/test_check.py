"""P10: the proof of the ledger finds what the database would not have let in."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from nene.point import service as point
from nene.point.errors import LotsWrong, NoWallet
from nene.point.rules import take_oldest
from nene.point.terms import HOUSE, Move, Reason, Reference, wallet_of
from tests import world

FAULTS = {
    "UPDATE point_posting SET amount = amount + 1 WHERE kind <> 'WALLET'": ["2 postings that sum to 1"],
    "UPDATE point_account SET balance = balance + 1": ["balance 501, postings sum to 500", "501, lots have 500 left"],
    "UPDATE point_lot SET remaining = remaining - 1": ["balance 500, lots have 499 left", "499 left, uses explain 500"],
}


@pytest.mark.parametrize("spoil", FAULTS)
def test_each_fault_is_a_line(session: Session, spoil: str) -> None:
    world.member(session, 500)
    world.now_check(session)
    session.execute(text("SET LOCAL session_replication_role = replica"))  # triggers sleep
    session.execute(text(spoil))
    told = list(point.check(session))
    assert len(told) == len(FAULTS[spoil])
    assert all(fault in line for fault, line in zip(FAULTS[spoil], told, strict=True))


def test_who_has_no_wallet_is_a_fault_of_the_caller(session: Session) -> None:
    with pytest.raises(NoWallet):
        point.lock_balance(session, user_id=0)
    with pytest.raises(NoWallet):
        point.close_wallet(session, user_id=0)


def test_only_a_stake_or_a_charge_binds(session: Session) -> None:
    user_id = world.member(session, 500)
    assert not point.has_staked_or_charged(session, user_id)
    point.charge(session, user_id=user_id, order_id="order-0001", amount=10_000)
    assert point.has_staked_or_charged(session, user_id)


def test_a_lot_gives_no_more_than_it_has(session: Session) -> None:
    user_id = world.member(session, 500)
    point.charge(session, user_id=user_id, order_id="order-0001", amount=400)
    one = Move(
        key="test",
        source=wallet_of(user_id),
        target=HOUSE,
        amount=401,
        reason=Reason.CHARGE_CANCEL,
        about=Reference("test", "1", "시험"),
        from_lot_of="charge:order-0001",
    )
    with pytest.raises(LotsWrong):
        point.move_many(session, [one])


def test_lots_that_lack_points_are_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="lack 3 points"):
        take_oldest([(1, 4), (2, 3)], 10)
