"""M3, M5: Toss and our rows say different things, and what becomes of it."""

import pytest

from nene.kernel.clock import seoul_date, wall
from nene.kernel.db import in_transaction
from nene.payment import service
from nene.payment.gateway import Toss
from nene.payment.terms import RefundStatus, Status
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.payment.test_cancel import leave
from tests.payment.test_compare import denied
from tests.payment.test_reconcile import hear
from tests.tossed import PracticeToss


@pytest.mark.parametrize("is_here", [True, False], ids=["a member", "who has left"])
def test_taken_and_given_back_at_toss_unseen_is_so_here_too(
    toss: PracticeToss, paying: Toss, kim: int, boss: int, is_here: bool
) -> None:
    order, today = denied(toss, kim), seoul_date(wall.now())
    toss.act(order, "cancel")
    if not is_here:
        in_transaction(leave, kim)
    assert list(service.differences(today, today))
    hear(order)
    stage.work()
    assert stage.timeline(order)[-3:] == [Status.EXPIRED, Status.DONE, Status.CANCELED]
    assert stage.refunds(order) == [(AMOUNT, RefundStatus.DONE, AMOUNT if is_here else 0, 0)]
    assert not stage.row(order).failure_text
    assert not list(service.differences(today, today))
    assert stage.agrees(toss, order)
    assert not stage.faults()
    if is_here:
        assert stage.balance(kim) == 0
