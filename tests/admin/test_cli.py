"""What operators type: the proof of the ledger (P10), grants (P9), dead letters (R5), and time (C9, C12)."""

import re

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from nene.challenge.models import Challenge
from nene.challenge.terms import Status
from nene.kernel.audit import Audit
from nene.kernel.clock import wall
from nene.kernel.db import db, in_transaction, reading
from nene.kernel.outbox import DeadLetter, Outbox
from nene.notification.models import Notification
from nene.notification.terms import Type
from nene.point import service as point
from tests import servers, world
from tests.conftest import Clocks
from tests.world import NOW, START, noon

FEE = 1_000


@pytest.fixture(autouse=True)
def _committed(committed: None) -> None:
    """Commands commit."""


@pytest.fixture
def kim() -> int:
    return in_transaction(world.member, 5_000, email="kim@nene.test")


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=arguments)


# flask ledger verify


def crowd(session: Session) -> dict[str, int]:
    """Two people in a challenge that recruits: the ids that a fault names."""
    host, guest = world.member(session, 5_000), world.member(session, 5_000)
    challenge_id = world.opened(session, host, fee=FEE)
    world.joined(session, challenge_id, guest)
    return {"host": host, "guest": guest, "challenge": challenge_id}


def plant(sql: str, **values: object) -> int:
    """Break the database as only its owner can, with its triggers and keys asleep; gives the id that comes back."""
    with servers.connect(str(db.engine.url.database)) as database, database.transaction():
        database.execute("set local session_replication_role = replica")
        row = database.execute(sql, values).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(str(row[0]))


ENTRY = """
    INSERT INTO point_entry (key, reason, about_kind, about_id, about_label, created_at)
    VALUES ('x', 'ADMIN_GRANT', '', '', '', now()) RETURNING id
"""
LONE_POSTING = """
    WITH entry AS (
        INSERT INTO point_entry (key, reason, about_kind, about_id, about_label, created_at)
        VALUES ('x', 'ADMIN_GRANT', '', '', '', now()) RETURNING id
    )
    INSERT INTO point_posting (entry_id, kind, owner_id, amount) SELECT id, 'HOUSE', 0, 5 FROM entry RETURNING entry_id
"""
FAULTS = {
    "an entry that does not balance": (LONE_POSTING, ["entry {made}: 1 postings that sum to 5"]),
    "an entry without postings": (ENTRY, ["entry {made}: 0 postings that sum to 0"]),
    "points from nowhere": (
        "UPDATE point_account SET balance = balance + 7 WHERE kind = 'WALLET' AND owner_id = %(host)s RETURNING 0",
        [
            "wallet {host}: balance 4007, postings sum to 4000",
            "wallet {host}: balance 4007, lots have 4000 left",
        ],
    ),
    "a lot that lost something": (
        "UPDATE point_lot SET remaining = remaining - 1 WHERE user_id = %(guest)s RETURNING id",
        ["wallet {guest}: balance 4000, lots have 3999 left", "lot {made}: 3999 left, uses explain 4000"],
    ),
    "a wallet that is gone": (
        "DELETE FROM point_account WHERE kind = 'WALLET' AND owner_id = %(guest)s RETURNING 0",
        ["wallet {guest}: balance -1, postings sum to 4000"],
    ),
    "a pot unlike its stakes": (
        "UPDATE challenge SET pot = pot + 1 WHERE id = %(challenge)s RETURNING 0",
        ["challenge {challenge}: pot 2001, stakes 2000, escrow 2000"],
    ),
    "a wrong number of participants": (
        "UPDATE challenge SET participant_count = 1 WHERE id = %(challenge)s RETURNING 0",
        ["challenge {challenge}: participant_count 1, participants 2"],
    ),
    "an escrow that was left full": (
        "UPDATE challenge SET status = 'CANCELED' WHERE id = %(challenge)s RETURNING 0",
        ["challenge {challenge} is over, and its escrow holds 2000"],
    ),
}


def test_a_sound_ledger_is_told_so(app: Flask) -> None:
    in_transaction(crowd)
    result = run(app, "ledger", "verify")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "the ledger is sound")


@pytest.mark.parametrize("what", FAULTS)
def test_each_fault_is_printed(app: Flask, what: str) -> None:
    sql, lines = FAULTS[what]
    ids = in_transaction(crowd)
    ids["made"] = plant(sql, **ids)
    result = run(app, "ledger", "verify")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [line.format(**ids) for line in lines]


def test_faults_are_printed_row_by_row(app: Flask) -> None:
    ids = in_transaction(crowd)
    plant(FAULTS["points from nowhere"][0], **ids)
    plant(FAULTS["a pot unlike its stakes"][0], **ids)
    assert len(run(app, "ledger", "verify").stdout.splitlines()) == 3


# flask admin grant


