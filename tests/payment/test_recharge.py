"""M6: a charge that fails is tried again; what keeps failing waits for a person, and is repaired by one command."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import select

from nene.kernel import outbox
from nene.kernel.clock import wall
from nene.kernel.db import db, in_transaction, reading
from nene.kernel.outbox import DeadLetter, Outbox
from nene.payment.gateway import Toss
from tests import servers
from tests.conftest import Race
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.tossed import PracticeToss


@contextmanager
def no_lots() -> Iterator[None]:
    """The database takes no new lot: a fault that trying again does not cure."""
    with servers.connect(str(db.engine.url.database)) as database:
        database.execute("ALTER TABLE point_lot ADD CONSTRAINT broken CHECK (false) NOT VALID")
        try:
            yield
        finally:
            database.execute("ALTER TABLE point_lot DROP CONSTRAINT broken")


def pauses() -> list[float]:
    """Seconds until each waiting charge is sent again."""
    with reading() as session:
        due = session.scalars(select(Outbox.due_at).where(Outbox.name == "payment.charge"))
        return [round((moment - wall.now()).total_seconds()) for moment in due]


def dead() -> list[str]:
    with reading() as session:
        return [one.name for one in outbox.list_dead(session)]


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=arguments)
    return result.exit_code, result.output


@pytest.fixture
def lost(toss: PracticeToss, paying: Toss, kim: int, boss: int) -> str:
    """A payment whose charge has failed for good."""
    order = stage.start(kim)
    stage.confirm(toss, kim, order)
    tries = []
    with no_lots():
        while waiting := pauses():
            tries += waiting
            stage.work()
    assert tries == [5, 5, 30, 120]  # first for the relay, then after each of three failures
    return order


def test_what_keeps_failing_is_kept_and_told(app: Flask, lost: str, kim: int) -> None:
    assert dead() == ["payment.charge"]
    assert stage.alerts() == [f"결제 {stage.row(lost).id}번의 포인트가 들어가지 않았어요."]
    assert stage.balance(kim) == 0
    code, told = run(app, "ledger", "verify")
    assert (code, f"payment {lost}: approved, not charged, and no charge waits" in told) == (1, True)


def test_one_command_repairs_it(app: Flask, lost: str, kim: int, toss: PracticeToss) -> None:
    assert run(app, "payments", "recharge") == (0, "1 charges asked for\n")
    assert dead() == []
    assert run(app, "ledger", "verify")[0] == 0  # it waits
    stage.work()
    assert stage.balance(kim) == AMOUNT
    assert run(app, "payments", "recharge") == (0, "0 charges asked for\n")
    assert run(app, "ledger", "verify")[0] == 0
    assert stage.agrees(toss, lost)


def test_the_dead_letter_itself_may_be_revived_too(app: Flask, lost: str, kim: int) -> None:
    with reading() as session:
        (letter,) = session.scalars(select(DeadLetter.id))
    assert run(app, "admin", "retry", str(letter))[0] == 0
    assert run(app, "ledger", "verify")[0] == 0  # it waits
    run(app, "payments", "recharge")
    stage.work()
    assert stage.balance(kim) == AMOUNT
    assert stage.entries("charge:") == 1


def test_charged_by_many_workers_at_once_the_points_come_once(
    toss: PracticeToss, paying: Toss, kim: int, race: Race
) -> None:
    order = stage.start(kim)
    stage.confirm(toss, kim, order)
    for _copy in range(3):
        in_transaction(outbox.enqueue, "payment.charge", stage.row(order).id)
    waiting = [partial(outbox.perform, name, job_id) for job_id, name in stage.jobs()]
    told = race(*waiting, *waiting)
    assert told == [None] * 8
    assert stage.balance(kim) == AMOUNT
    assert stage.entries("charge:") == 1
