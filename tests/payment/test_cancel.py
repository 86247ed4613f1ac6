"""M8, M15, P5: money goes back once, whoever asks for it, and the points go with it."""

from datetime import timedelta
from functools import partial

import pytest

from nene.kernel.clock import seoul_date, seoul_midnight
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotThere
from nene.payment import queries, service
from nene.payment.errors import CancelTooLate, NotCancelable, NotYetCharged, Owing
from nene.payment.gateway import Toss
from nene.payment.terms import RefundStatus, Status
from nene.point import service as point
from nene.point.errors import ChargeSpent, NotEnoughPoints
from nene.point.terms import HOUSE, Reason, Reference, wallet_of
from tests import world
from tests.conftest import Clocks, Race
from tests.crowd import wait_until
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.tossed import PracticeToss

DONE, ASKED, REFUSED = RefundStatus.DONE, RefundStatus.ASKED, RefundStatus.REFUSED
FAULTS = {
    "lost": {"close": True},
    "slow": {"seconds": 3.0},
    "500": {"status": 500},
    "409": {"status": 409},
    "429": {"status": 429},
}


def cancel(user_id: int, order: str) -> None:
    service.cancel(user_id=user_id, order_id=order, why="마음이 바뀌었어요")


def spend(user_id: int, amount: int) -> None:
    in_transaction(
        point.move,
        key=f"test:{user_id}:{amount}",
        source=wallet_of(user_id),
        target=HOUSE,
        amount=amount,
        reason=Reason.PRODUCT_PURCHASE,
        about=Reference("test", "1", "시험"),
    )


