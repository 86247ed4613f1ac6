"""Home, my page and public profiles (U10), as people see them."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from nene.challenge import service as challenge
from nene.kernel.db import in_transaction
from tests import world
from tests.conftest import Clocks
from tests.world import NOW, START, noon

FEE = 1_000
MOST_QUERIES = 12


@pytest.fixture(autouse=True)
def _day(clock: Clocks) -> None:
    clock.stop_at(NOW)


def someone(session: Session, points: int = 50_000, **values: Any) -> int:
    return world.member(session, points, **values)


def running(session: Session, user_id: int) -> int:
    """A challenge of two people that begins on START."""
    opened = world.opened(session, someone(session), fee=FEE)
    world.joined(session, opened, user_id)
    return opened


@pytest.fixture
def kim(committed: None) -> int:
    return in_transaction(someone, nickname="김씨", bio="매일 달려요", email="kim@nene.test")


@pytest.fixture
def browser(app: Flask, kim: int) -> FlaskClient:
    return world.signed_in(app, kim)


def start(clock: Clocks) -> None:
    """Come to the first day of what is running, at noon."""
    clock.stop_at(noon(START))
    challenge.advance(noon(START))


# Home


def test_a_stranger_reads_the_promise(client: FlaskClient) -> None:
    opened = in_transaction(lambda session: world.opened(session, someone(session), fee=FEE))
    page = client.get("/").text
    assert "참가비를 걸고 매일 인증하는 챌린지예요." in page
    assert 'href="/signup"' in page
    assert f'data-id="{opened}"' in page
    assert f'href="/challenges/{opened}"' in page
    assert 'data-status="WAITING"' in page
    assert "통신판매업신고" in page
    assert "/points" not in page


def test_with_no_challenge_home_shows_a_way_on(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "지금 모집하는 챌린지가 없어요" in page
    assert 'href="/challenges/new"' in page


def test_somebody_new_is_shown_what_starts_soon(browser: FlaskClient) -> None:
    opened = in_transaction(lambda session: world.opened(session, someone(session)))
    page = browser.get("/").text
    assert "오늘 찍을 도장이 없어요" in page
    assert "진행 중인 챌린지" not in page
    assert f'href="/challenges/{opened}"' in page


def test_what_is_due_today_is_one_tap_away(browser: FlaskClient, kim: int, clock: Clocks) -> None:
    opened = in_transaction(running, kim)
    start(clock)
    page = browser.get("/").text
    assert '<data value="1">1개</data>' in page
    assert f'href="/challenges/{opened}#content"' in page
    assert "1일째 · 오늘 밤 12시까지" in page
    assert '<data value="0">0%</data>' in page
    assert f'value="{2 * FEE}"' in page
    assert f'value="{50_000 - FEE}"' in page


def test_after_the_stamp_home_says_when(browser: FlaskClient, kim: int, clock: Clocks) -> None:
    opened = in_transaction(running, kim)
    start(clock)
    in_transaction(world.verified, opened, kim, START)
    page = browser.get("/").text
    assert "오늘 도장을 다 찍었어요!" in page
    assert "오늘 12:00에 인증했어요" in page
    assert "#content" not in page
    assert "3일 더 하면 달성" in page


def test_only_one_button_is_the_big_one(browser: FlaskClient, kim: int, clock: Clocks) -> None:
    for _ in range(3):
        in_transaction(running, kim)
    start(clock)
    page = browser.get("/").text
    assert page.count("#content") == 3
    assert page.count("button-go") == 1


def test_what_was_quit_is_gone_from_home(browser: FlaskClient, kim: int, clock: Clocks) -> None:
    opened = in_transaction(running, kim)
    start(clock)
    in_transaction(challenge.quit_challenge, challenge_id=opened, user_id=kim, now=noon(START))
    page = browser.get("/").text
    assert "오늘 찍을 도장이 없어요" in page
    assert f'href="/challenges/{opened}' not in page


# My page


def test_my_page_shows_everything_of_mine(browser: FlaskClient, kim: int, clock: Clocks) -> None:
    opened = in_transaction(running, kim)
    start(clock)
    in_transaction(world.verified, opened, kim, START)
    page = browser.get("/me").text
    assert "김씨" in page
    assert "kim@nene.test" in page
    assert "2026년 11월부터 함께하고 있어요" in page
    assert '<data value="1">1번</data>' in page
    assert '<data value="100">100%</data>' in page
    assert f'value="{50_000 - FEE}"' in page
    assert f'value="{FEE}"' in page


def test_before_the_first_challenge_there_is_no_rate(browser: FlaskClient) -> None:
    assert re.search(r"<dd>\s*–\s*</dd>", browser.get("/me").text)


def test_signing_out_from_my_page(browser: FlaskClient) -> None:
    assert 'action="/logout"' in browser.get("/me").text
    assert world.post(browser, "/logout").location == "/"
    assert browser.get("/me").location == "/login?next=/me"


# Public profiles


def test_others_see_what_is_public(app: Flask, kim: int, clock: Clocks) -> None:
    opened = in_transaction(running, kim)
    start(clock)
    in_transaction(world.verified, opened, kim, START)
    page = world.signed_in(app, in_transaction(someone)).get(f"/users/{kim}").text
    for shown in ("김씨", "매일 달려요", "2026년 11월부터", '<data value="100">100%</data>'):
        assert shown in page
    for hidden in ("kim@nene.test", "1995", "49,000P", "USER"):
        assert hidden not in page


def test_my_own_profile_can_be_edited(browser: FlaskClient, app: Flask, kim: int) -> None:
    assert 'href="/me/profile"' in browser.get(f"/users/{kim}").text
    other = world.signed_in(app, in_transaction(someone))
    page = other.get(f"/users/{kim}").text
    assert 'href="/me/profile"' not in page


def test_a_profile_is_shown_as_text(app: Flask, committed: None) -> None:
    sly = in_transaction(someone, bio="<b>굵게</b>")
    page = world.signed_in(app, sly).get(f"/users/{sly}").text
    assert "<b>굵게</b>" not in page
    assert "&lt;b&gt;굵게&lt;/b&gt;" in page


def test_nobody_there_is_nobody(browser: FlaskClient) -> None:
    assert browser.get("/users/999999").status_code == 404


# All of them


@pytest.mark.parametrize("path", ["/me", "/users/1", "/me/withdraw"])
def test_strangers_sign_in_first(client: FlaskClient, path: str) -> None:
    assert client.get(path).location == f"/login?next={path}"
    htmx = client.get(path, headers={"HX-Request": "true", "HX-Current-URL": f"http://localhost{path}"})
    assert htmx.headers["HX-Redirect"] == f"/login?next={path}"
    assert htmx.status_code == 204


@pytest.mark.parametrize("path", ["/", "/me", "/users/{kim}", "/me/withdraw", "/points", "/notifications"])
def test_a_long_list_asks_the_database_no_more(browser: FlaskClient, kim: int, clock: Clocks, path: str) -> None:
    opened = [in_transaction(running, kim) for _ in range(8)]
    start(clock)
    for one in opened[:3]:
        in_transaction(world.verified, one, kim, START)
    with world.statements() as sent:
        assert browser.get(path.format(kim=kim)).status_code == 200
    assert len(sent) <= MOST_QUERIES


def test_no_link_is_dead(browser: FlaskClient, kim: int, clock: Clocks) -> None:
    in_transaction(running, kim)
    start(clock)
    pages = ["/", "/me", f"/users/{kim}", "/me/withdraw", "/points", "/notifications"]
    links = {link for page in pages for link in re.findall(r'href="(/[^"#]*)', browser.get(page).text)}
    assert {"/me/challenges", "/me/profile", "/me/sessions"} <= links
    for link in sorted(links):
        with browser.get(link) as answer:
            assert answer.status_code == 200, link
