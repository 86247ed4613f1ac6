"""M5, M9, M10: Toss is asked again until it is known how things stand, and nothing that it says in between is lost."""

from datetime import timedelta
from functools import partial

import pytest

from nene.kernel.clock import wall
from nene.kernel.db import in_transaction
from nene.payment import gateway, rules, service
from nene.payment.errors import GatewayAway, NotConfirmable, Owing
from nene.payment.gateway import Toss
from nene.payment.terms import Status
from tests import world
from tests.conftest import Clocks, Race
from tests.crowd import wait_until
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.payment.test_cancel import leave, spend
from tests.tossed import PracticeToss

ALWAYS_500 = [{"step": step, "times": None, "code": "COMMON_ERROR"} for step in ("confirm", "cancel", "find")]


def hear(order: str, transmission_id: str = "t-1") -> bool:
    """A webhook about an order arrives."""
    return in_transaction(service.take_webhook, transmission_id=transmission_id, order_id=order)


def test_the_pauses_between_questions_grow(toss: PracticeToss, paying: Toss, kim: int, clock: Clocks) -> None:
    clock.stop_at(wall.now())
    order = stage.start(kim)
    toss.control(faults=ALWAYS_500)
    stage.confirm(toss, kim, order)
    pauses = []
    for _question in range(6):
        due = stage.row(order).ask_at
        assert due is not None
        pauses.append((due - wall.now()).total_seconds())
        clock.wall.stop_at(due - timedelta(seconds=1))
        assert service.reconcile_due() == 0
        clock.wall.stop_at(due)
        assert service.reconcile_due() == 1
    assert pauses == [5, 30, 120, 600, 3600, 3600]
    assert stage.status(order) is Status.CONFIRMING


def test_a_cancel_keeps_its_key_and_a_confirmation_counts_the_tries_that_were_answered(
    toss: PracticeToss, paying: Toss, kim: int
) -> None:
    order = stage.start(kim)
    for fault in ({"code": "COMMON_ERROR"}, {"code": "UNAUTHORIZED_KEY"}, {}):
        toss.control(faults=[{"step": "confirm", **fault}] if fault else [])
        if stage.row(order).payment_key:
            stage.reconcile()
        else:
            stage.confirm(toss, kim, order)
    stage.work()
    toss.break_at("cancel", times=2, code="COMMON_ERROR")
    service.cancel(user_id=kim, order_id=order, why="마음이 바뀌었어요")
    stage.reconcile()
    assert stage.reconciled(order) is Status.CANCELED
    *confirms, first, second, third = toss.look()["keys"]
    assert confirms == [f"confirm-{order}-{number}" for number in (0, 0, 1)]
    assert first == second == third
    assert first.startswith("cancel-")


def test_time_alone_never_ends_a_confirmation(toss: PracticeToss, paying: Toss, kim: int, clock: Clocks) -> None:
    order = stage.start(kim)
    toss.break_at("confirm", close=True)
    stage.confirm(toss, kim, order)
    toss.control(faults=ALWAYS_500)
    clock.move(days=3)
    assert stage.reconciled(order) is Status.CONFIRMING
    toss.control(faults=[])
    assert stage.reconciled(order) is Status.CONFIRMING  # too old to be approved now; Toss says IN_PROGRESS
    assert stage.balance(kim) == 0
    toss.act(order, "age", minutes=11)
    assert stage.reconciled(order) is Status.EXPIRED
    assert "청구되지 않았어요" in stage.row(order).why_not


def test_an_order_without_a_confirmation_ends_after_half_an_hour(
    toss: PracticeToss, paying: Toss, kim: int, clock: Clocks
) -> None:
    order, other = stage.start(kim), stage.start(kim)
    key = toss.authenticate(order, AMOUNT)
    end = stage.row(order).requested_at + rules.PENDING_LIFE
    clock.wall.stop_at(end - timedelta(seconds=1))
    assert stage.reconciled(order) is Status.PENDING
    assert stage.row(order).ask_at == end
    clock.wall.stop_at(end + timedelta(seconds=1))
    toss.control(faults=ALWAYS_500)
    service.reconcile_due()
    assert stage.status(order) is Status.PENDING  # Toss is asked first
    toss.control(faults=[])
    assert (stage.reconciled(order), stage.status(other)) == (Status.EXPIRED, Status.EXPIRED)
    assert stage.row(order).ask_at is None
    assert toss.look()["calls"].get("confirm", 0) == 0
    with pytest.raises(NotConfirmable):
        service.confirm(user_id=kim, order_id=order, payment_key=key, amount=AMOUNT)
    assert stage.agrees(toss, order)


