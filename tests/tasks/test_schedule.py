"""What runs when, and that of two schedulers one leads (O1, O3, P10)."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from apscheduler.triggers.cron import CronTrigger
from flask import Flask
from sqlalchemy import select, text

from nene.kernel.clock import SEOUL
from nene.kernel.db import db, reading
from nene.kernel.outbox import Outbox
from tasks import schedule
from tests.crowd import wait_until

pytestmark = pytest.mark.usefixtures("committed")


class Scheduler(threading.Thread):
    """A scheduler of the same database, in a thread."""

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.app = app
        self.stopped = threading.Event()

    def run(self) -> None:
        with self.app.app_context(), db.engine.connect() as connection:
            schedule.lead(self.app, connection, self.stopped)


@pytest.fixture
def leader(app: Flask) -> Iterator[Scheduler]:
    made = Scheduler(app)
    made.start()
    wait_until(is_led)
    yield made
    made.stopped.set()
    made.join()


def is_led() -> bool:
    with reading() as session:
        held = text(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
            " WHERE datname = current_database() AND locktype = 'advisory' AND objid = :key AND granted"
        )
        return bool(session.scalar(held, {"key": schedule.LEADER}))


def test_of_two_schedulers_one_leads_and_the_other_takes_over(app: Flask, leader: Scheduler) -> None:
    second = Scheduler(app)
    second.run()  # gives up at once, instead of leading until it is stopped
    assert not second.stopped.is_set()
    assert is_led()
    leader.stopped.set()
    leader.join()
    wait_until(lambda: not is_led())
    third = Scheduler(app)
    third.start()
    wait_until(is_led)
    third.stopped.set()
    third.join()


def test_challenges_are_advanced_each_minute_and_the_ledger_is_proven_each_night() -> None:
    midnight = datetime(2026, 11, 9, tzinfo=SEOUL)
    times: dict[str, list[datetime]] = {}
    for trigger, job in schedule.jobs():
        if isinstance(trigger, CronTrigger):
            first = trigger.get_next_fire_time(None, midnight)
            times[job.args[0]] = [first, trigger.get_next_fire_time(first, first + timedelta(seconds=1))]
    nightly = {
        "user.forget_old_sessions": (4, 0),
        "user.forget_retained": (4, 10),
        "payment.forget_webhooks": (4, 20),
        "admin.verify_ledger": (4, 30),
        "payment.compare": (5, 0),
    }
    nights = {
        name: [midnight.replace(day=day, hour=hour, minute=minute) for day in (9, 10)]
        for name, (hour, minute) in nightly.items()
    }
    assert times == {
        "challenge.advance": [midnight, midnight + timedelta(minutes=1)],
        "payment.reconcile": [midnight, midnight + timedelta(seconds=5)],
        "user.retry_unlinking": [midnight.replace(minute=15), midnight.replace(hour=1, minute=15)],
        **nights,
    }


def test_a_tick_asks_for_its_job_once_however_long_the_worker_is_away(app: Flask) -> None:
    for _ in range(3):
        schedule.ask("challenge.advance")
    with reading() as session:
        assert session.scalars(select(Outbox.name)).all() == ["challenge.advance"]
