"""Row locks that a test holds itself, so that others wait at a place that it knows."""

from collections.abc import Callable

from sqlalchemy import Connection, text

from nene.kernel.db import db, reading
from tests.crowd import wait_until


def hold(table: str, **key: object) -> Connection:
    """Lock a row on a connection of its own, until `let_go`."""
    connection = db.engine.connect()
    where = " AND ".join(f"{column} = :{column}" for column in key)
    connection.execute(text(f"SELECT FROM {table} WHERE {where} FOR UPDATE"), key)
    return connection


def let_go(held: Connection, *, once_wait: int, then: Callable[[], object] | None = None) -> None:
    """Release the row once so many wait for a lock, after doing something in that moment."""
    try:
        wait_until(lambda: waiting() >= once_wait)
        if then is not None:
            then()
    finally:
        held.close()


def waiting() -> int:
    """How many connections of this database wait for a lock."""
    with reading() as session:
        counted = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return session.scalar(counted) or 0
