"""The worker is stopped: people notice nothing, and it is caught up later (R1, R5)."""

from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
from flask import Flask

from tests.crowd import people, wait_until
from tests.servers import Live

START = "UPDATE challenge SET start_date = start_date - 30, due_date = due_date + 30 WHERE id = %(id)s"
ASK = (
    "INSERT INTO outbox (name, args, created_at, due_at, sends, failures)"
    " VALUES ('challenge.advance', '[]', %(now)s, %(now)s, 0, 0)"
)


def test_what_the_worker_missed_is_caught_up(app: Flask, make_live: Callable[..., Live]) -> None:
    live = make_live("web", "scheduler")
    (member,) = people(app, live, 1)
    database = psycopg.connect(live.environment["NENE_DATABASE_URL"].replace("+psycopg", ""), autocommit=True)
    with database:
        live.flask("demo", "seed")
        ready = database.execute("SELECT min(id) FROM challenge WHERE status = 'READY'").fetchone()
        assert ready is not None
        database.execute(START, {"id": ready[0]})
        database.execute(ASK, {"now": datetime.now(UTC)})

        def status() -> object:
            found = database.execute("SELECT status FROM challenge WHERE id = %(id)s", {"id": ready[0]}).fetchone()
            return found and found[0]

        assert member.look("/challenges").status_code == 200
        assert status() == "READY"
        live.start("worker")
        wait_until(lambda: status() == "ONGOING")
    assert "sound" in live.flask("ledger", "verify")
