"""M1 to M6: one approval and one charge for each order, in whatever order and number things come."""

from functools import partial

import pytest

from nene.kernel.db import in_transaction
from nene.kernel.errors import NotThere
from nene.payment import service
from nene.payment.errors import AmountNotAllowed, MonthFull, NotAsStored, NotConfirmable
from nene.payment.gateway import Toss
from nene.payment.terms import Status
from nene.user.errors import TooYoung
from tests import world
from tests.conftest import Race
from tests.crowd import wait_until
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.tossed import PracticeToss


def test_the_points_come_once(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    key = stage.confirm(toss, kim, order)
    assert stage.status(order) is Status.DONE
    assert stage.balance(kim) == 0
    stage.work()
    assert stage.balance(kim) == AMOUNT
    service.confirm(user_id=kim, order_id=order, payment_key=key, amount=AMOUNT)
    stage.work()
    assert stage.balance(kim) == AMOUNT
    assert stage.timeline(order) == [Status.PENDING, Status.CONFIRMING, Status.DONE]
    assert stage.agrees(toss, order)
    assert not stage.faults()


@pytest.mark.parametrize("amount", [0, 9_999, 100_001, -10_000])
def test_other_amounts_are_refused_before_the_window_opens(kim: int, amount: int) -> None:
    with pytest.raises(AmountNotAllowed):
        stage.start(kim, amount)


def test_nobody_under_age_pays(committed: None) -> None:
    young = in_transaction(world.member, birth_on=world.TODAY.replace(year=2010))
    with pytest.raises(TooYoung):
        stage.start(young)


def test_a_month_has_its_end(kim: int) -> None:
    for _number in range(5):
        stage.start(kim, 100_000)
    with pytest.raises(MonthFull):
        stage.start(kim)


def test_the_cap_holds_for_many_at_once(kim: int, race: Race) -> None:
    told = race(*[partial(stage.start, kim, 100_000) for _ in range(8)])
    assert sum(isinstance(one, str) for one in told) == 5
    assert sum(isinstance(one, MonthFull) for one in told) == 3


def test_owner_and_amount_are_those_that_were_stored(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order, other = stage.start(kim), in_transaction(world.member)
    key = toss.authenticate(order, AMOUNT)
    with pytest.raises(NotThere):
        service.confirm(user_id=other, order_id=order, payment_key=key, amount=AMOUNT)
    with pytest.raises(NotAsStored):
        service.confirm(user_id=kim, order_id=order, payment_key=key, amount=AMOUNT + 1)
    assert stage.status(order) is Status.PENDING
    assert not [call for call in toss.look()["calls"] if "confirm" in str(call)]


def test_a_key_of_another_order_is_refused(toss: PracticeToss, paying: Toss, kim: int) -> None:
    first, second = stage.start(kim), stage.start(kim)
    key = stage.confirm(toss, kim, first)
    with pytest.raises(NotAsStored):
        service.confirm(user_id=kim, order_id=second, payment_key=key, amount=AMOUNT)
    assert stage.status(second) is Status.PENDING


def test_pressed_ten_times_at_once(toss: PracticeToss, paying: Toss, kim: int, race: Race) -> None:
    order = stage.start(kim)
    key = toss.authenticate(order, AMOUNT)
    press = partial(service.confirm, user_id=kim, order_id=order, payment_key=key, amount=AMOUNT)
    assert race(*[press] * 10) == [None] * 10
    stage.reconcile()
    assert stage.balance(kim) == AMOUNT
    assert stage.entries("charge:") == 1
    assert stage.agrees(toss, order)


def test_a_declined_card_is_told_in_plain_korean(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    key = stage.confirm(toss, kim, order, decline="REJECT_CARD_COMPANY")
    assert stage.status(order) is Status.FAILED
    assert stage.row(order).failure_text
    with pytest.raises(NotConfirmable):
        service.confirm(user_id=kim, order_id=order, payment_key=key, amount=AMOUNT)
    assert stage.balance(kim) == 0


FAULTS = {
    "lost": {"close": True},
    "slow": {"seconds": 3.0},
    "500": {"status": 500},
    "409": {"status": 409},
    "429": {"status": 429},
}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_unknown_outcome_is_asked_for_until_it_is_known(
    toss: PracticeToss, paying: Toss, kim: int, after: bool, fault: str
) -> None:
    order = stage.start(kim)
    toss.break_at("confirm", after=after, **FAULTS[fault])
    stage.confirm(toss, kim, order)
    assert stage.status(order) is Status.CONFIRMING
    wait_until(lambda: stage.reconciled(order) is Status.DONE)
    assert stage.balance(kim) == AMOUNT
    assert stage.agrees(toss, order)
    assert not stage.faults()


def test_who_waits_too_long_is_not_charged(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    key = toss.authenticate(order, AMOUNT)
    toss.act(order, "age", minutes=11)
    service.confirm(user_id=kim, order_id=order, payment_key=key, amount=AMOUNT)
    assert stage.status(order) is Status.EXPIRED
    assert stage.agrees(toss, order)


def test_a_virtual_account_is_cancelled_and_failed(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    stage.confirm(toss, kim, order, method="가상계좌")
    assert stage.status(order) is Status.FAILED
    assert "가상계좌는 쓸 수 없어요" in stage.row(order).failure_text
    stage.work()
    assert toss.payment(order)["status"] == "CANCELED"
