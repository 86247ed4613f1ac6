"""M3, M5: Toss and our rows say different things, and what becomes of it."""

import pytest

from nene.kernel.clock import seoul_date, wall
from nene.kernel.db import in_transaction
from nene.payment import gateway, service
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


def test_what_toss_could_not_do_at_the_moment_is_asked_for_under_another_key(
    toss: PracticeToss, paying: Toss, kim: int
) -> None:
    order = stage.start(kim)
    toss.break_at("confirm", code="PROVIDER_ERROR")
    stage.confirm(toss, kim, order)
    assert stage.status(order) is Status.CONFIRMING
    assert stage.reconciled(order) is Status.DONE
    assert toss.look()["keys"] == [f"confirm-{order}-{number}" for number in (0, 1)]
    assert stage.balance(kim) == AMOUNT
    assert stage.agrees(toss, order)


@pytest.mark.parametrize("status", ["DONE", "PARTIAL_CANCELED"])
def test_a_yes_that_does_not_say_when_is_told(
    toss: PracticeToss, paying: Toss, kim: int, boss: int, status: str
) -> None:
    order = stage.start(kim)
    toss.break_at("confirm", after=True, patch={"status": status, "approvedAt": None})
    stage.confirm(toss, kim, order)
    assert (stage.status(order), stage.balance(kim)) == (Status.CONFIRMING, 0)
    assert stage.alerts() == [f"주문 {order}: 토스가 승인했다고 하지만 승인한 때를 말하지 않아요."]
    assert stage.reconciled(order) is Status.DONE


def virtual(toss: PracticeToss, user_id: int) -> str:
    """A payment that has failed because it would have been one into a virtual account, which is yet to be closed."""
    order = stage.start(user_id)
    stage.confirm(toss, user_id, order, method="가상계좌")
    assert stage.status(order) is Status.FAILED
    return order


def test_however_long_toss_is_away_a_virtual_account_is_closed_afterwards(
    toss: PracticeToss, paying: Toss, kim: int, boss: int
) -> None:
    order = virtual(toss, kim)
    gateway.use(None)
    for _minute in range(6):
        stage.work()
    gateway.use(paying)
    assert toss.payment(order)["status"] == "WAITING_FOR_DEPOSIT"
    stage.work()
    assert toss.payment(order)["status"] == "CANCELED"
    assert not stage.alerts()


@pytest.mark.parametrize(
    ("code", "status", "waits"),
    [("NOT_CANCELABLE_PAYMENT", 403, False), ("UNAUTHORIZED_KEY", 401, True), ("SOMETHING_NEW", 400, True)],
)
def test_a_virtual_account_that_cannot_be_closed_is_told(
    toss: PracticeToss, paying: Toss, kim: int, boss: int, code: str, status: int, waits: bool
) -> None:
    order = virtual(toss, kim)
    toss.break_at("cancel", times=None, code=code, status=status)
    for _time in range(2):
        stage.work()
    assert stage.alerts() == [f"주문 {order}: 가상계좌를 닫지 못했어요 ({code})."]
    assert bool(stage.jobs()) is waits
