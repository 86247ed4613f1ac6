"""Backup and restore by the two commands of docs/operations.md, as they stand there (R7)."""

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy.orm import Session

from nene.challenge import service as challenge
from nene.kernel.db import in_transaction
from nene.kernel.embedded import Postgres
from nene.kernel.settings import Settings
from tests import servers, world
from tests.world import START, night_after, noon

pytestmark = pytest.mark.usefixtures("committed")
TABLES = ("user_account", "challenge", "participant", "point_posting", "point_lot", "point_lot_use", "notification")


def name_of(url: str) -> str:
    """The database that an address leads to."""
    return re.findall(r"/(\w+)\?", url)[0]


@pytest.fixture
def empty(settings: Settings) -> Iterator[str]:
    """An empty database beside the one of this worker; gives its name."""
    name = f"{name_of(str(settings.database_url))}_restored"
    with servers.connect() as server:
        server.execute(sql.SQL("drop database if exists {0} with (force)").format(sql.Identifier(name)))
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield name
    with servers.connect() as server:
        server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def commands() -> list[str]:
    """The two commands of the page."""
    page = (servers.ROOT / "docs/operations.md").read_text()
    return re.findall(r"^pg_(?:dump|restore) .+$", page, flags=re.MULTILINE)


def run(command: str, database: str, folder: Path) -> None:
    programs = Postgres(folder / "unused")._programs
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "DATABASE": database}
    done = subprocess.run(command, shell=True, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def some_history(session: Session) -> int:
    people = [world.member(session, 20_000) for _ in range(3)]
    challenge_id = world.opened(session, people[0], fee=10_001)
    world.joined(session, challenge_id, *people[1:])
    return challenge_id


def rows(name: str) -> list[object]:
    every = sql.SQL("select * from {} order by 1, 2")
    with servers.connect(name) as database:
        return [database.execute(every.format(sql.Identifier(table))).fetchall() for table in TABLES]


def test_what_was_restored_is_the_same_and_sound(settings: Settings, empty: str, tmp_path: Path) -> None:
    challenge_id = in_transaction(some_history)
    challenge.catch_up(challenge_id, noon(START))
    challenge.advance(night_after(START + timedelta(days=4)))
    source = str(settings.database_url).replace("+psycopg", "")
    target = servers.database_url(empty).replace("+psycopg", "")
    dump, restore = commands()
    run(dump, source, tmp_path)
    run(restore, target, tmp_path)
    run(restore, target, tmp_path)  # over what is there, too
    kept = rows(name_of(source))
    assert all(kept)
    assert rows(empty) == kept
    assert "sound" in servers.flask("ledger", "verify", environment={"NENE_DATABASE_URL": target})
