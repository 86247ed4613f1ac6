"""What runs when: `python -m tasks.schedule`; of several, the one that holds the advisory lock leads."""

import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from app import create_app
from nene.kernel import outbox
from nene.kernel.clock import SEOUL, seoul_date, wall
from nene.kernel.db import db, in_transaction
from nene.kernel.search import sync

LEADER = 0x6E656E65  # the key of the advisory lock: "nene"
log = structlog.get_logger(__name__)


def main() -> None:
    """Lead, or wait until the leader is gone; until told to stop."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    app = create_app()
    while not stopped.is_set():
        try:
            with app.app_context(), db.engine.connect() as connection:
                lead(app, connection, stopped)
        except SQLAlchemyError:
            log.warning("scheduler.database_away")
        stopped.wait(1)


def lead(app: Flask, connection: Connection, stopped: threading.Event) -> None:
    """Run the schedule while this connection holds the lock; it is free as soon as the connection is gone."""
    autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()  # never back into the pool with the lock
    if not autocommit.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LEADER}):
        return
    log.info("scheduler.leads")
    scheduler = BackgroundScheduler(timezone=SEOUL)
    for trigger, job in jobs():
        scheduler.add_job(partial(_run, app, job), trigger, coalesce=True, max_instances=1, misfire_grace_time=None)
    scheduler.start()
    try:
        while not stopped.wait(1):
            autocommit.execute(text("SELECT 1"))  # raises once the lock is lost with its connection
    finally:
        scheduler.shutdown()


def jobs() -> list[tuple[IntervalTrigger | CronTrigger, Callable[[], object]]]:
    """What runs when, in Seoul time."""
    return [
        (IntervalTrigger(seconds=5), outbox.relay),
        (IntervalTrigger(seconds=10), sync.sweep),
        (CronTrigger(second=0, timezone=SEOUL), partial(ask, "challenge.advance")),
        (CronTrigger(second="*/5", timezone=SEOUL), partial(ask, "payment.reconcile")),
        (CronTrigger(minute=15, timezone=SEOUL), partial(ask, "user.retry_unlinking")),
        (CronTrigger(hour=4, minute=0, timezone=SEOUL), partial(ask, "user.forget_old_sessions")),
        (CronTrigger(hour=4, minute=10, timezone=SEOUL), partial(ask, "user.forget_retained")),
        (CronTrigger(hour=4, minute=20, timezone=SEOUL), partial(ask, "payment.forget_webhooks")),
        (CronTrigger(hour=4, minute=30, timezone=SEOUL), partial(ask, "admin.verify_ledger")),
        (CronTrigger(hour=5, minute=0, timezone=SEOUL), partial(ask, "payment.compare", yesterday)),
    ]


def ask(name: str, *told: Callable[[], str]) -> None:
    """Ask for a job of the worker, unless one waits already; it is told what is so at this moment."""
    args = [each() for each in told]
    in_transaction(outbox.enqueue, name, *args, key=":".join((name, *args)))


def yesterday() -> str:
    """The day before, in Seoul."""
    return f"{seoul_date(wall.now()) - timedelta(days=1)}"


def _run(app: Flask, job: Callable[[], object]) -> None:
    try:
        with app.app_context():
            job()
    except SQLAlchemyError:
        log.warning("scheduler.job_failed")


if __name__ == "__main__":
    main()
