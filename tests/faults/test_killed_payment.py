"""kill -9 before and after every commit of a payment, and while Toss works: the money stays what the points are (R2)."""

import os
import signal
from collections.abc import Callable
from itertools import count
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from sqlalchemy import Engine

from nene.kernel.db import db, in_transaction
from nene.kernel.settings import Settings
from nene.payment import service
from nene.payment.gateway import Toss
from nene.payment.terms import Status
from tests import world
from tests.crowd import wait_until
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.payment.test_cancel import spend
from tests.payment.test_reconcile import hear
from tests.tossed import PracticeToss

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["app", "tasks.payment", __name__])  # so that a process is there at once
UNHARMED = 0
WHY = "마음이 바뀌었어요"


# In the process that is killed


def run(values: dict[str, Any], kill_at: int, *, after: bool, verb: str, arguments: dict[str, Any]) -> None:
    """Do one thing as the web or the worker does it, and die at a commit of it."""
    from app import create_app

    app = create_app(Settings.model_validate(values))
    with app.app_context():
        die_at_commit(db.engine, kill_at, after=after)
        VERBS[verb](**arguments)


def die_at_commit(engine: Engine, number: int, *, after: bool) -> None:
    """At the n-th commit of this process: before the database hears of it, or as soon as it has answered."""
    numbers = count(1)
    commit = engine.dialect.do_commit

    def commit_or_die(connection: Any) -> None:
        is_last = next(numbers) == number
        if is_last and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(connection)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)

    engine.dialect.do_commit = commit_or_die  # type: ignore[method-assign]


VERBS: dict[str, Callable[..., object]] = {
    "confirm": service.confirm,
    "cancel": service.cancel,
    "refund": service.refund_rests,
    "work": stage.work,
    "reconcile": service.reconcile_due,
    "hear": hear,
}


# In the process that looks on: what has been, what is done, and how it has to end

Story = tuple[str, dict[str, Any], set[tuple[Status, int]]]  # the order, what is asked for, how it may end
PAID, BACK = (Status.DONE, AMOUNT), (Status.CANCELED, 0)


def confirming(toss: PracticeToss, kim: int) -> Story:
    order = stage.start(kim)
    key = toss.authenticate(order, AMOUNT)
    arguments = {"user_id": kim, "order_id": order, "payment_key": key, "amount": AMOUNT}
    return order, arguments, {PAID, (Status.PENDING, 0)}  # as if nothing was pressed, if nothing was stored


def charging(toss: PracticeToss, kim: int) -> Story:
    order = stage.start(kim)
    stage.confirm(toss, kim, order)
    return order, {}, {PAID}


def cancelling(toss: PracticeToss, kim: int) -> Story:
    order = stage.paid(toss, kim)
    return order, {"user_id": kim, "order_id": order, "why": WHY}, {BACK, PAID}


def refused(toss: PracticeToss, kim: int) -> Story:
    toss.break_at("cancel", code="REFUND_REJECTED", status=400)
    order, arguments, _ends = cancelling(toss, kim)
    return order, arguments, {PAID}


def refunding(toss: PracticeToss, kim: int) -> Story:
    order = stage.paid(toss, kim)
    spend(kim, 4_000)
    return order, {"user_id": kim, "by": kim, "why": "탈퇴"}, {(Status.DONE, 0), (Status.DONE, 6_000)}


def asking_about_an_approval(toss: PracticeToss, kim: int) -> Story:
    order = stage.start(kim)
    toss.break_at("confirm", close=True)
    stage.confirm(toss, kim, order)
    in_transaction(stage.make_due)
    return order, {}, {PAID}


def asking_about_a_cancel(toss: PracticeToss, kim: int) -> Story:
    order = stage.paid(toss, kim)
    toss.break_at("cancel", close=True)
    service.cancel(user_id=kim, order_id=order, why=WHY)
    in_transaction(stage.make_due)
    return order, {}, {BACK}


