"""The one edge at which things are committed (R4)."""

from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InternalError
from sqlalchemy.orm import Session

from nene.kernel.db import after_commit, in_transaction, reading
from nene.kernel.errors import NotThere
from nene.point import service as point
from nene.point.models import PointAccount
from nene.point.terms import AccountKind
from tests.conftest import Race

pytestmark = pytest.mark.usefixtures("committed")


def accounts() -> int:
    with reading() as session:
        return session.query(PointAccount).count()


def test_a_step_that_is_refused_leaves_nothing_and_calls_no_hook(app: Flask) -> None:
    called: list[str] = []

    def step(session: Session) -> None:
        point.open_wallet(session, user_id=1)
        after_commit(session, partial(called.append, "sent"))
        raise NotThere

    with pytest.raises(NotThere):
        in_transaction(step)
    assert (accounts(), called) == (0, [])


def test_hooks_run_once_the_step_is_committed(app: Flask) -> None:
    seen: list[int] = []

    def step(session: Session) -> None:
        point.open_wallet(session, user_id=1)
        after_commit(session, lambda: seen.append(accounts()))

    in_transaction(step)
    assert seen == [1]


def test_reading_cannot_change_anything(app: Flask) -> None:
    with reading() as session, pytest.raises(InternalError, match="read-only transaction"):
        point.open_wallet(session, user_id=1)


def test_a_session_inside_a_session_is_refused(app: Flask) -> None:
    with reading(), pytest.raises(RuntimeError, match="open already"):
        in_transaction(lambda _session: None)
    in_transaction(lambda _session: None)


def test_a_snapshot_sees_one_moment(app: Flask) -> None:
    with reading(snapshot=True) as session:
        assert session.scalar(text("SHOW transaction_isolation")) == "repeatable read"
        assert session.scalar(text("SHOW transaction_read_only")) == "on"


def deadlock(session: Session, first: int, second: int, tries: list[int]) -> None:
    """Lock two wallets in an order of one's own: against another who does it the other way round."""
    tries.append(first)
    for user_id in (first, second):
        lock = text("SELECT pg_sleep(0.2) FROM point_account WHERE kind = 'WALLET' AND owner_id = :id FOR UPDATE")
        session.execute(lock, {"id": user_id})


def test_a_deadlock_is_tried_again_and_both_get_through(race: Race) -> None:
    for user_id in (1, 2):
        in_transaction(point.open_wallet, user_id=user_id)
    tries: list[int] = []
    results: list[Any] = race(
        partial(in_transaction, deadlock, 1, 2, tries), partial(in_transaction, deadlock, 2, 1, tries)
    )
    assert results == [None, None]
    assert len(tries) > 2


def test_a_fault_that_does_not_pass_is_tried_once(app: Flask) -> None:
    tries: list[int] = []

    def step(session: Session) -> None:
        tries.append(1)
        session.execute(text("SELECT 1/0"))

    with pytest.raises(DBAPIError):
        in_transaction(step)
    assert len(tries) == 1


def test_after_three_tries_the_fault_goes_on(app: Flask) -> None:
    tries: list[int] = []

    def step(session: Session) -> None:
        tries.append(1)
        session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$"))

    with pytest.raises(DBAPIError):
        in_transaction(step)
    assert len(tries) == 3


def test_wallets_open_once_however_many_try(race: Race) -> None:
    assert race(*[partial(in_transaction, point.open_wallet, user_id=5)] * 6) == [None] * 6
    with reading() as session:
        assert session.get(PointAccount, (AccountKind.WALLET, 5)) is not None
