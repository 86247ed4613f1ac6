"""P8: the history of points in the browser, and the balance in the header."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from nene.challenge import service as challenge
from nene.kernel.clock import seoul_midnight
from nene.kernel.db import in_transaction
from tests import world
from tests.conftest import Clocks
from tests.world import NOW

FEE = 1_000
MOST_QUERIES = 12


@pytest.fixture
def kim(committed: None, clock: Clocks) -> int:
    clock.stop_at(NOW)
    return in_transaction(world.member)


@pytest.fixture
def browser(app: Flask, kim: int) -> FlaskClient:
    return world.signed_in(app, kim)


def rows(page: str) -> list[tuple[int, int, int]]:
    """Each line of the history: id, amount, balance after it."""
    found = re.findall(r'<li class="row entry" data-id="(\d+)">(.*?)</li>', page, re.DOTALL)
    lines = [(int(number), re.findall(r'<data[^>]*value="(-?\d+)"', line)) for number, line in found]
    return [(number, int(amount), int(after)) for number, (amount, after) in lines]


def amounts(page: str) -> list[int]:
    return [amount for _number, amount, _after in rows(page)]


def next_of(page: str) -> str | None:
    found = re.search(r'rel="next"\s+href="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else None


def gifts(session: Session, user_id: int, *points: int) -> None:
    for each in points:
        world.give(session, user_id, each)


def stake_and_return(session: Session, user_id: int) -> int:
    """One entry and one refund of FEE, after a gift of 5,000; gives the challenge."""
    world.give(session, user_id, 5_000)
    opened = world.opened(session, user_id, fee=FEE)
    challenge.cancel_challenge(session, challenge_id=opened, user_id=user_id)
    return opened


def test_strangers_sign_in_first(client: FlaskClient) -> None:
    assert client.get("/points").location == "/login?next=/points"
    assert client.get("/points/balance").location.startswith("/login")


def test_an_empty_history_shows_a_way_on(browser: FlaskClient) -> None:
    page = browser.get("/points").text
    assert "아직 거래가 없어요" in page
    assert 'href="/challenges"' in page
    assert 'value="0"' in page


def test_every_row_tells_what_why_and_what_was_left(browser: FlaskClient, kim: int) -> None:
    opened = in_transaction(stake_and_return, kim)
    page = browser.get("/points").text
    assert [row[1:] for row in rows(page)] == [(FEE, 5_000), (-FEE, 4_000), (5_000, 5_000)]
    for words in ("참가비 환불 · ", "참가비 · ", "관리자 지급 · ", "+1,000P", "−1,000P", "아침 달리기", "시험"):
        assert words in page
    assert page.count(f'<a href="/challenges/{opened}">아침 달리기</a>') == 2
    assert f'datetime="{NOW.isoformat()}"' in page


def test_what_is_staked_is_shown_beside_the_balance(browser: FlaskClient, kim: int) -> None:
    in_transaction(gifts, kim, 5_000)
    in_transaction(world.opened, kim, fee=FEE)
    shown = re.search(r"balance-now.*?</section>", browser.get("/points").text, re.DOTALL)
    assert shown
    assert re.findall(r'value="(\d+)"', shown[0]) == ["4000", "1000"]


def test_nothing_of_others_is_shown(app: Flask, browser: FlaskClient, kim: int) -> None:
    in_transaction(gifts, in_transaction(world.member), 777)
    in_transaction(gifts, kim, 111)
    assert amounts(browser.get("/points").text) == [111]


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("", [FEE, -FEE, 5_000]),
        ("ADMIN_GRANT", [5_000]),
        ("CHALLENGE_ENTRY", [-FEE]),
        ("CHALLENGE_REFUND", [FEE]),
        ("CHALLENGE_REWARD", []),
        ("NO_SUCH_REASON", [FEE, -FEE, 5_000]),
    ],
)
def test_by_reason(browser: FlaskClient, kim: int, reason: str, shown: list[int]) -> None:
    in_transaction(stake_and_return, kim)
    page = browser.get("/points", query_string={"reason": reason}).text
    assert amounts(page) == shown
    assert ("여기에 맞는 거래가 없어요" in page) is (not shown)


def test_the_chosen_reason_is_marked(browser: FlaskClient) -> None:
    page = browser.get("/points?reason=CHALLENGE_ENTRY&from=2026-10-01").text
    assert re.search(r'reason=CHALLENGE_ENTRY[^"]*"\s+aria-current="true"', page)
    assert 'href="/points?reason=ADMIN_GRANT&amp;from=2026-10-01"' in page
    assert 'name="reason" value="CHALLENGE_ENTRY"' in page


@pytest.mark.parametrize(
    ("since", "until", "shown"),
    [
        ("2026-11-02", "2026-11-02", [3, 2]),
        ("2026-11-02", "", [4, 3, 2]),
        ("", "2026-11-02", [3, 2, 1]),
        ("2026-11-03", "2026-11-30", [4]),
        ("2026-11-03", "2026-11-01", []),
        ("", "", [4, 3, 2, 1]),
        ("yesterday", "2026-13-01", [4, 3, 2, 1]),
    ],
)
def test_by_period_with_both_days_in_seoul(
    browser: FlaskClient, kim: int, clock: Clocks, since: str, until: str, shown: list[int]
) -> None:
    second, third = seoul_midnight(date(2026, 11, 2)), seoul_midnight(date(2026, 11, 3))
    blink = timedelta(microseconds=1)
    for points, moment in enumerate((second - blink, second, third - blink, third), start=1):
        clock.stop_at(moment)
        in_transaction(gifts, kim, points)
    assert amounts(browser.get("/points", query_string={"from": since, "to": until}).text) == shown


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize("query", ["", "?reason=ADMIN_GRANT&from=2026-10-01&to=2026-11-30"])
def test_every_row_is_walked_once(browser: FlaskClient, kim: int, htmx: bool, query: str) -> None:
    in_transaction(gifts, kim, *range(1, 46))
    link: str | None = f"/points{query}"
    seen: list[tuple[int, int, int]] = []
    pages = 0
    while link:
        more = htmx and pages > 0
        answer = browser.get(link, headers={"HX-Request": "true"} if more else {})
        assert ("<html" in answer.text) is not more
        assert "HX-Request" in answer.headers["Vary"]
        seen += rows(answer.text)
        link = next_of(answer.text)
        pages += 1
    assert pages == 3
    assert [amount for _number, amount, _after in seen] == list(range(45, 0, -1))
    assert len({number for number, _amount, _after in seen}) == 45
    for (_new, amount, after), (_old, _before, left) in pairwise(seen):
        assert after - amount == left


def test_what_comes_in_between_moves_no_row(browser: FlaskClient, kim: int) -> None:
    in_transaction(gifts, kim, *range(1, 26))
    page = browser.get("/points").text
    in_transaction(gifts, kim, 999)
    link = next_of(page)
    assert link
    assert amounts(page) + amounts(browser.get(link).text) == list(range(25, 0, -1))


def test_a_month_is_headed_once(browser: FlaskClient, kim: int, clock: Clocks) -> None:
    clock.stop_at(datetime(2026, 10, 31, 14, 59, tzinfo=UTC))
    in_transaction(gifts, kim, *range(1, 16))
    clock.stop_at(datetime(2026, 10, 31, 15, 0, tzinfo=UTC))
    in_transaction(gifts, kim, *range(1, 26))
    headings = []
    link: str | None = "/points"
    while link:
        page = browser.get(link, headers={"HX-Request": "true"} if headings else {}).text
        headings += re.findall(r'<h2 class="month">\s*<time datetime="([\d-]+)">', page)
        link = next_of(page)
    assert headings == ["2026-11", "2026-10"]


def test_a_cursor_fits_its_own_list_alone(app: Flask, browser: FlaskClient, kim: int) -> None:
    in_transaction(gifts, kim, *range(1, 26))
    link = next_of(browser.get("/points").text)
    assert link
    assert browser.get(f"{link}&reason=ADMIN_GRANT").status_code == 400
    assert browser.get("/points?cursor=made-up").status_code == 400
    assert world.signed_in(app, in_transaction(world.member)).get(link).status_code == 400


def test_odd_names_in_the_address_do_no_harm(browser: FlaskClient, kim: int) -> None:
    in_transaction(gifts, kim, *range(1, 26))
    page = browser.get("/points?endpoint=x&_external=1&_scheme=javascript&month=%3Cb%3E")
    assert page.status_code == 200
    assert "javascript" not in page.text
    assert "<b>" not in re.sub(r"<b><time", "", page.text)


def test_the_header_refreshes_its_balance(browser: FlaskClient, kim: int) -> None:
    assert 'hx-get="/points/balance"' in browser.get("/points").text
    in_transaction(gifts, kim, 4_321)
    fragment = browser.get("/points/balance", headers={"HX-Request": "true"}).text
    assert '<data class="money' in fragment
    assert 'value="4321">4,321P</data>' in fragment
    assert "<html" not in fragment


def test_a_long_history_asks_the_database_no_more(browser: FlaskClient, kim: int) -> None:
    in_transaction(stake_and_return, kim)
    in_transaction(gifts, kim, *range(1, 26))
    for headers in ({}, {"HX-Request": "true"}):
        with world.statements() as sent:
            browser.get("/points", headers=headers)
        assert len(sent) <= MOST_QUERIES
