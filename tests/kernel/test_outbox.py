"""What must happen after a commit happens, once, whatever is away meanwhile (R5)."""

import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import pairwise

import dramatiq
import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nene.kernel import outbox, redis
from nene.kernel.breaker import NotAsked
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotThere
from nene.kernel.outbox import DeadLetter, Outbox
from nene.point import service as point
from nene.point.models import PointAccount
from tests.conftest import Clocks, Race
from tests.crowd import wait_until

pytestmark = pytest.mark.usefixtures("committed")


class Worker:
    """Does what the broker was sent, here and now; what it did stands in `done`."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.broken = self.crowded = False
        self.inside, self.leave = threading.Event(), threading.Event()
        self.error: Exception = NotAsked()
        self.turns: defaultdict[int, threading.Event] = defaultdict(threading.Event)
        self.queue = dramatiq.get_broker()

    def run(self) -> int:
        """Take every message from the queue; gives how many there were."""
        consumer = self.queue.consume("default", prefetch=100, timeout=10)
        messages = 0
        while (message := next(consumer)) is not None:
            messages += 1
            outbox.perform(message.actor_name, *message.args)
            consumer.ack(message)
        consumer.close()
        return messages


@pytest.fixture
def worker(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    made = Worker()
    monkeypatch.setattr(outbox, "_jobs", {})
    monkeypatch.setattr(outbox, "_put_off", deque())

    @outbox.step_actor("test.open_wallet")
    def step(session: Session, user_id: int) -> None:
        if made.broken:
            raise ZeroDivisionError
        point.open_wallet(session, user_id=user_id)
        made.done.append(user_id)

    @outbox.actor("test.long")
    def long(number: int) -> None:
        made.done.append(number)

    @outbox.actor("test.alone", alone_for=timedelta(minutes=2))
    def alone(number: int) -> None:
        if made.broken:
            raise ZeroDivisionError
        made.done.append(number)
        made.inside.set()
        assert made.leave.wait(30)

    @outbox.actor("test.overtaken", alone_for=timedelta(minutes=2))
    def overtaken(number: int) -> None:
        made.done.append(number)
        turn = len(made.done)
        assert made.turns[turn].wait(30)
        if turn == 1:
            raise made.error

    @outbox.actor("test.crowded")
    def crowded(number: int) -> None:
        if made.crowded:
            raise NotAsked
        made.done.append(number)

    redis.client().flushdb()
    yield made
    redis.client().flushdb()


def count(table: type) -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def ask(name: str = "test.open_wallet", number: int = 7, key: str | None = None) -> None:
    in_transaction(outbox.enqueue, name, number, key=key)


@pytest.mark.parametrize("name", ["test.open_wallet", "test.long"])
def test_a_job_is_sent_at_the_commit_and_its_row_goes_with_its_effect(worker: Worker, name: str) -> None:
    ask(name)
    assert count(Outbox) == 1
    assert worker.run() == 1
    assert (worker.done, count(Outbox)) == ([7], 0)


def test_a_step_that_is_undone_asks_for_nothing(worker: Worker) -> None:
    def step(session: Session) -> None:
        outbox.enqueue(session, "test.open_wallet", 7)
        raise NotThere

    with pytest.raises(NotThere):
        in_transaction(step)
    assert (worker.run(), count(Outbox)) == (0, 0)


def test_a_job_that_is_sent_twice_takes_effect_once(worker: Worker, clock: Clocks) -> None:
    ask()
    clock.wall.stop_at(wall.now() + timedelta(seconds=6))
    assert outbox.relay() == 1
    assert worker.run() == 2
    assert worker.done == [7]


def test_two_workers_with_the_same_job_do_it_once(worker: Worker, race: Race) -> None:
    ask()
    with reading() as session:
        job_id = session.scalar(select(Outbox.id))
    race(*[partial(outbox.perform, "test.open_wallet", job_id)] * 4)
    assert worker.done == [7]


def test_a_message_that_names_another_job_does_nothing(worker: Worker) -> None:
    ask("test.long")
    with reading() as session:
        job_id = session.scalar(select(Outbox.id))
    outbox.perform("test.open_wallet", job_id or 0)
    assert (worker.done, count(Outbox)) == ([], 1)


def test_what_the_broker_lost_is_sent_again_with_growing_pauses(worker: Worker, clock: Clocks) -> None:
    ask()
    redis.client().flushdb()
    assert (worker.run(), outbox.relay()) == (0, 0)
    now = wall.now()
    sent = []
    for second in range(60):
        clock.wall.stop_at(now + timedelta(seconds=second))
        if outbox.relay():
            sent.append(second)
    assert len(sent) == 4
    assert [later - earlier for earlier, later in pairwise(sent)] == [5, 10, 20]
    assert worker.run() == 4
    assert worker.done == [7]


def test_a_job_that_keeps_failing_becomes_a_dead_letter_and_can_be_revived(worker: Worker, clock: Clocks) -> None:
    worker.broken = True
    ask()
    for _ in range(4):
        worker.run()
        clock.wall.stop_at(wall.now() + timedelta(minutes=10))
        outbox.relay()
    assert (count(Outbox), count(DeadLetter), count(PointAccount)) == (0, 1, 0)
    with reading() as session:
        dead = outbox.list_dead(session)[0]
    assert (dead.name, dead.args, dead.error) == ("test.open_wallet", [7], "ZeroDivisionError")
    worker.broken = False
    in_transaction(outbox.revive, dead.id)
    worker.run()
    assert (worker.done, count(DeadLetter), count(Outbox)) == ([7], 0, 0)
    with pytest.raises(NotThere):
        in_transaction(outbox.revive, dead.id)


def test_one_job_with_a_key_waits_at_a_time(worker: Worker) -> None:
    ask(key="tick")
    ask(key="tick")
    assert count(Outbox) == 1
    worker.run()
    ask(key="tick")
    assert count(Outbox) == 1


def test_a_job_that_is_alone_is_done_by_one_worker_at_a_time(worker: Worker, app: Flask, clock: Clocks) -> None:
    ask("test.alone")
    with reading() as session:
        job_id = session.scalar(select(Outbox.id)) or 0

    def perform() -> None:
        with app.app_context():
            outbox.perform("test.alone", job_id)

    clock.wall.stop_at(wall.now())
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(perform)
        assert worker.inside.wait(30)
        perform()  # sent once more, because it takes a while
        assert worker.done == [7]
        clock.wall.stop_at(wall.now() + timedelta(minutes=2))  # by then its worker has died
        second = threads.submit(perform)
        wait_until(lambda: worker.done == [7, 7])
        worker.leave.set()
        first.result()
        second.result()
    assert count(Outbox) == 0


def test_a_job_that_is_alone_and_fails_is_free_at_once(worker: Worker) -> None:
    worker.broken = True
    ask("test.alone")
    worker.run()
    worker.broken = False
    worker.leave.set()
    with reading() as session:
        job_id = session.scalar(select(Outbox.id)) or 0
    outbox.perform("test.alone", job_id)
    assert (worker.done, count(Outbox)) == ([7], 0)


@pytest.mark.parametrize("error", [NotAsked(), ZeroDivisionError()])
def test_who_took_too_long_does_not_free_what_another_worker_does_by_now(
    worker: Worker, app: Flask, clock: Clocks, error: Exception
) -> None:
    ask("test.overtaken")
    with reading() as session:
        job_id = session.scalar(select(Outbox.id)) or 0

    def perform() -> None:
        with app.app_context():
            outbox.perform("test.overtaken", job_id)

    worker.error = error
    worker.turns[3].set()  # there is none
    clock.wall.stop_at(wall.now())
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(perform)
        wait_until(lambda: worker.done == [7])
        clock.wall.stop_at(wall.now() + timedelta(minutes=2))
        second = threads.submit(perform)
        wait_until(lambda: worker.done == [7, 7])
        worker.turns[1].set()
        first.result()
        perform()
        assert worker.done == [7, 7]
        worker.turns[2].set()
        second.result()
    assert (count(Outbox), count(DeadLetter)) == (0, 0)


def test_what_was_put_off_has_not_failed_and_goes_on_as_soon_as_another_job_is_done(worker: Worker) -> None:
    worker.crowded = True
    for number in range(5):
        ask("test.crowded", number)
    assert (worker.run(), worker.done) == (5, [])
    with reading() as session:
        assert set(session.scalars(select(Outbox.failures))) == {0}
    worker.crowded = False
    ask("test.long", 7)
    worker.run()  # each that is done reminds of the next one; nobody waits for the relay
    assert (sorted(worker.done), count(Outbox)) == ([0, 1, 2, 3, 4, 7], 0)


def test_the_lag_is_that_of_the_oldest_job(worker: Worker, clock: Clocks) -> None:
    with reading() as session:
        assert outbox.lag(session) == timedelta()
    clock.wall.stop_at(wall.now())
    ask()
    clock.wall.stop_at(wall.now() + timedelta(seconds=42))
    with reading() as session:
        assert outbox.lag(session) == timedelta(seconds=42)
