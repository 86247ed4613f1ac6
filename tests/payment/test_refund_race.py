"""M8: between reading a refund and sending it, Toss may give money back by itself; ours must not go out for the new balance."""

from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from nene.kernel.db import in_transaction, reading
from nene.payment import gateway, queries, service
from nene.payment.gateway import Toss
from nene.payment.service.learn import learn
from nene.payment.terms import RefundStatus, Status
from tests.conftest import Race
from tests.crowd import wait_until
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.payment.test_cancel import spend
from tests.tossed import PracticeToss

DONE, REFUSED = RefundStatus.DONE, RefundStatus.REFUSED
ENDS = {  # what Toss cancels by itself: the points left, the refunds
    5_000: (0, [(5_000, DONE, 5_000, 0)]),  # it does what ours was to do
    3_000: (2_000, [(5_000, REFUSED, 5_000, 0), (3_000, DONE, 3_000, 0)]),
}


def is_locked(session: Session, *, waited_for: bool = False) -> bool:
    """Whether the table of payments is locked, and perhaps waited for."""
    locks = text(
        "SELECT mode = 'AccessExclusiveLock' AS all, granted FROM pg_locks WHERE relation = 'payment'::regclass"
    )
    found = session.execute(locks).all()
    return any(lock.all for lock in found) and not (waited_for and all(lock.granted for lock in found))


@pytest.mark.parametrize("gone", ENDS)
def test_what_toss_gave_back_meanwhile_does_not_go_back_twice(
    toss: PracticeToss, paying: Toss, kim: int, boss: int, race: Race, gone: int
) -> None:
    order = stage.paid(toss, kim)
    spend(kim, 5_000)
    toss.break_at("cancel", status=500)
    assert service.refund_rests(user_id=kim, by=kim, why="탈퇴") == 1
    payment_id = stage.row(order).id
    with reading() as session:
        asked = queries.find_asked(session, payment_id)
    assert asked is not None
    toss.act(order, "cancel", amount=gone)
    seen = gateway.current().find(order).payment
    assert seen is not None

    def learn_between(session: Session) -> None:
        """While the sender has read the refund and not yet the payment."""
        session.execute(text("LOCK TABLE payment IN ACCESS EXCLUSIVE MODE"))
        wait_until(partial(is_locked, session, waited_for=True))
        learn(session, payment_id, seen)

    def locked() -> bool:
        with reading() as session:
            return is_locked(session)

    def send() -> bool:
        wait_until(locked)
        return service.send_refund(asked.id)

    assert race(partial(in_transaction, learn_between), send) == [None, True]
    left, refunds = ENDS[gone]
    assert toss.payment(order)["balanceAmount"] == AMOUNT - gone
    assert stage.status(order) is Status.DONE
    assert (stage.balance(kim), stage.refunds(order)) == (left, refunds)
    assert stage.agrees(toss, order)
    assert not stage.faults()
