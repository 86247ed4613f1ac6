"""P10: the proof of the ledger finds every payment that differs from it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from nene.payment import service
from nene.payment.models import Payment, PaymentEvent
from nene.payment.terms import Status
from tests import world

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
ORDER = "order-0001"


def lost(payment: Payment) -> None:
    payment.charged_at = None


def never_came(payment: Payment) -> None:
    payment.charged_at = NOW


def went_back(payment: Payment) -> None:
    payment.refunded = 4_000


FAULTS: dict[Callable[[Payment], None], list[str]] = {
    lost: [f"payment {ORDER}: approved, not charged, and no charge waits"],
    never_came: [f"payment {ORDER}: 10000 won kept, 0 points of it in the ledger"],
    went_back: [
        f"payment {ORDER}: approved, not charged, and no charge waits",
        f"payment {ORDER}: its refunds are not what it says went back",
    ],
}


def stored(session: Session) -> Payment:
    payment = Payment(
        order_id=ORDER,
        user_id=world.member(session),
        amount=10_000,
        status=Status.DONE,
        payment_key="key",
        requested_at=NOW,
        approved_at=NOW,
    )
    session.add(payment)
    session.flush()
    return payment


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_each_fault_is_a_line(session: Session, spoil: Callable[[Payment], None]) -> None:
    payment = stored(session)
    session.add(PaymentEvent(payment_id=payment.id, before=None, after=Status.DONE, why="시험", at=NOW))
    spoil(payment)
    session.flush()
    assert list(service.check(session)) == FAULTS[spoil]


def test_a_timeline_that_ends_elsewhere_is_a_fault(session: Session) -> None:
    payment = stored(session)
    session.add(PaymentEvent(payment_id=payment.id, before=None, after=Status.PENDING, why="시험", at=NOW))
    session.flush()
    assert f"payment {ORDER}: DONE, but its timeline ends with PENDING" in list(service.check(session))
