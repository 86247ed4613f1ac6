"""Many signed-in people at once, against the real application in its own processes."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import monotonic, sleep

import psycopg
import requests
from flask import Flask

from nene.kernel import auth
from nene.kernel.auth import Identity, SignedIn
from tests.servers import Live

TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


class Person:
    """A signed-in browser without JavaScript."""

    def __init__(self, live: Live, user_id: int, session_id: int) -> None:
        self.live = live
        self.user_id = user_id
        self.http = requests.Session()
        access = auth.access_token(SignedIn(Identity(user_id, session_id, "", "USER"), generation=1))
        self.http.cookies.set(auth.ACCESS, access, domain="localhost.local")
        self.token = ""

    def look(self, path: str) -> requests.Response:
        """Open a page, and take its CSRF token."""
        page = self.http.get(self.live.url + path, timeout=30)
        found = TOKEN.search(page.text)
        self.token = found[1] if found else self.token
        return page

    def press(self, path: str, **fields: object) -> requests.Response:
        """Send a form."""
        data = {"csrf_token": self.token, **fields}
        return self.http.post(self.live.url + path, data=data, allow_redirects=False, timeout=60)


def people(app: Flask, live: Live, count: int) -> list[Person]:
    """Members with 200,000 P who are signed in already: checking so many passwords would take longer than the test.

    `app` signs with the same secret as the application under test.
    """
    assert app.secret_key
    live.flask("demo", "users", str(count))
    now = datetime.now(UTC)
    with psycopg.connect(live.environment["NENE_DATABASE_URL"].replace("+psycopg", ""), autocommit=True) as database:
        rows = database.execute(
            "INSERT INTO user_session (id, user_id, generation, rotated_at, created_at, last_seen_at, user_agent)"
            " SELECT id, id, 1, %(now)s, %(now)s, %(now)s, 'test' FROM user_account ORDER BY id DESC LIMIT %(count)s"
            " RETURNING user_id, id",
            {"now": now, "count": count},
        ).fetchall()
    return [Person(live, int(str(user_id)), int(str(session_id))) for user_id, session_id in rows]


def together(crowd: list[Person], path: str, **fields: object) -> list[requests.Response]:
    """Everybody presses the same button at the same moment, as nearly as threads can."""
    gate = threading.Barrier(len(crowd))

    def press(person: Person) -> requests.Response:
        gate.wait(60)
        return person.press(path, **fields)

    with ThreadPoolExecutor(len(crowd)) as threads:
        return list(threads.map(press, crowd))


def wait_until(reached: Callable[[], bool]) -> None:
    """Until it is so; a minute at most."""
    deadline = monotonic() + 60
    while not reached():
        assert monotonic() < deadline, "it took too long"
        sleep(0.02)  # what is waited for needs the processor too
