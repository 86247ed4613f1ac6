"""Wallets are locked in the order of their users' ids, so that no two moves wait for each other (P11)."""

from functools import partial
from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from nene.kernel import db as edge
from nene.kernel.db import db, in_transaction, reading
from nene.point import service as point
from nene.point.terms import Move, Reason, Reference, wallet_of
from tests import world
from tests.conftest import Race
from tests.held import hold, let_go

pytestmark = pytest.mark.usefixtures("committed")
TIMES = 60
POINTS = 10_000


def three_wallets(session: Session) -> list[int]:
    """Of which the first comes last in the table, so that the order of the rows is not that of the ids."""
    people = [world.member(session) for _ in range(3)]
    for user_id in (*people[1:], people[0]):
        world.give(session, user_id, POINTS)
    return people


def moves(path: list[int], key: str) -> list[Move]:
    """A point from each wallet of the path to the next."""
    return [
        Move(
            key=f"test:{key}:{number}",
            source=wallet_of(source),
            target=wallet_of(target),
            amount=1,
            reason=Reason.CHALLENGE_REWARD,
            about=Reference("test", key, "시험"),
        )
        for number, (source, target) in enumerate(pairwise(path))
    ]


def move_often(path: list[int], name: str) -> None:
    for number in range(TIMES):
        in_transaction(point.move_many, moves(path, f"{name}{number}"))


def move_in_the_order_of_the_table(session: Session, path: list[int]) -> None:
    """As when the planner reads the table instead of its index, which would give the ids in their order anyway."""
    for statement in ("SET LOCAL enable_indexscan = off", "SET LOCAL enable_bitmapscan = off", "DISCARD PLANS"):
        session.execute(text(statement))
    point.move_many(session, moves(path, "once"))


def is_locked(user_id: int) -> bool:
    with db.engine.connect() as connection:
        free = text("SELECT 1 FROM point_account WHERE kind = 'WALLET' AND owner_id = :id FOR UPDATE SKIP LOCKED")
        return connection.scalar(free, {"id": user_id}) is None


def test_moves_in_opposite_order_never_meet_in_a_deadlock(
    app: Flask, race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step has one try here: a deadlock would come through."""
    monkeypatch.setattr(edge, "TRIES", 1)
    people = in_transaction(three_wallets)
    assert race(partial(move_often, people, "up"), partial(move_often, people[::-1], "down")) == [None, None]
    with reading() as session:
        assert [point.balance_of(session, user_id) for user_id in people] == [POINTS] * 3
        assert not world.faults(session)


@pytest.mark.parametrize("upwards", [True, False])
def test_whoever_waits_for_a_wallet_holds_those_before_it_and_none_behind(
    app: Flask, race: Race, upwards: bool
) -> None:
    first, middle, last = in_transaction(three_wallets)
    path = [first, middle, last] if upwards else [last, middle, first]
    seen: list[bool] = []
    held = hold("point_account", kind="WALLET", owner_id=middle)
    moved, _released = race(
        partial(in_transaction, move_in_the_order_of_the_table, path),
        partial(let_go, held, once_wait=1, then=lambda: seen.extend(map(is_locked, (first, last)))),
    )
    assert moved is None
    assert seen == [True, False]
