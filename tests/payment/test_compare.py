"""M11: our rows against Toss's books, by command and once a day."""

import json
from datetime import timedelta
from typing import Any

from click.testing import Result
from flask import Flask

from nene.kernel.clock import seoul_date, wall
from nene.payment import gateway, service
from nene.payment.gateway import Toss
from nene.payment.terms import Status
from tasks import schedule
from tests.conftest import Clocks
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.tossed import PracticeToss


def reconcile(app: Flask, *days: str) -> Result:
    return app.test_cli_runner().invoke(args=["payments", "reconcile", *days])


def lines(result: Result) -> list[str]:
    """What is printed beside the log."""
    return [line for line in result.output.splitlines() if not line.startswith("{")]


def told_otherwise(toss: PracticeToss, **changed: Any) -> None:
    """Toss's books, the next time that they are read, with something else in each line."""
    lines = [{**one, **changed} for one in toss.look()["movements"]]
    toss.break_at("list", status=200, body=json.dumps(lines))


def ask() -> None:
    """As the scheduler does at five."""
    (job,) = [job for _trigger, job in schedule.jobs() if getattr(job, "args", ("",))[0] == "payment.compare"]
    job()


def denied(toss: PracticeToss, user_id: int) -> str:
    """A payment that Toss has approved though it said that it had not."""
    order = stage.start(user_id)
    toss.break_at("confirm", code="NOT_FOUND_PAYMENT_SESSION", status=404, after=True)
    stage.confirm(toss, user_id, order)
    assert stage.status(order) is Status.EXPIRED
    return order


def test_equal_books_are_told_so(app: Flask, toss: PracticeToss, paying: Toss, kim: int) -> None:
    stage.paid(toss, kim)
    order = stage.paid(toss, kim)
    service.cancel(user_id=kim, order_id=order, why="마음이 바뀌었어요")
    result = reconcile(app)
    assert (result.exit_code, "as in Toss's books" in result.output) == (0, True)


def test_each_difference_is_a_line(app: Flask, toss: PracticeToss, paying: Toss, kim: int) -> None:
    wrong, cancelled = denied(toss, kim), stage.paid(toss, kim)
    toss.act(cancelled, "cancel", amount=3_000)
    key = toss.authenticate("nobodys-order", AMOUNT)
    paying.approve(payment_key=key, order_id="nobodys-order", amount=AMOUNT, idempotency_key="k")
    result = reconcile(app)
    assert result.exit_code == 1
    first, second, third = lines(result)
    assert first == f"{wrong}: approved at Toss, EXPIRED here"
    assert second.startswith(f"{cancelled}: cancel ")
    assert second.endswith(" of Toss is unknown here")
    assert third == "nobodys-order: Toss has it, we do not"


def test_what_is_only_here_is_a_line(app: Flask, toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    service.cancel(user_id=kim, order_id=order, why="마음이 바뀌었어요")
    toss.break_at("list", status=200, body="[]")
    approved, returned = lines(reconcile(app))
    assert approved == f"{order}: approved here, not in Toss's books"
    assert returned.startswith(f"{order}: refund ")
    assert returned.endswith(" here, not in Toss's books")


def test_other_amounts_are_lines(app: Flask, toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    service.cancel(user_id=kim, order_id=order, why="마음이 바뀌었어요")
    told_otherwise(toss, amount=9_000)
    assert lines(reconcile(app)) == [
        f"{order}: 9000 won at Toss, 10000 here",
        f"{order}: 9000 won went back at Toss, 10000 here",
    ]


def test_a_virtual_account_that_waits_is_no_difference(app: Flask, toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    told_otherwise(toss, status="WAITING_FOR_DEPOSIT")
    assert lines(reconcile(app)) == [f"{order}: approved here, not in Toss's books"]


def test_a_day_ends_here_when_it_ends_at_toss(
    app: Flask, toss: PracticeToss, paying: Toss, kim: int, clock: Clocks
) -> None:
    order = stage.paid(toss, kim)
    toss.act(order, "cancel")
    today = seoul_date(wall.now())
    clock.move(days=1)
    service.look(stage.row(order).id)
    assert stage.status(order) is Status.CANCELED
    assert not list(service.differences(today - timedelta(days=1), today))
    assert not list(service.differences(today + timedelta(days=1), today + timedelta(days=1)))


def test_without_an_answer_nothing_is_said_to_be_equal(app: Flask, paying: Toss, toss: PracticeToss) -> None:
    toss.break_at("list", status=500)
    result = reconcile(app, "--from", "2026-11-01", "--to", "2026-11-02")
    assert (result.exit_code, "연결할 수 없어요" in result.output) == (1, True)


def test_once_a_day_what_differs_is_mended_and_told(
    toss: PracticeToss, paying: Toss, kim: int, boss: int, clock: Clocks
) -> None:
    wrong, cancelled, sound = denied(toss, kim), stage.paid(toss, kim), stage.paid(toss, kim)
    toss.act(cancelled, "cancel")
    clock.move(days=1)
    ask()
    stage.work()
    assert (stage.status(wrong), stage.status(cancelled), stage.status(sound)) == (
        Status.DONE,
        Status.CANCELED,
        Status.DONE,
    )
    assert stage.balance(kim) == 2 * AMOUNT
    assert any("결제 2건이 토스의 장부와 달라요" in alert for alert in stage.alerts())
    assert stage.agrees(toss, wrong, cancelled, sound)
    before = len(stage.alerts())
    service.compare(seoul_date(wall.now()) - timedelta(days=1))
    assert len(stage.alerts()) == before


def test_while_toss_is_away_the_comparison_waits_and_is_still_of_its_day(
    toss: PracticeToss, paying: Toss, kim: int, boss: int, clock: Clocks
) -> None:
    wrong = denied(toss, kim)
    clock.move(days=1)
    gateway.use(None)
    ask()
    for _minute in range(6):
        stage.work()
    clock.move(days=1)
    assert [name for _id, name in stage.jobs()] == ["payment.compare"]
    gateway.use(paying)
    stage.work()
    assert stage.status(wrong) is Status.DONE
    assert ["1건이 토스의 장부와 달라요" in alert for alert in stage.alerts()] == [True]


def test_books_that_nobody_can_read_are_told(toss: PracticeToss, paying: Toss, kim: int, boss: int) -> None:
    toss.break_at("list", times=None, code="COMMON_ERROR")
    ask()
    for _try in range(4):
        stage.work()
    assert not stage.jobs()
    day = schedule.yesterday()
    assert stage.alerts() == [f"{day}의 결제를 토스의 장부와 견주지 못했어요."]


def test_the_scheduler_asks_for_it() -> None:
    names = [job.args[0] for _trigger, job in schedule.jobs() if getattr(job, "args", ())]
    assert {"payment.compare", "payment.reconcile", "payment.forget_webhooks"} <= set(names)
