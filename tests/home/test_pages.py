"""Home, my page and public profiles (U10), as people see them."""

import re
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from nene.challenge import service as challenge
from nene.home import service as home
from nene.kernel.db import in_transaction
from nene.user.models import SocialLink
from nene.user.terms import Provider, Role
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


def row(page: str, words: str) -> tuple[str, str]:
    """Where a line of the menu leads, and what it stands at."""
    rows = re.findall(r'<a class="row" href="([^"]*)">(.*?)</a>', page, re.DOTALL)
    found = [(href, " ".join(re.sub("<[^>]*>", " ", inside).split())) for href, inside in rows]
    return next((href, text.removeprefix(words).strip()) for href, text in found if text.startswith(words))


def test_the_menu_says_how_things_stand(browser: FlaskClient, kim: int, clock: Clocks) -> None:
    page = browser.get("/me").text
    assert row(page, "오늘 인증할 챌린지") == ("/", "0개")
    assert row(page, "내 챌린지") == ("/me/challenges", "진행 0개")
    assert row(page, "로그인한 기기") == ("/me/sessions", "1대")
    assert row(page, "챌린지 만들기") == ("/challenges/new", "")
    assert row(page, "비밀번호와 로그인 연결") == ("/me/password", "")
    only = in_transaction(running, kim)
    start(clock)
    page = browser.get("/me").text
    assert row(page, "오늘 인증할 챌린지") == (f"/challenges/{only}#content", "1개")
    assert row(page, "내 챌린지") == ("/me/challenges", "진행 1개")
    in_transaction(world.verified, only, kim, START)
    assert row(browser.get("/me").text, "오늘 인증할 챌린지") == ("/", "0개")


def test_several_to_verify_are_found_at_home(browser: FlaskClient, app: Flask, kim: int, clock: Clocks) -> None:
    for _ in range(2):
        in_transaction(running, kim)
    start(clock)
    world.signed_in(app, kim)
    page = browser.get("/me").text
    assert row(page, "오늘 인증할 챌린지") == ("/", "2개")
    assert row(page, "로그인한 기기") == ("/me/sessions", "2대")


def test_my_page_names_the_accounts_that_sign_me_in(browser: FlaskClient, kim: int) -> None:
    def link(session: Session) -> None:
        for provider in (Provider.GOOGLE, Provider.KAKAO):
            session.add(SocialLink(provider=provider, subject="1", user_id=kim, linked_at=NOW))

    in_transaction(link)
    assert row(browser.get("/me").text, "비밀번호와 로그인 연결") == ("/me/password", "카카오, Google")


def test_my_page_reminds_of_an_unconfirmed_email(app: Flask, browser: FlaskClient) -> None:
    page = browser.get("/me").text
    assert "아직 이메일을 확인하지 않았어요. kim@nene.test 주소로" in page
    assert 'action="/me/confirm-email"' in page
    assert world.post(browser, "/me/confirm-email").location == "/me"
    sure = world.signed_in(app, in_transaction(someone, confirmed_at=NOW))
    assert "확인하지 않았어요" not in sure.get("/me").text
    assert "/me/confirm-email" not in sure.get("/me").text


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
    assert "김씨" in page
    assert "매일 달려요" in page
    assert '<time datetime="2026-11">2026년 11월부터' in page
    figures = re.findall(r"<dt>(.*?)</dt>\s*<dd>\s*<data value=\"(\d+)\">", page)
    assert figures == [("참가", "1"), ("달성", "0"), ("인증 성공률", "100")]


@pytest.mark.parametrize("role", list(Role))
def test_what_is_private_is_nowhere_on_a_profile(app: Flask, committed: None, role: Role) -> None:
    private = {"email": "hidden.one@example.com", "birth_on": date(1983, 7, 29), "role": role}
    shown = in_transaction(someone, points=73_519, nickname="보이는이", bio="보이는 소개", **private)
    stranger = world.signed_in(app, in_transaction(someone, points=0, nickname="보는이", role=Role.USER))
    page = stranger.get(f"/users/{shown}")
    assert page.status_code == 200
    hidden = ["hidden.one", "example.com", "1983", "83.7", "7월 29", "07-29", "73519", "73,519", *Role, "관리자"]
    found = [word for word in hidden if word.casefold() in outside_of_ids(page.text).casefold()]
    assert found == []


def outside_of_ids(page: str) -> str:
    """The page without what is drawn by lot, in which any figures may stand: tokens."""
    return re.sub(r'(content|value|nonce)="[\w.-]{40,}"|nonce="[^"]*"', "", page)


def test_a_profile_looks_the_same_for_an_admin_and_a_member(app: Flask, committed: None) -> None:
    reader = world.signed_in(app, in_transaction(someone))
    twins = [in_transaction(someone, nickname=f"쌍둥이{role}", role=role) for role in Role]
    pages = [outside_of_ids(reader.get(f"/users/{one}").text) for one in twins]
    plain = [
        re.sub(rf'face-\d|(?<=data-id="){one}(?=")|(?<=href="/users/){one}(?=")', "", page).replace(f"쌍둥이{role}", "")
        for page, role, one in zip(pages, Role, twins, strict=True)
    ]
    assert plain[0] == plain[1]


def test_whoever_has_neither_password_nor_confirmed_email_has_a_profile(app: Flask, browser: FlaskClient) -> None:
    social = in_transaction(someone, nickname="소셜만", password_hash=None)
    assert "소셜만" in browser.get(f"/users/{social}").text
    page = world.signed_in(app, social).get("/me")
    assert page.status_code == 200
    assert "소셜만" in page.text


def test_who_left_has_no_profile(browser: FlaskClient) -> None:
    gone = in_transaction(someone, nickname="떠난이")
    assert browser.get(f"/users/{gone}").status_code == 200
    in_transaction(home.withdraw, user_id=gone, checked_hash=world.HASH, gives_up=True)
    page = browser.get(f"/users/{gone}")
    assert page.status_code == 404
    assert "떠난이" not in page.text


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
