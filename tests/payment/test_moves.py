"""The table of moves: the model and the database allow these and no others."""

from datetime import UTC, datetime
from itertools import product

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from nene.payment.models import MoveNotAllowed, Payment, PaymentEvent
from nene.payment.terms import Status
from tests import world

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
AMOUNT = 10_000
TABLE = {
    "PENDING": "CONFIRMING EXPIRED",
    "CONFIRMING": "DONE FAILED EXPIRED",
    "EXPIRED": "DONE",
    "FAILED": "DONE",
    "DONE": "CANCELING CANCELED DONE",
    "CANCELING": "CANCELED DONE",
    "CANCELED": "",
}
PAIRS = [pytest.param(*pair, id=">".join(pair)) for pair in product(Status, repeat=2)]


def payment(status: Status, user_id: int = 1) -> Payment:
    """As such a payment looks."""
    has_money = status in {Status.DONE, Status.CANCELING, Status.CANCELED}
    return Payment(
        order_id=f"order-{status}",
        user_id=user_id,
        amount=AMOUNT,
        status=status,
        payment_key=None if status is Status.PENDING else f"key-{status}",
        requested_at=NOW,
        approved_at=NOW if has_money else None,
        refunded=AMOUNT if status is Status.CANCELED else 0,
    )


def is_allowed(before: Status, after: Status) -> bool:
    return after in TABLE[before].split()


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_payment_moves_by_the_table_and_leaves_a_row(before: Status, after: Status) -> None:
    one = payment(before)
    if is_allowed(before, after):
        event = one.move(after, "시험", NOW)
        assert (event.before, event.after, event.why, event.at) == (before, after, "시험", NOW)
        assert one.status is after
    else:
        with pytest.raises(MoveNotAllowed):
            one.move(after, "시험", NOW)
        assert one.status is before


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_the_database_refuses_every_other_move(session: Session, before: Status, after: Status) -> None:
    one = payment(before, world.member(session))
    session.add(one)
    session.flush()
    change = update(Payment).where(Payment.id == one.id).values(status=after, payment_key=f"key-{before}")
    change = change.values(approved_at=NOW, refunded=AMOUNT if Status.CANCELED in {before, after} else 0)
    if before is after or is_allowed(before, after):
        session.execute(change)
    else:
        with pytest.raises(IntegrityError, match=f"does not go from {before} to {after}"):
            session.execute(change)


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": AMOUNT + 1},
        {"order_id": "order-another"},
        {"user_id": 0},
        {"requested_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"payment_key": "key-another"},
        {"payment_key": None},
        {"charged_at": None},
        {"refunded": 0},
    ],
    ids=str,
)
def test_what_a_payment_is_about_does_not_change(session: Session, changed: dict[str, object]) -> None:
    one = payment(Status.DONE, world.member(session))
    one.charged_at, one.refunded = NOW, 1
    session.add(one)
    session.flush()
    with pytest.raises(IntegrityError, match="does not change"):
        session.execute(update(Payment).where(Payment.id == one.id).values(**changed))


def test_payments_and_timelines_are_only_added_to(session: Session) -> None:
    one = payment(Status.PENDING, world.member(session))
    session.add(one)
    session.flush()
    event = one.move(Status.EXPIRED, "시험", NOW)
    session.add(event)
    session.flush()
    changes = (
        update(PaymentEvent).where(PaymentEvent.id == event.id).values(why="anything else"),
        delete(PaymentEvent).where(PaymentEvent.id == event.id),
        delete(Payment).where(Payment.id == one.id),
    )
    for change in changes:
        with pytest.raises(IntegrityError, match="only added to"), session.begin_nested():
            session.execute(change)