def hearing(toss: PracticeToss, kim: int) -> Story:
    order = stage.paid(toss, kim)
    toss.act(order, "cancel")
    return order, {"order": order, "transmission_id": order}, {BACK}


def looking(toss: PracticeToss, kim: int) -> Story:
    order, arguments, ends = hearing(toss, kim)
    hear(**arguments)
    return order, {}, ends


def closing_a_virtual_account(toss: PracticeToss, kim: int) -> Story:
    order = stage.start(kim)
    stage.confirm(toss, kim, order, method="가상계좌")
    return order, {}, {(Status.FAILED, 0)}


SCENES: dict[
    str, tuple[str, Callable[[PracticeToss, int], Story], int]
] = {  # what is done, what was before, commits at least
    "confirm": ("confirm", confirming, 2),
    "charge": ("work", charging, 1),
    "cancel": ("cancel", cancelling, 2),
    "cancel, refused": ("cancel", refused, 2),
    "refund of the rest": ("refund", refunding, 2),
    "reconcile an approval": ("reconcile", asking_about_an_approval, 3),
    "reconcile a cancel": ("reconcile", asking_about_a_cancel, 2),
    "take a message": ("hear", hearing, 1),
    "look after a message": ("work", looking, 3),
    "close a virtual account": ("work", closing_a_virtual_account, 1),
}


@pytest.fixture
def begin(app: object, settings: Settings, toss: PracticeToss, paying: Toss) -> Callable[..., BaseProcess]:
    values = {**settings.model_dump(), **toss.settings}

    def start(verb: str, arguments: dict[str, Any], kill_at: int = 0, *, after: bool = False) -> BaseProcess:
        told = {"after": after, "verb": verb, "arguments": arguments}
        process = PROCESSES.Process(target=run, args=(values, kill_at), kwargs=told)
        process.start()
        return process

    return start


def settle(order: str, ends: set[tuple[Status, int]], user_id: int) -> None:
    """What the scheduler and the worker do sooner or later, in a process that knows nothing of what was."""

    def is_settled() -> bool:
        stage.reconcile()
        return (stage.status(order), stage.balance(user_id)) in ends

    wait_until(is_settled)


@pytest.mark.parametrize("scene", SCENES)
def test_killed_at_any_commit(
    toss: PracticeToss, begin: Callable[..., BaseProcess], committed: None, scene: str
) -> None:
    verb, prepare, commits = SCENES[scene]
    for number in count(1):
        codes = set()
        for after in (False, True):
            kim = in_transaction(world.member)
            order, arguments, ends = prepare(toss, kim)
            process = begin(verb, arguments, number, after=after)
            process.join(30)
            codes.add(process.exitcode)
            if verb == "hear":
                hear(**arguments)  # Toss says it again until it is told that it was stored
            settle(order, ends, kim)
            assert stage.agrees(toss, order), (number, after)
            assert stage.faults() == []
            toss.control(faults=[])
        if codes == {UNHARMED}:
            assert number > commits
            return
        assert codes == {-signal.SIGKILL}


@pytest.mark.parametrize("is_done", [False, True], ids=["before it is done", "once it is done"])
@pytest.mark.parametrize("scene", ["confirm", "cancel", "refund of the rest", "reconcile an approval"])
def test_killed_while_toss_works(
    toss: PracticeToss, begin: Callable[..., BaseProcess], committed: None, scene: str, is_done: bool
) -> None:
    verb, prepare, _commits = SCENES[scene]
    kim = in_transaction(world.member)
    order, arguments, ends = prepare(toss, kim)
    step = "cancel" if verb in {"cancel", "refund"} else "confirm"

    def asked() -> int:
        return int(toss.look()["calls"].get(step, 0))

    before = asked()
    toss.break_at(step, seconds=1, after=is_done)
    process = begin(verb, arguments)
    wait_until(lambda: asked() > before)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert stage.status(order) in {Status.CONFIRMING, Status.CANCELING}
    settle(order, ends - {(Status.PENDING, 0), (Status.DONE, 6_000)}, kim)
    assert stage.agrees(toss, order)
    assert stage.faults() == []
