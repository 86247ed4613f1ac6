"""kill -9 in the middle of a settlement, then again: the same ledger (C15, R2)."""

import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from nene.challenge import service
from nene.challenge.models import Challenge, Share
from nene.challenge.rules import Stake, divide
from nene.challenge.terms import Status
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.kernel.demo_clock import DemoClock
from nene.kernel.settings import Settings
from nene.point import service as point
from tests import servers, world
from tests.crowd import wait_until
from tests.world import START, night_after, noon

DUE = START + timedelta(days=4)
# What holds the settlement up: at its first row, at its postings, near its end.
HOLDS = {
    "at the settlement": "LOCK settlement IN SHARE MODE",
    "at a wallet": "SELECT 1 FROM point_account WHERE kind = 'WALLET' ORDER BY owner_id LIMIT 1 FOR UPDATE",
    "at the postings": "LOCK point_posting IN SHARE MODE",
    "at the lots": "LOCK point_lot IN SHARE MODE",
    "at the notifications": "LOCK notification IN SHARE MODE",
}


def overdue(session: Session) -> dict[int, list[int]]:
    """Three challenges of four people each, all over, none settled; and a clock that says so."""
    made = {}
    for _ in range(3):
        people = [world.member(session, 20_000) for _ in range(4)]
        challenge_id = world.opened(session, people[0], fee=10_001)
        world.joined(session, challenge_id, *people[1:])
        made[challenge_id] = people
    ahead = night_after(DUE) + timedelta(hours=1) - wall.now()
    session.execute(insert(DemoClock).values(id=1, ahead=ahead))
    return made


def verify_some(made: dict[int, list[int]]) -> None:
    service.advance(noon(START))
    for challenge_id, people in made.items():
        for place, user_id in enumerate(people):
            days = [START + timedelta(days=number) for number in range(5 - place)]
            in_transaction(world.verified, challenge_id, user_id, *days)


@pytest.fixture
def made(app: Flask, committed: None) -> dict[int, list[int]]:
    challenges = in_transaction(overdue)
    verify_some(challenges)
    return challenges


@pytest.fixture
def connection(settings: Settings) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(str(settings.database_url).replace("+psycopg", "")) as connection:
        yield connection


def run(settings: Settings) -> subprocess.Popen[bytes]:
    """Settle in a process of its own."""
    environment = {
        **os.environ,
        "NENE_DATABASE_URL": str(settings.database_url),
        "NENE_REDIS_URL": str(settings.redis_url),
    }
    return subprocess.Popen(
        [servers.PROGRAMS / "flask", "challenge", "advance"],
        cwd=servers.ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def others_where(condition: str) -> int:
    """How many other backends of this database are in such a state."""
    backends = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with reading() as session:
        return session.scalar(text(f"{backends} AND {condition}")) or 0


def states() -> set[Status]:
    with reading() as session:
        return set(session.scalars(select(Challenge.status)))


@pytest.mark.parametrize("hold", HOLDS.values(), ids=HOLDS)
def test_killed_anywhere_and_run_again_it_settles_once(
    made: dict[int, list[int]], settings: Settings, connection: psycopg.Connection[tuple[object, ...]], hold: str
) -> None:
    connection.execute(hold.encode())
    process = run(settings)
    wait_until(lambda: others_where("wait_event_type = 'Lock'") > 0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    connection.rollback()
    wait_until(lambda: others_where("state <> 'idle'") == 0)  # its backend has noticed
    assert states() == {Status.ONGOING}
    assert run(settings).wait() == 0
    assert states() == {Status.FINISHED}
    for challenge_id, people in made.items():
        expected_shares(challenge_id, people)
    with reading() as session:
        assert not world.faults(session)
        assert point.full_escrows(session) == {}


def test_a_challenge_that_somebody_holds_is_left_to_the_next_run(
    made: dict[int, list[int]], settings: Settings, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    connection.execute(b"SELECT 1 FROM challenge FOR KEY SHARE")
    assert run(settings).wait() == 0
    assert states() == {Status.ONGOING}
    connection.rollback()
    assert run(settings).wait() == 0
    assert states() == {Status.FINISHED}


def expected_shares(challenge_id: int, people: list[int]) -> None:
    """Wallets and shares are those of the pure rule."""
    stakes = [Stake(place, user_id, 5 - place, has_quit=False) for place, user_id in enumerate(people)]
    division = divide(stakes, pot=4 * 10_001, days=5)
    with reading() as session:
        shares = session.scalars(
            select(Share.points).where(Share.challenge_id == challenge_id).order_by(Share.participant_id)
        ).all()
        assert shares == list(division.shares.values())
        balances = [point.balance_of(session, user_id) for user_id in people]
    assert balances == [20_000 - 10_001 + share for share in shares]