def test_a_grant_arrives_is_noted_and_told(app: Flask, kim: int) -> None:
    result = run(app, "admin", "grant", "KIM@nene.test", "1000", "--note", " 서버 점검 보답 ")
    assert (result.exit_code, result.stdout) == (0, "granted 1,000 P, balance 6,000 P\n")
    with reading() as session:
        assert point.balance_of(session, kim) == 6_000
        told = session.scalars(select(Notification).where(Notification.user_id == kim)).one()
        assert (told.type, told.body) == (Type.POINT_GRANTED, "1,000P를 받았어요. 서버 점검 보답")
        noted = session.scalars(select(Audit).where(Audit.action == "point.grant")).one()
        assert (noted.target, noted.who, noted.details["amount"]) == (f"user:{kim}", None, 1_000)
        assert not world.faults(session)


def test_two_grants_are_two(app: Flask, kim: int) -> None:
    for _ in range(2):
        run(app, "admin", "grant", "kim@nene.test", "1", "--note", "덤")
    with reading() as session:
        assert point.balance_of(session, kim) == 5_002


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nobody@nene.test", "1", "--note", "덤"], 1),
        (["kim@nene.test", "1", "--note", "  "], 1),
        (["kim@nene.test", "1"], 2),
        (["kim@nene.test", "0", "--note", "덤"], 2),
        (["--note", "덤", "--", "kim@nene.test", "-5"], 2),
        (["kim@nene.test", "1.5", "--note", "덤"], 2),
        (["kim@nene.test", "1000000000001", "--note", "덤"], 2),
        (["kim@nene.test", "99999999999999999999", "--note", "덤"], 2),
    ],
)
def test_a_grant_that_makes_no_sense_moves_nothing(app: Flask, kim: int, arguments: list[str], code: int) -> None:
    assert run(app, "admin", "grant", *arguments).exit_code == code
    with reading() as session:
        assert point.balance_of(session, kim) == 5_000
        assert not session.scalars(select(Notification)).all()


# flask admin dead-letters, retry


def bury(session: Session, name: str = "point.check") -> int:
    now = wall.now()
    dead = DeadLetter(name=name, args=[7], error="Boom", created_at=now, died_at=now)
    session.add(dead)
    session.flush()
    return dead.id


def test_dead_letters_are_listed_newest_first(app: Flask, clock: Clocks) -> None:
    clock.stop_at(NOW)
    first, second = in_transaction(bury), in_transaction(bury, "point.other")
    lines = run(app, "admin", "dead-letters").stdout.splitlines()
    assert [int(line.split()[0]) for line in lines] == [second, first]
    assert lines[1] == f"{first} point.check [7] Boom 2026-11-01 03:00"


def test_a_dead_letter_is_asked_for_again(app: Flask) -> None:
    dead_id = in_transaction(bury)
    assert run(app, "admin", "retry", str(dead_id)).stdout == "asked again\n"
    with reading() as session:
        asked = session.scalars(select(Outbox)).one()
        assert (asked.name, asked.args, asked.failures) == ("point.check", [7], 0)
        assert not session.scalars(select(DeadLetter)).all()
    again = run(app, "admin", "retry", str(dead_id))
    assert (again.exit_code, "no such dead letter" in again.output) == (1, True)


# flask challenge advance


def lines_of(result: Result) -> list[str]:
    return [line for line in result.output.splitlines() if line.startswith("challenge ")]


def status_of(challenge_id: int) -> Status:
    with reading() as session:
        return session.get_one(Challenge, challenge_id).status


def alone(session: Session) -> int:
    return world.opened(session, world.member(session, 5_000), fee=FEE)


@pytest.fixture
def due(clock: Clocks) -> tuple[int, int]:
    """A challenge that is to start, and one that is to be cancelled for want of people."""
    ids = in_transaction(crowd)["challenge"], in_transaction(alone)
    clock.stop_at(noon(START))
    return ids


def test_what_would_be_done_is_printed_and_not_done(app: Flask, due: tuple[int, int]) -> None:
    result = run(app, "challenge", "advance", "--dry-run")
    assert result.exit_code == 0
    assert lines_of(result) == [f"challenge {due[0]}: start", f"challenge {due[1]}: cancel"]
    assert [status_of(one) for one in due] == [Status.WAITING, Status.WAITING]


def test_what_is_due_is_done_and_printed_once(app: Flask, due: tuple[int, int]) -> None:
    result = run(app, "challenge", "advance")
    assert result.exit_code == 0
    assert sorted(lines_of(result)) == sorted([f"challenge {due[0]}: start", f"challenge {due[1]}: cancel"])
    assert [status_of(one) for one in due] == [Status.ONGOING, Status.CANCELED]
    assert not lines_of(run(app, "challenge", "advance"))


def test_one_that_fails_is_set_aside_and_told(app: Flask, due: tuple[int, int]) -> None:
    plant("UPDATE point_account SET balance = 0 WHERE kind = 'ESCROW' AND owner_id = %(id)s RETURNING 0", id=due[1])
    result = run(app, "challenge", "advance")
    assert result.exit_code == 1
    assert re.findall(r"^challenge \d+: .*$", result.output, re.MULTILINE) == [
        f"challenge {due[0]}: start",
        f"challenge {due[1]}: failed, set aside",
    ]
    assert [status_of(one) for one in due] == [Status.ONGOING, Status.WAITING]
