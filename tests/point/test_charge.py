"""Points bought with money: in, back, and in again (P5)."""

from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from nene.kernel.db import in_transaction, reading
from nene.point import service as point
from nene.point.errors import ChargeAlreadyCancelled, ChargeSpent, KeyReused, NotEnoughPoints
from nene.point.models import Lot
from nene.point.terms import HOUSE, LotKind, Reason, Reference, wallet_of
from tests import world
from tests.conftest import Race

ORDER = "order-1"


def charge(session: Session, user_id: int, amount: int = 10_000, order: str = ORDER) -> bool:
    return point.charge(session, user_id=user_id, order_id=order, amount=amount).created


def cancel(session: Session, user_id: int, refund: int = 1, order: str = ORDER) -> bool:
    return point.cancel_charge(session, user_id=user_id, order_id=order, refund_id=refund).created


def restore(session: Session, user_id: int, refund: int = 1) -> bool:
    return point.restore_charge(session, user_id=user_id, order_id=ORDER, refund_id=refund, amount=10_000).created


def spend(session: Session, user_id: int, amount: int) -> None:
    about = Reference("order", "1", "텀블러")
    point.move(
        session, key=f"purchase:{amount}", source=wallet_of(user_id), target=HOUSE, amount=amount,
        reason=Reason.PRODUCT_PURCHASE, about=about,
    )  # fmt: skip


def test_a_charge_makes_a_paid_lot_once(session: Session) -> None:
    user_id = world.member(session)
    assert [charge(session, user_id), charge(session, user_id)] == [True, False]
    assert point.balance_of(session, user_id) == 10_000
    assert session.scalars(select(Lot.kind).where(Lot.user_id == user_id)).all() == [LotKind.PAID]
    with pytest.raises(KeyReused):
        charge(session, user_id, 20_000)
    world.now_check(session)


def test_cancelling_takes_the_charges_own_lot_though_an_older_one_is_there(session: Session) -> None:
    user_id = world.member(session, 500)
    charge(session, user_id)
    cancel(session, user_id)
    lots = session.execute(select(Lot.kind, Lot.remaining).where(Lot.user_id == user_id).order_by(Lot.id))
    assert [tuple(lot) for lot in lots] == [(LotKind.FREE, 500), (LotKind.PAID, 0)]
    world.now_check(session)


def test_a_charge_of_which_a_point_is_spent_is_not_cancelled(session: Session) -> None:
    user_id = world.member(session)
    charge(session, user_id)
    spend(session, user_id, 1)
    with pytest.raises(ChargeSpent):
        cancel(session, user_id)
    assert point.balance_of(session, user_id) == 9_999


def test_a_charge_is_cancelled_once(session: Session) -> None:
    user_id = world.member(session)
    charge(session, user_id)
    cancel(session, user_id)
    with pytest.raises(ChargeAlreadyCancelled):
        cancel(session, user_id, refund=2)


def test_a_refused_cancellation_puts_the_points_back_into_the_same_lot(session: Session) -> None:
    user_id = world.member(session)
    charge(session, user_id)
    cancel(session, user_id)
    assert [restore(session, user_id), restore(session, user_id)] == [True, False]
    assert session.scalars(select(Lot.remaining).where(Lot.user_id == user_id)).all() == [10_000]
    assert cancel(session, user_id, refund=2)
    world.now_check(session)


def test_nobody_cancels_anothers_charge(session: Session) -> None:
    owner, other = world.member(session), world.member(session, 10_000)
    charge(session, owner)
    with pytest.raises(ChargeSpent):
        cancel(session, other)
    with pytest.raises(ChargeSpent):
        cancel(session, owner, order="unknown")


def test_two_spends_of_the_whole_balance_at_once(race: Race) -> None:
    """One wins, the other is refused and nothing is changed (P6)."""
    user_id = in_transaction(world.member, 1_000)
    results = race(*(partial(in_transaction, spend, user_id, amount) for amount in (1_000, 999)))
    assert sorted(type(result) for result in results if result) == [NotEnoughPoints]
    with reading() as session:
        assert point.balance_of(session, user_id) in {0, 1}
        assert not world.faults(session)


def test_a_spend_and_a_cancellation_at_once(race: Race) -> None:
    """One of them wins."""
    user_id = in_transaction(world.member)
    in_transaction(charge, user_id)
    spent, cancelled = race(partial(in_transaction, spend, user_id, 1), partial(in_transaction, cancel, user_id))
    assert (spent is None) != (cancelled is True)
    with reading() as session:
        assert point.balance_of(session, user_id) == (9_999 if spent is None else 0)
        assert not world.faults(session)


def test_the_same_charge_by_four_workers(race: Race) -> None:
    user_id = in_transaction(world.member)
    results = race(*[partial(in_transaction, charge, user_id)] * 4)
    assert sorted(results) == [False, False, False, True]
    with reading() as session:
        assert point.balance_of(session, user_id) == 10_000
