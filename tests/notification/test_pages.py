"""The inbox in the browser (N8, so far)."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from nene.kernel.db import in_transaction, reading
from nene.notification import service
from nene.notification.terms import Notice, Type
from tests import world
from tests.conftest import Clocks
from tests.world import NOW

MOST_QUERIES = 12


def told(session: Session, user_id: int, *keys: str, link: tuple[str, str] | None = None) -> None:
    service.notify(
        session,
        [Notice(key=key, user_id=user_id, type=Type.SYSTEM_ALERT, link=link, values={"text": key}) for key in keys],
    )


@pytest.fixture
def kim(committed: None, clock: Clocks) -> int:
    clock.stop_at(NOW)
    return in_transaction(world.member)


@pytest.fixture
def browser(app: Flask, kim: int) -> FlaskClient:
    return world.signed_in(app, kim)


def ids(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'<li class="[^"]*\btold\b[^"]*"\s+data-id="(\d+)"', page)]


def next_of(page: str) -> str | None:
    found = re.search(r'rel="next"\s+href="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else None


def test_strangers_sign_in_first(client: FlaskClient) -> None:
    assert client.get("/notifications").location == "/login?next=/notifications"
    assert world.post(client, "/notifications/read-all").location.startswith("/login")


def test_an_empty_inbox_shows_a_way_on(browser: FlaskClient) -> None:
    page = browser.get("/notifications").text
    assert "아직 알림이 없어요" in page
    assert 'href="/challenges"' in page
    assert "모두 읽음" not in page


def test_only_mine_newest_first_with_a_link(browser: FlaskClient, kim: int, app: Flask) -> None:
    other = in_transaction(world.member)
    in_transaction(told, kim, "처음", link=("challenge", "7"))
    in_transaction(told, other, "남의 것")
    in_transaction(told, kim, "나중", link=("points", ""))
    page = browser.get("/notifications").text
    assert page.index("나중") < page.index("처음")
    assert "남의 것" not in page
    assert re.search(r'class="stretch"\s+href="/challenges/7"', page)
    assert re.search(r'class="stretch"\s+href="/points"', page)
    assert 'datetime="2026-11-01T03:00:00+00:00"' in page


def test_days_and_months_are_headings(browser: FlaskClient, kim: int, clock: Clocks) -> None:
    for days in (0, 8, 1):
        clock.move(days=days)
        in_transaction(told, kim, f"{days}일 뒤")
    page = browser.get("/notifications").text
    headings = re.findall(r'<h2 class="month">\s*<time datetime="([\d-]+)">([^<]+)</time>', page)
    assert headings == [("2026-11-10", "오늘"), ("2026-11-09", "어제"), ("2026-11", "2026년 11월")]


@pytest.mark.parametrize("htmx", [False, True])
def test_everything_is_read_at_once(browser: FlaskClient, kim: int, htmx: bool) -> None:
    in_transaction(told, kim, "하나", "둘")
    before = browser.get("/notifications").text
    assert before.count("told-new") == 2
    assert '<span class="badge" aria-hidden="true">2</span>' in before
    answer = world.post(browser, "/notifications/read-all", htmx=htmx)
    assert answer.headers["HX-Redirect" if htmx else "Location"] == "/notifications"
    after = browser.get("/notifications").text
    assert "told-new" not in after
    assert 'class="badge"' not in after
    assert "모두 읽었어요" in after


def test_reading_changes_nothing_of_others(browser: FlaskClient, kim: int) -> None:
    other = in_transaction(world.member)
    in_transaction(told, other, "남의 것")
    world.post(browser, "/notifications/read-all")
    with reading() as session:
        assert service.count_unread(session, other) == 1


@pytest.mark.parametrize("htmx", [False, True])
def test_every_row_is_walked_once(browser: FlaskClient, kim: int, htmx: bool) -> None:
    in_transaction(told, kim, *(f"알림 {number}" for number in range(45)))
    headers = {"HX-Request": "true"} if htmx else {}
    link: str | None = "/notifications"
    seen: list[int] = []
    pages = 0
    while link:
        answer = browser.get(link, headers=headers if pages else {})
        assert ("<html" in answer.text) is not (htmx and pages > 0)
        if htmx and pages:
            assert '<h2 class="month">' not in answer.text
        seen += ids(answer.text)
        link = next_of(answer.text)
        pages += 1
    assert pages == 3
    assert len(seen) == 45
    assert seen == sorted(set(seen), reverse=True)


def test_a_cursor_is_mine_alone(app: Flask, browser: FlaskClient, kim: int) -> None:
    in_transaction(told, kim, *(f"알림 {number}" for number in range(25)))
    link = next_of(browser.get("/notifications").text)
    assert link
    assert world.signed_in(app, in_transaction(world.member)).get(link).status_code == 400
    assert browser.get("/notifications?cursor=made-up").status_code == 400


def test_what_was_told_is_shown_as_text(browser: FlaskClient, kim: int) -> None:
    in_transaction(told, kim, "<script>alert(1)</script>")
    assert "<script>alert(1)" not in browser.get("/notifications").text


def test_a_long_inbox_asks_the_database_no_more(browser: FlaskClient, kim: int) -> None:
    in_transaction(told, kim, *(f"알림 {number}" for number in range(25)), link=("challenge", "7"))
    with world.statements() as sent:
        browser.get("/notifications")
    assert len(sent) <= MOST_QUERIES
