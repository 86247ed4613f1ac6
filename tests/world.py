"""Small builders: people with points, and challenges in the state that a test needs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from nene.challenge import service as challenge
from nene.challenge.terms import Category, Terms
from nene.kernel import auth
from nene.kernel.clock import seoul_midnight
from nene.kernel.db import db, in_transaction
from nene.point import service as point
from nene.point.terms import GRANTS, Move, Moved, Reason, Reference, wallet_of
from nene.user import service as user
from nene.user.service.session import open_session
from nene.user.terms import Role

NOW = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)  # noon in Seoul, on a Sunday
TODAY = date(2026, 11, 1)
START = date(2026, 11, 9)
PASSWORD = "nene-test-1!"
HASH = (
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$"  # cheap on purpose, and of no use outside of tests
    "Jo5yMzrWF7A"
)
_numbers = count(1)


def noon(day: date) -> datetime:
    """Noon in Seoul."""
    return seoul_midnight(day) + timedelta(hours=12)


def night_after(day: date) -> datetime:
    """The moment from which a challenge that was due that day is settled."""
    return seoul_midnight(day + timedelta(days=1)) + timedelta(minutes=10)


def member(session: Session, points: int = 0, **values: Any) -> int:
    """Somebody of full age, with a wallet and so many points; gives the id."""
    number = next(_numbers)
    chosen = {
        "email": f"member{number}@nene.test",
        "password_hash": HASH,
        "nickname": f"회원{number}",
        "birth_on": date(1995, 5, 5),
        "now": NOW,
        **values,
    }
    user_id = user.create_user(session, **chosen)
    if points:
        give(session, user_id, points)
    return user_id


def admin(session: Session) -> int:
    """Somebody of the staff."""
    user_id = member(session)
    user.change_role(session, by=None, user_id=user_id, role=Role.ADMIN)
    return user_id


def give(session: Session, user_id: int, points: int) -> Moved:
    """Points out of nowhere but the ledger's account for gifts; each gift is a lot of its own."""
    gift = Move(
        key=f"grant:test-{next(_numbers)}",
        source=GRANTS,
        target=wallet_of(user_id),
        amount=points,
        reason=Reason.ADMIN_GRANT,
        about=Reference("grant", "test", "시험"),
    )
    return point.move_many(session, [gift])[0]


def terms(**changed: Any) -> Terms:
    """The terms of a challenge of five days; anything can be changed."""
    plain: dict[str, Any] = {
        "name": "아침 달리기",
        "description": "매일 아침 달려요.",
        "category": Category.HEALTH,
        "min_participants": 2,
        "max_participants": 10,
        "start_date": START,
        "due_date": START + timedelta(days=4),
    }
    return Terms(**{**plain, **changed})


def opened(session: Session, host_id: int, *, fee: int = 1_000, now: datetime = NOW, **changed: Any) -> int:
    """A challenge that recruits; gives the id."""
    return challenge.open_challenge(session, host_id=host_id, terms=terms(**changed), fee=fee, now=now)


def joined(session: Session, challenge_id: int, *people: int, now: datetime = NOW) -> None:
    """People take part, in this order."""
    for user_id in people:
        challenge.join_challenge(session, challenge_id=challenge_id, user_id=user_id, version=1, now=now)


def verified(session: Session, challenge_id: int, user_id: int, *days: date) -> None:
    """Somebody verifies these days, each at noon."""
    for day in days:
        challenge.verify(session, challenge_id=challenge_id, user_id=user_id, content="했어요", now=noon(day))


def now_check(session: Session) -> None:
    """Let the database check now what it checks at a commit."""
    session.flush()
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    session.execute(text("SET CONSTRAINTS ALL DEFERRED"))


def faults(session: Session) -> list[str]:
    """What the ledger's own proof finds."""
    session.flush()
    return [*point.check(session), *challenge.check(session)]


def token(client: FlaskClient) -> str:
    """The CSRF token of a browser."""
    found = re.search(r'name="csrf-token" content="([^"]+)"', client.get("/terms").text)
    assert found
    return found[1]


def post(client: FlaskClient, path: str, *, htmx: bool = False, **fields: Any) -> TestResponse:
    """Press a button: a form of these fields, with the CSRF token."""
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(path, data={"csrf_token": token(client), **fields}, headers=headers)


def signed_in(app: Flask, user_id: int) -> FlaskClient:
    """The browser of somebody who is signed in."""
    client = app.test_client()

    def sign_in(session: Session) -> auth.SignedIn:
        return open_session(
            session, user.lock_account(session, user_id), "Mozilla/5.0 (Linux; Android 14) Chrome/130.0"
        )

    opened_ = in_transaction(sign_in)
    client.set_cookie(auth.ACCESS, auth.access_token(opened_))
    client.set_cookie(auth.REFRESH, auth.refresh_token(opened_.identity.session_id, opened_.generation))
    return client


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collects what is sent to the database meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    event.remove(db.engine, "before_cursor_execute", note)