def test_messages_of_toss_do_not_put_the_end_off(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    toss.authenticate(order, AMOUNT)
    for number in range(5):
        assert hear(order, f"t-{number}")
        stage.work()
    assert stage.status(order) is Status.PENDING
    assert stage.row(order).ask_at == stage.row(order).requested_at + rules.PENDING_LIFE


def test_a_message_is_taken_once_and_of_a_strange_order_not_at_all(kim: int) -> None:
    order = stage.start(kim)
    assert not hear("somebody-elses-order")
    assert hear(order)
    stage.work()
    before = stage.row(order).ask_at
    assert hear(order)
    assert stage.row(order).ask_at == before
    assert not stage.jobs()


def test_old_marks_are_forgotten(kim: int, clock: Clocks) -> None:
    order = stage.start(kim)
    assert hear(order)
    clock.move(days=31)
    assert hear(order, "t-2")
    assert in_transaction(service.forget_webhooks) == 1


def test_what_toss_says_while_it_is_asked_is_not_lost(toss: PracticeToss, paying: Toss, kim: int, race: Race) -> None:
    order = stage.paid(toss, kim)
    hear(order)
    toss.break_at("find", after=True, seconds=1)

    def cancel_meanwhile() -> None:
        wait_until(lambda: toss.look()["calls"].get("find", 0) > 0)
        toss.act(order, "cancel")
        hear(order, "t-2")

    assert race(stage.work, cancel_meanwhile) == [None, None]
    service.reconcile_due()
    assert stage.status(order) is Status.CANCELED
    assert stage.agrees(toss, order)


def test_while_toss_is_away_a_message_waits(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    toss.act(order, "cancel")
    gateway.use(None)
    hear(order)
    stage.work()
    assert service.reconcile_due() == 0
    assert not stage.jobs()
    gateway.use(paying)
    assert service.reconcile_due() == 1
    assert stage.status(order) is Status.CANCELED


def test_an_order_that_toss_does_not_know_is_not_given_up_while_our_call_may_be_on_its_way(
    toss: PracticeToss, paying: Toss, kim: int, clock: Clocks
) -> None:
    order = stage.start(kim)
    toss.break_at("confirm", close=True)
    service.confirm(user_id=kim, order_id=order, payment_key="practice_unknown", amount=AMOUNT)
    assert stage.reconciled(order) is Status.CONFIRMING
    clock.move(seconds=26)
    assert stage.reconciled(order) is Status.EXPIRED
    assert stage.told(order) == "결제사에 없는 결제예요. 청구되지 않았어요."


def test_reloading_answers_the_same_though_toss_is_away(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order, other = stage.start(kim), stage.start(kim)
    key = stage.confirm(toss, kim, order)
    gateway.use(None)
    service.confirm(user_id=kim, order_id=order, payment_key=key, amount=AMOUNT)
    with pytest.raises(GatewayAway):
        service.confirm(user_id=kim, order_id=other, payment_key="practice_other", amount=AMOUNT)
    assert (stage.status(order), stage.status(other)) == (Status.DONE, Status.PENDING)


def test_while_toss_is_away_nothing_is_taken_for_a_cancel(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    gateway.use(None)
    with pytest.raises(GatewayAway):
        service.cancel(user_id=kim, order_id=order, why="마음이 바뀌었어요")
    with pytest.raises(GatewayAway):
        service.refund_rests(user_id=kim, by=kim, why="탈퇴")
    assert (stage.status(order), stage.balance(kim)) == (Status.DONE, AMOUNT)


@pytest.mark.parametrize("verb", ["confirm", "cancel"])
def test_whoever_misses_the_last_seat_is_served_by_the_next_round(
    toss: PracticeToss, paying: Toss, kim: int, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = stage.start(kim) if verb == "confirm" else stage.paid(toss, kim)
    monkeypatch.setattr(paying, "ready", lambda: True)  # the seat is taken between the look and the call
    for _seat in range(gateway.WAITING):
        paying._seats.acquire()
    if verb == "confirm":
        stage.confirm(toss, kim, order)
        assert service.reconcile_due() == 1
        assert stage.status(order) is Status.CONFIRMING
    else:
        service.cancel(user_id=kim, order_id=order, why="마음이 바뀌었어요")
        assert stage.status(order) is Status.CANCELING
    for _seat in range(gateway.WAITING):
        paying._seats.release()
    assert stage.reconciled(order) is (Status.DONE if verb == "confirm" else Status.CANCELED)
    assert stage.agrees(toss, order)


def test_who_owes_confirms_nothing_though_the_order_is_older(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order, older = stage.paid(toss, kim), stage.start(kim)
    spend(kim, 1)
    toss.act(order, "cancel")
    hear(order)
    stage.work()
    key = toss.authenticate(older, AMOUNT)
    with pytest.raises(Owing):
        service.confirm(user_id=kim, order_id=older, payment_key=key, amount=AMOUNT)
    assert stage.status(older) is Status.PENDING
    assert toss.payment(older)["status"] == "IN_PROGRESS"


def test_every_admin_is_told_once(toss: PracticeToss, paying: Toss, kim: int, boss: int) -> None:
    in_transaction(world.admin)
    order = stage.paid(toss, kim)
    spend(kim, 3_000)
    toss.act(order, "cancel")
    for number in range(2):
        hear(order, f"t-{number}")
        stage.work()
    assert stage.alerts() == [f"주문 {order}: 토스에서 10,000원이 취소됐어요. 미수 3,000P."] * 2


def test_a_virtual_account_is_closed_as_soon_as_toss_answers(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    stage.confirm(toss, kim, order, method="가상계좌")
    toss.break_at("cancel", status=500)
    stage.work()
    assert toss.payment(order)["status"] == "WAITING_FOR_DEPOSIT"
    stage.work()
    assert toss.payment(order)["status"] == "CANCELED"
    assert not stage.jobs()
    assert stage.reconciled(order) is Status.FAILED


def test_who_paid_into_a_virtual_account_has_the_points(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    stage.confirm(toss, kim, order, method="가상계좌")
    toss.act(order, "deposit")
    service.look(stage.row(order).id)
    stage.work()
    assert stage.status(order) is Status.DONE
    assert stage.balance(kim) == AMOUNT
    assert stage.agrees(toss, order)
    assert not stage.faults()


def test_what_is_left_after_a_part_went_back_follows_to_who_has_left(
    toss: PracticeToss, paying: Toss, kim: int, boss: int
) -> None:
    order = stage.start(kim)
    toss.break_at("confirm", code="NOT_FOUND_PAYMENT_SESSION", status=404, after=True)
    stage.confirm(toss, kim, order)
    in_transaction(leave, kim)
    toss.act(order, "cancel", amount=3_000)
    toss.break_at("cancel", code="REFUND_REJECTED", status=400)
    hear(order)
    stage.work()
    stage.reconcile()
    assert (stage.status(order), stage.row(order).refunded) == (Status.DONE, 3_000)
    assert "거절" in stage.alerts()[-1]
    hear(order, "t-2")
    stage.work()
    stage.reconcile()
    assert (stage.status(order), stage.row(order).refunded) == (Status.CANCELED, AMOUNT)
    assert toss.payment(order)["balanceAmount"] == 0


def test_what_toss_shows_of_another_amount_decides_nothing(
    toss: PracticeToss, paying: Toss, kim: int, boss: int
) -> None:
    order = stage.start(kim)
    toss.break_at("confirm", after=True, patch={"totalAmount": AMOUNT + 1})
    stage.confirm(toss, kim, order)
    assert stage.status(order) is Status.CONFIRMING
    assert ["달라요" in alert for alert in stage.alerts()] == [True]
    assert stage.reconciled(order) is Status.DONE


@pytest.mark.parametrize("status", ["IN_PROGRESS", "WAITING", "READY"])
def test_a_yes_without_done_is_no_approval(toss: PracticeToss, paying: Toss, kim: int, status: str) -> None:
    order = stage.start(kim)
    toss.break_at("confirm", after=True, patch={"status": status, "approvedAt": None})
    stage.confirm(toss, kim, order)
    assert stage.status(order) is Status.CONFIRMING
    assert stage.balance(kim) == 0


@pytest.mark.parametrize("order_of_things", ["before", "after", "instead", "twice", "at once"])
def test_a_message_before_after_instead_twice_or_at_once(
    toss: PracticeToss, paying: Toss, kim: int, race: Race, order_of_things: str
) -> None:
    order = stage.start(kim)
    key = toss.authenticate(order, AMOUNT)
    press = partial(service.confirm, user_id=kim, order_id=order, payment_key=key, amount=AMOUNT)

    def webhook() -> None:
        hear(order)
        stage.work()

    if order_of_things == "before":
        webhook()
        assert stage.status(order) is Status.PENDING
        press()
    elif order_of_things == "after":
        press()
        webhook()
    elif order_of_things == "instead":
        toss.break_at("confirm", after=True, close=True)
        press()
        webhook()
    elif order_of_things == "twice":
        press()
        for number in range(2):
            hear(order, f"t-{number}")
            stage.work()
    else:
        assert race(press, webhook, press, webhook, stage.work) == [None] * 5
    press()
    stage.work()
    assert stage.status(order) is Status.DONE
    assert stage.balance(kim) == AMOUNT
    assert stage.timeline(order) == [Status.PENDING, Status.CONFIRMING, Status.DONE]
    assert stage.entries("charge:") == 1
    assert len(toss.look()["movements"]) == 1
    assert stage.agrees(toss, order)
    assert not stage.faults()


def test_an_answer_that_comes_too_late_changes_nothing(toss: PracticeToss, paying: Toss, kim: int, race: Race) -> None:
    order = stage.start(kim)
    key = toss.authenticate(order, AMOUNT)
    toss.break_at("confirm", after=True, seconds=1, code="COMMON_ERROR")

    def look_meanwhile() -> None:
        wait_until(lambda: toss.payment(order)["status"] == "DONE")
        service.look(stage.row(order).id)

    press = partial(service.confirm, user_id=kim, order_id=order, payment_key=key, amount=AMOUNT)
    assert race(press, look_meanwhile) == [None, None]
    assert stage.status(order) is Status.DONE
    stage.work()
    assert stage.balance(kim) == AMOUNT
    assert stage.timeline(order) == [Status.PENDING, Status.CONFIRMING, Status.DONE]