def test_points_go_and_the_money_comes_back(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    cancel(kim, order)
    assert stage.status(order) is Status.CANCELED
    assert stage.balance(kim) == 0
    assert toss.payment(order)["balanceAmount"] == 0
    assert stage.refunds(order) == [(AMOUNT, DONE, AMOUNT, 0)]
    with pytest.raises(NotCancelable):
        cancel(kim, order)
    assert not stage.faults()


def test_only_the_owner_cancels(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    with pytest.raises(NotThere):
        cancel(in_transaction(world.member), order)
    assert stage.balance(kim) == AMOUNT


def test_what_is_spent_cannot_be_cancelled(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    spend(kim, 1)
    with pytest.raises(ChargeSpent):
        cancel(kim, order)
    assert stage.status(order) is Status.DONE
    assert stage.balance(kim) == AMOUNT - 1


def test_before_the_points_came_nothing_is_cancelled(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    stage.confirm(toss, kim, order)
    with pytest.raises(NotYetCharged):
        cancel(kim, order)
    stage.work()
    assert stage.balance(kim) == AMOUNT


def test_the_seventh_day_ends_at_midnight_in_seoul(toss: PracticeToss, paying: Toss, kim: int, clock: Clocks) -> None:
    first, second = stage.paid(toss, kim), stage.paid(toss, kim)
    approved = stage.row(first).approved_at
    assert approved is not None
    end = seoul_midnight(seoul_date(approved) + timedelta(days=8))
    clock.wall.stop_at(end - timedelta(seconds=1))
    cancel(kim, first)
    assert stage.status(first) is Status.CANCELED
    clock.wall.stop_at(end)
    with pytest.raises(CancelTooLate):
        cancel(kim, second)
    assert stage.balance(kim) == AMOUNT


def test_cancelling_and_spending_at_once_one_wins(toss: PracticeToss, paying: Toss, kim: int, race: Race) -> None:
    order = stage.paid(toss, kim)
    told = race(partial(cancel, kim, order), partial(spend, kim, AMOUNT))
    assert sum(one is None for one in told) == 1
    assert any(isinstance(one, ChargeSpent | NotEnoughPoints) for one in told)
    assert stage.balance(kim) == 0
    assert stage.agrees(toss, order)
    assert not stage.faults()


def test_pressed_ten_times_at_once_the_money_goes_back_once(
    toss: PracticeToss, paying: Toss, kim: int, race: Race
) -> None:
    order = stage.paid(toss, kim)
    told = race(*[partial(cancel, kim, order)] * 10)
    assert sum(one is None for one in told) == 1
    assert len(toss.payment(order)["cancels"]) == 1
    assert stage.balance(kim) == 0


def test_refused_for_certain_the_points_come_back_to_their_lot(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    toss.break_at("cancel", code="NOT_CANCELABLE_PAYMENT", status=403)
    cancel(kim, order)
    assert stage.status(order) is Status.DONE
    assert stage.balance(kim) == AMOUNT
    assert stage.refunds(order) == [(AMOUNT, REFUSED, AMOUNT, 0)]
    cancel(kim, order)
    assert stage.status(order) is Status.CANCELED
    assert stage.agrees(toss, order)
    assert not stage.faults()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_unknown_cancel_is_asked_for_with_the_same_key(
    toss: PracticeToss, paying: Toss, kim: int, fault: str, after: bool
) -> None:
    order = stage.paid(toss, kim)
    toss.break_at("cancel", after=after, **FAULTS[fault])
    cancel(kim, order)
    assert stage.status(order) is Status.CANCELING
    assert stage.balance(kim) == 0
    wait_until(lambda: stage.reconciled(order) is Status.CANCELED)
    assert len(toss.payment(order)["cancels"]) == 1
    assert stage.refunds(order) == [(AMOUNT, DONE, AMOUNT, 0)]
    assert not stage.faults()


def test_a_look_that_shows_done_restores_nothing(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    toss.break_at("cancel", code="SOMETHING_NEW", status=400)
    cancel(kim, order)
    in_transaction(service.take_webhook, transmission_id="t-1", order_id=order)
    toss.break_at("cancel", status=500)
    stage.work()
    assert toss.payment(order)["status"] == "DONE"
    assert stage.status(order) is Status.CANCELING
    assert stage.balance(kim) == 0


@pytest.mark.parametrize("spent", [0, 3_000, AMOUNT])
def test_cancelled_at_toss_the_rest_is_taken_and_what_is_spent_is_owed(
    toss: PracticeToss, paying: Toss, kim: int, spent: int
) -> None:
    order = stage.paid(toss, kim)
    if spent:
        spend(kim, spent)
    toss.act(order, "cancel")
    in_transaction(service.take_webhook, transmission_id="t-1", order_id=order)
    stage.work()
    assert stage.status(order) is Status.CANCELED
    assert stage.balance(kim) == 0
    assert stage.refunds(order) == [(AMOUNT, DONE, AMOUNT - spent, spent)]
    assert stage.agrees(toss, order)
    assert not stage.faults()
    if spent:
        with pytest.raises(Owing):
            stage.start(kim)
    else:
        assert stage.start(kim)


def test_cancelled_at_toss_in_part_and_then_by_us_the_rest(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    toss.act(order, "cancel", amount=3_000)
    in_transaction(service.take_webhook, transmission_id="t-1", order_id=order)
    stage.work()
    assert (stage.status(order), stage.balance(kim)) == (Status.DONE, 7_000)
    assert service.refund_rests(user_id=kim, by=kim, why="탈퇴") == 1
    assert stage.status(order) is Status.CANCELED
    assert stage.balance(kim) == 0
    assert stage.refunds(order) == [(3_000, DONE, 3_000, 0), (7_000, DONE, 7_000, 0)]
    assert stage.agrees(toss, order)
    assert not stage.faults()


def test_toss_cancels_a_part_while_ours_is_on_its_way(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    toss.break_at("cancel", status=500)
    cancel(kim, order)
    toss.act(order, "cancel", amount=3_000)
    stage.reconcile()
    assert stage.status(order) is Status.DONE
    assert stage.balance(kim) == 7_000
    assert stage.refunds(order) == [(AMOUNT, REFUSED, AMOUNT, 0), (3_000, DONE, 3_000, 0)]
    assert stage.agrees(toss, order)
    assert not stage.faults()


def test_what_is_left_of_each_charge_goes_back(toss: PracticeToss, paying: Toss, kim: int) -> None:
    orders = [stage.paid(toss, kim), stage.paid(toss, kim, 20_000)]
    spend(kim, 4_000)
    assert service.refund_rests(user_id=kim, by=kim, why="탈퇴") == 2
    assert [stage.status(order) for order in orders] == [Status.DONE, Status.CANCELED]
    assert [toss.payment(order)["balanceAmount"] for order in orders] == [4_000, 0]
    assert stage.balance(kim) == 0
    assert stage.agrees(toss, *orders)
    assert not stage.faults()


def test_approved_late_for_who_has_left_the_money_goes_back(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    toss.break_at("confirm", code="NOT_FOUND_PAYMENT_SESSION", status=404, after=True)
    stage.confirm(toss, kim, order)
    assert stage.status(order) is Status.EXPIRED
    in_transaction(leave, kim)
    in_transaction(service.take_webhook, transmission_id="t-1", order_id=order)
    stage.work()
    stage.reconcile()
    assert stage.status(order) is Status.CANCELED
    assert toss.payment(order)["balanceAmount"] == 0
    assert not stage.faults()


def leave(session: world.Session, user_id: int) -> None:
    from nene.home import service as home

    home.withdraw(session, user_id=user_id, checked_hash=world.HASH, gives_up=True)


@pytest.mark.parametrize("part", [None, 3_000])
def test_cancelled_at_toss_before_the_points_came(
    toss: PracticeToss, paying: Toss, kim: int, boss: int, part: int | None
) -> None:
    order = stage.start(kim)
    stage.confirm(toss, kim, order)
    toss.act(order, "cancel", amount=part)
    service.look(stage.row(order).id)
    stage.work()
    gone = part or AMOUNT
    assert stage.status(order) is (Status.DONE if part else Status.CANCELED)
    assert stage.balance(kim) == AMOUNT - gone
    assert stage.refunds(order) == [(gone, DONE, gone, 0)]
    assert stage.agrees(toss, order)
    assert not stage.faults()


def test_nobody_charges_who_has_left(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    toss.break_at("confirm", code="NOT_FOUND_PAYMENT_SESSION", status=404, after=True)
    stage.confirm(toss, kim, order)
    in_transaction(leave, kim)
    service.look(stage.row(order).id)
    in_transaction(service.charge, stage.row(order).id)
    assert stage.row(order).charged_at is None
    assert stage.entries("charge:") == 0


def test_an_answer_that_comes_after_the_reconciler_changes_nothing(
    toss: PracticeToss, paying: Toss, kim: int, race: Race
) -> None:
    order = stage.paid(toss, kim)
    toss.break_at("cancel", after=True, seconds=1, code="COMMON_ERROR")

    def reconcile_meanwhile() -> None:
        wait_until(lambda: bool(toss.payment(order)["cancels"]))
        service.look(stage.row(order).id)
        stage.reconcile()

    assert race(partial(cancel, kim, order), reconcile_meanwhile) == [None, None]
    assert stage.reconciled(order) is Status.CANCELED
    payment_id = stage.row(order).id
    with reading() as session:
        (refund,) = queries.list_refunds(session, payment_id)
    assert service.send_refund(refund.id)  # settled already: Toss is not asked
    assert len(toss.payment(order)["cancels"]) == 1
    assert stage.timeline(order)[-2:] == [Status.CANCELING, Status.CANCELED]
    assert stage.agrees(toss, order)


def test_the_rest_is_what_a_spend_at_the_same_moment_leaves(
    toss: PracticeToss, paying: Toss, kim: int, race: Race
) -> None:
    order = stage.paid(toss, kim)
    refund = partial(service.refund_rests, user_id=kim, by=kim, why="탈퇴")
    told = race(refund, partial(spend, kim, 4_000))
    assert told[0] == 1
    spent = 0 if isinstance(told[1], NotEnoughPoints) else 4_000
    assert stage.balance(kim) == 0
    assert toss.payment(order)["balanceAmount"] == spent
    assert stage.agrees(toss, order)
    assert not stage.faults()
