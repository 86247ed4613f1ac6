"""The pages of challenges, as nobody, a stranger, a participant and the host see them, and as programs read them."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from nene.challenge import service
from nene.challenge.terms import Category, Sort, Status
from nene.kernel.db import in_transaction
from tests import world
from tests.challenge.stage import FEE, Cast, reach
from tests.conftest import Clocks
from tests.world import NOW, START

MOST_QUERIES = 12
DUE = START + timedelta(days=4)
HX = {"HX-Request": "true"}
ACTIONS = {
    Status.WAITING: ("로그인하고 참가하기", "참가하기", "참가 중이에요.", "모집 마감하기"),
    Status.READY: ("모집이 끝난 챌린지예요", "모집이 끝난 챌린지예요", "참가 중이에요.", "참가 중이에요."),
    Status.ONGOING: ("모집이 끝난 챌린지예요", "모집이 끝난 챌린지예요", "오늘 도장 찍기", "오늘 도장 찍기"),
    Status.FINISHED: ("끝난 챌린지예요", "끝난 챌린지예요", "정산 보기", "정산 보기"),
    Status.CANCELED: ("취소된 챌린지예요",) * 4,
}
Stage = Callable[[Status], Cast]


@pytest.fixture
def stage(app: Flask, client: FlaskClient, clock: Clocks) -> Stage:
    """Makes a challenge in a status, on the day on which it is so."""
    return lambda status: reach(status, clock)


@pytest.fixture(autouse=True)
def _day(clock: Clocks) -> None:
    clock.stop_at(NOW)


def text_of(html: str, *marked: str) -> str:
    """What is read on a page, without what stands in these elements."""
    for name in (*marked, "script", "head", "template"):
        html = re.sub(rf"<{name}\b[^>]*>.*?</{name}>", " ", html, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", " ", html))


def ids_of(html: str) -> list[int]:
    """The items of the list on a page of cards, in order."""
    return [int(found) for found in re.findall(r'<article class="card[^"]*" data-id="(\d+)"', html)]


def next_of(html: str) -> str | None:
    """Where the list goes on."""
    tag = re.search(r'<a\b[^>]*rel="next"[^>]*>', html)
    href = re.search(r'href="([^"]+)"', tag[0]) if tag else None
    return unescape(href[1]) if href else None


def browsers(app: Flask, cast: Cast) -> list[FlaskClient]:
    """Nobody, a stranger, a participant, the host."""
    return [app.test_client(), *(world.signed_in(app, one) for one in (cast.stranger, cast.guest, cast.host))]


@pytest.mark.parametrize("status", Status)
def test_each_status_shows_each_viewer_the_one_action(app: Flask, stage: Stage, status: Status) -> None:
    cast = stage(status)
    for browser, action in zip(browsers(app, cast), ACTIONS[status], strict=True):
        answer = browser.get(f"/challenges/{cast.id}")
        assert answer.status_code == 200
        assert action in text_of(answer.text)
        assert f'id="challenge-{cast.id}" data-id="{cast.id}" data-status="{status}"' in answer.text


@pytest.mark.parametrize("status", Status)
def test_programs_can_read_every_amount_and_day(app: Flask, stage: Stage, status: Status) -> None:
    cast = stage(status)
    paths = ["", "/participants", "/verifications", "/settlement", "/join", "/quit", "/ready", "/cancel"]
    for browser in browsers(app, cast):
        for path in ["/challenges", "/me/challenges", *(f"/challenges/{cast.id}{path}" for path in paths)]:
            html = browser.get(path).text
            assert set(re.findall(r"\d[\d,]*P", text_of(html, "data"))) <= {"1P"}, path
            assert not re.findall(r"\d\.\d+\(|\d:\d\d", text_of(html, "time")), path
            assert all(re.search(r'value="-?\d+"', tag) for tag in re.findall(r"<data\b[^>]*>", html))
            assert all(re.search(r'datetime="\d{4}-', tag) for tag in re.findall(r"<time\b[^>]*>", html))


def test_before_the_start_the_pot_and_the_seats_are_read(app: Flask, stage: Stage) -> None:
    cast = stage(Status.WAITING)
    html = app.test_client().get(f"/challenges/{cast.id}").text
    assert f'value="{FEE}"' in html
    assert f'value="{2 * FEE}"' in html
    assert f'<time datetime="{START}">' in html
    assert 'aria-label="10자리 중 2명, 최소 2명"' in html
    assert "인증 성공률" not in text_of(html)


def test_the_seats_refresh_themselves_while_people_can_join(app: Flask, stage: Stage) -> None:
    cast = stage(Status.WAITING)
    shown = app.test_client().get(f"/challenges/{cast.id}").text
    assert f'hx-get="/challenges/{cast.id}/seats"' in shown
    assert 'hx-trigger="every 10s"' in shown
    in_transaction(world.joined, cast.id, cast.stranger)
    seats = app.test_client().get(f"/challenges/{cast.id}/seats", headers=HX).text
    assert seats.count("<article") == 0
    assert "3명이 함께해요" in text_of(seats)
    in_transaction(service.close_recruiting, challenge_id=cast.id, user_id=cast.host)
    over = app.test_client().get(f"/challenges/{cast.id}/seats", headers=HX).text
    assert f'hx-get="/challenges/{cast.id}"' in over
    assert 'hx-trigger="load"' in over


def test_who_has_too_few_points_is_told_what_is_missing(app: Flask, stage: Stage) -> None:
    cast = stage(Status.WAITING)
    poor = world.signed_in(app, in_transaction(world.member, FEE - 1))
    html = poor.get(f"/challenges/{cast.id}").text
    assert "1P  모자라요. 충전하기" in text_of(html)
    assert 'href="/payments/new"' in html
    assert f'action="/challenges/{cast.id}/join"' not in html
    assert "지금은 할 수 없어요." in poor.get(f"/challenges/{cast.id}/join").text


def test_the_dialog_and_the_page_hold_the_same_form(app: Flask, stage: Stage) -> None:
    cast = stage(Status.WAITING)
    browser = world.signed_in(app, cast.stranger)
    for path in (f"/challenges/{cast.id}", f"/challenges/{cast.id}/join"):
        html = browser.get(path).text
        assert html.count(f'action="/challenges/{cast.id}/join"') == 1
        assert '<input type="hidden" name="version" value="1">' in html
        assert f'value="{-FEE}"' in html


def test_a_participant_sees_the_stamps_the_feed_and_the_rates(app: Flask, stage: Stage) -> None:
    cast = stage(Status.ONGOING)
    in_transaction(world.verified, cast.id, cast.host, START)
    html = world.signed_in(app, cast.guest).get(f"/challenges/{cast.id}").text
    assert html.count('<li class="day day-today day-today"') + html.count("day-future") == 5
    assert "했어요" in text_of(html)
    assert '<data value="100">100%</data>' in html
    assert "<textarea" in html
    outsider = world.signed_in(app, cast.stranger).get(f"/challenges/{cast.id}").text
    assert "함께한 인증" not in outsider
    assert "내 도장판" not in outsider


def test_the_verifications_are_found_by_person_and_text(app: Flask, stage: Stage) -> None:
    cast = stage(Status.ONGOING)
    in_transaction(world.verified, cast.id, cast.host, START)
    browser = world.signed_in(app, cast.guest)
    path = f"/challenges/{cast.id}/verifications"
    assert browser.get(path).text.count('<li class="row"') == 1
    assert browser.get(f"{path}?user_id={cast.guest}").text.count('<li class="row"') == 0
    assert "찾는 인증이 없어요" in browser.get(f"{path}?q=달나라", headers=HX).text
    assert browser.get(f"{path}?q=했어&user_id={cast.host}", headers=HX).text.count("<li") == 1
    assert world.signed_in(app, cast.stranger).get(path).status_code == 403


def test_my_verifications_come_with_a_calendar_of_my_days(app: Flask, stage: Stage) -> None:
    cast = stage(Status.ONGOING)
    in_transaction(world.verified, cast.id, cast.host, START)
    path = f"/challenges/{cast.id}/verifications"
    html = world.signed_in(app, cast.host).get(f"{path}?user_id={cast.host}").text
    days = [START + timedelta(days=number) for number in range(5)]
    assert all(f'<time datetime="{day.isoformat()}"' in html for day in days)
    assert "내 도장판" not in world.signed_in(app, cast.host).get(path).text


def test_the_settlement_adds_up_on_the_page(app: Flask, stage: Stage) -> None:
    cast = stage(Status.FINISHED)
    html = world.signed_in(app, cast.guest).get(f"/challenges/{cast.id}/settlement").text
    words = text_of(html)
    for words_shown in ("이렇게 나눴어요", "달성한 사람끼리 똑같이 나눠요.", "나누고 남은 포인트", "남는 포인트 없이"):
        assert words_shown in words
    assert html.count('<li class="row') == 2
    assert html.count("row-mine") == 1
    assert f'value="{2 * FEE}"' in html


def test_the_list_is_searched_by_everything_at_once(app: Flask, client: FlaskClient) -> None:
    def make(session: Session) -> tuple[int, int]:
        host = world.member(session, 50_000)
        wanted = world.opened(session, host, fee=3_000, name="저녁 책 읽기", category=Category.STUDY)
        return wanted, world.opened(session, host, fee=1_000)

    wanted, other = in_transaction(make)
    path = (
        f"/challenges?q=책&status=WAITING&category=STUDY&min_fee=2000&max_fee=4000&starts_from={START}&due_until={DUE}"
    )
    assert ids_of(client.get(path).text) == [wanted]
    assert ids_of(client.get(path, headers=HX).text) == [wanted]
    assert ids_of(client.get("/challenges").text) == [other, wanted]
    html = client.get(path).text
    assert 'value="책"' in html
    assert "참가비 2,000P–4,000P" in text_of(html)
    assert "찾는 챌린지가 없어요" in client.get("/challenges?q=없는것", headers=HX).text
    assert client.get("/challenges?endpoint=x&_external=1&status=NONE&min_fee=x").status_code == 200


@pytest.mark.parametrize("sort", Sort)
def test_a_walk_over_the_pages_meets_each_challenge_once(app: Flask, client: FlaskClient, sort: Sort) -> None:
    def make(session: Session) -> list[int]:
        host = world.member(session, 50_000)
        start = [START + timedelta(days=number % 3) for number in range(45)]
        return [world.opened(session, host, fee=100, start_date=day, due_date=day + timedelta(days=4)) for day in start]

    made = in_transaction(make)
    for headers in ({}, HX):
        met: list[int] = []
        path: str | None = f"/challenges?sort={sort}&q=달리기"
        pages = 0
        while path:
            html = client.get(path, headers=headers).text
            met += ids_of(html)
            path = next_of(html)
            pages += 1
        assert sorted(met) == made
        assert pages == 3


def test_what_is_due_today_comes_first_in_mine(app: Flask, stage: Stage, clock: Clocks) -> None:
    cast = stage(Status.ONGOING)
    later = in_transaction(world.opened, cast.guest, start_date=DUE, due_date=DUE + timedelta(days=4))
    browser = world.signed_in(app, cast.guest)
    html = browser.get("/me/challenges").text
    assert ids_of(html) == [cast.id, later]
    assert "오늘 도장이 남았어요" in html
    assert ids_of(browser.get("/me/challenges?status=WAITING").text) == [later]
    assert "이런 챌린지는 없어요" in browser.get("/me/challenges?status=CANCELED", headers=HX).text
    newcomer = world.signed_in(app, cast.stranger)
    assert "아직 참가한 챌린지가 없어요" in newcomer.get("/me/challenges").text


def test_no_page_asks_the_database_more_often_when_there_is_more(
    app: Flask, client: FlaskClient, clock: Clocks
) -> None:
    def make(session: Session) -> tuple[int, list[int]]:
        people = [world.member(session, 5_000) for _ in range(100)]
        made = world.opened(session, people[0], max_participants=200)
        world.joined(session, made, *people[1:])
        for _ in range(25):
            world.opened(session, people[0], fee=100)
        return made, people

    def verify(session: Session, day: date) -> None:
        for user_id in people:
            world.verified(session, made, user_id, day)

    made, people = in_transaction(make)
    browser = world.signed_in(app, people[0])
    paths = ["", "/seats", "/participants", "/cancel", "/verifications", "/settlement"]
    every = ["/challenges", "/me/challenges", "/challenges/new", *(f"/challenges/{made}{path}" for path in paths)]
    _few_queries(browser, every[:7])
    clock.stop_at(world.noon(START))
    service.advance(world.noon(START))
    for day in (START, DUE):
        in_transaction(verify, day)
    clock.stop_at(world.noon(DUE))
    _few_queries(browser, every)
    clock.stop_at(world.night_after(DUE))
    service.advance(world.night_after(DUE))
    _few_queries(browser, every)


def _few_queries(browser: FlaskClient, paths: list[str]) -> None:
    for path in paths:
        with world.statements() as sent:
            answer = browser.get(path)
        assert answer.status_code in {200, 404}, path
        assert len(sent) <= MOST_QUERIES, (path, sent)


def test_a_challenge_that_is_not_there_has_no_page(client: FlaskClient) -> None:
    assert client.get("/challenges/999999").status_code == 404
