"""Elasticsearch runs, is stopped, hangs, or answers 503: the same people are found, and nobody waits long (U11, R1)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from sqlalchemy.orm import Session

from nene.kernel import search
from nene.kernel.db import in_transaction
from nene.kernel.embedded import free_port
from nene.kernel.search import sync
from nene.kernel.search.models import SearchDocument
from nene.user import service
from nene.user.search import USERS
from nene.user.service import people
from tests import world
from tests.crowd import wait_until
from tests.kernel.search_cases import CASES, DOCUMENTS, Case
from tests.servers import Elasticsearch
from tests.user.test_people import ids_of, reader

FIRST, NEXT = 1.5, 0.5  # seconds of an answer: when it has just gone away, and on an average from then on
LONGEST_NICKNAME, LONGEST_BIO, LONGEST_TEXT = 12, 200, 64
MAIL = "mail="
Crowd = dict[int, int]


@pytest.fixture(autouse=True)
def _search_as_before() -> Iterator[None]:
    """Afterwards the process searches as it did."""
    kinds = search.kinds()
    yield
    search.start(None, kinds)


@pytest.fixture
def crowd(client: FlaskClient) -> Crowd:
    """The documents of the shared table as people, as far as a profile can hold them: their numbers there and here."""
    return in_transaction(_make)


def _make(session: Session) -> Crowd:
    made = {}
    for document in DOCUMENTS:
        nickname, bio = document.texts["name"], document.texts["note"]
        if not 2 <= len(nickname) <= LONGEST_NICKNAME or len(bio) > LONGEST_BIO:
            continue
        mail = next((tag.removeprefix(MAIL) for tag in document.tags if tag.startswith(MAIL)), None)
        user_id = world.member(session, now=document.created_at, **({"email": mail} if mail else {}))
        user = service.lock_account(session, user_id)
        user.nickname, user.bio, user.find_by_email = nickname, bio, mail is not None
        user.email_verified_at = document.created_at
        session.flush()
        people.index(session, user)
        made[document.id] = user_id
    return made


def _is_askable(case: Case) -> bool:
    """Whether a member can put this query into the box."""
    query = case.query
    means_the_mail = query.or_tags <= {MAIL + query.text}
    storable = query.text.isprintable() and len(query.text) <= LONGEST_TEXT
    return bool(query.text) and storable and means_the_mail and not query.fields and not query.and_tags


ASKABLE = [case for case in CASES if _is_askable(case)]


def everybody_is_found(browser: FlaskClient, crowd: Crowd) -> None:
    """Every query of the table finds its people; only the first waits for what has gone away meanwhile."""
    assert len(ASKABLE) >= 30
    took = [_seconds(browser, crowd, case) for case in ASKABLE]
    assert took[0] < FIRST
    assert sum(took[1:]) < NEXT * len(took[1:])


def _seconds(browser: FlaskClient, crowd: Crowd, case: Case) -> float:
    began = monotonic()
    html = browser.get("/users", query_string={"q": case.query.text}).text
    assert ids_of(html) == [crowd[key] for key in case.found if key in crowd], case.why
    return monotonic() - began


def looking(app: Flask) -> FlaskClient:
    """The browser of somebody who has the page open: what only the first look of a process costs is paid."""
    browser, _ = reader(app)
    assert browser.get("/users").status_code == 200
    return browser


def use(url: str) -> None:
    """Search with an Elasticsearch that knows everybody."""
    search.start(url, [USERS])
    sync.reindex(USERS)


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A server on the loopback address that says so to everything."""

    class Answer(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(status)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_POST = answer  # noqa: N815 - named by the library

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_postgresql_alone_finds_them(app: Flask, crowd: Crowd) -> None:
    browser = looking(app)
    search.start(None, [USERS])
    everybody_is_found(browser, crowd)


def test_an_elasticsearch_that_answers_503_is_done_without(app: Flask, crowd: Crowd) -> None:
    browser = looking(app)
    with answering(503) as url:
        search.start(url, [USERS])
        everybody_is_found(browser, crowd)
        assert search.is_away()


def test_elasticsearch_finds_them(app: Flask, crowd: Crowd, own_elasticsearch: Elasticsearch) -> None:
    browser = looking(app)
    use(own_elasticsearch.url)
    in_transaction(lambda session: session.execute(delete(SearchDocument)))  # or PostgreSQL would find them
    everybody_is_found(browser, crowd)
    assert not search.is_away()


def test_who_changed_is_found_there_after_the_job_and_by_nothing_old_before(
    app: Flask, crowd: Crowd, own_elasticsearch: Elasticsearch
) -> None:
    browser, me = reader(app)
    use(own_elasticsearch.url)

    def found(text: str) -> list[int]:
        return ids_of(browser.get("/users", query_string={"q": text}).text)

    def rename(session: Session) -> None:
        user = service.lock_account(session, me)
        user.rename("강물처럼")
        people.index(session, user)

    def leave(session: Session) -> None:
        service.withdraw(session, user_id=crowd[2], has_paid=False)

    old = found("회원")
    assert me in old
    in_transaction(rename)
    in_transaction(leave)
    assert me not in found("회원")
    assert found("김밥천국") == []
    sync.sync()
    wait_until(lambda: found("강물") == [me])
    assert me not in found("회원")
    assert not search.is_away()


def test_one_that_hangs_costs_one_short_wait_and_is_used_again_by_itself(
    app: Flask, crowd: Crowd, own_elasticsearch: Elasticsearch
) -> None:
    browser = looking(app)
    use(own_elasticsearch.url)
    own_elasticsearch.pause()
    everybody_is_found(browser, crowd)
    assert search.is_away()
    own_elasticsearch.resume()

    def is_back() -> bool:
        browser.get("/users?q=김밥")
        return not search.is_away()

    wait_until(is_back)


def test_one_that_is_stopped_costs_nothing(app: Flask, crowd: Crowd) -> None:
    browser = looking(app)
    search.start(f"http://127.0.0.1:{free_port()}", [USERS])  # nobody listens there
    everybody_is_found(browser, crowd)
    assert search.is_away()
