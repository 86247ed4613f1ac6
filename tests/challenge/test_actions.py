"""The buttons of challenges, with HTMX and without: each pressed twice, and what is refused moves nothing."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from nene.challenge import service
from nene.challenge.terms import Status
from nene.kernel.db import in_transaction, reading
from nene.point import service as point
from tests import world
from tests.challenge.stage import DUE, FEE, POINTS, Cast, reach
from tests.conftest import Clocks
from tests.world import TODAY

TABLES = ("challenge", "participant", "verification", "point_entry", "point_posting", "outbox", "notification")
ROWS = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} t"
TERMS = {
    "name": "점심 먹고 15분 산책",
    "category": "HEALTH",
    "description": "회사 주변을 걸어요.",
    "start_date": (TODAY + timedelta(days=1)).isoformat(),
    "due_date": (TODAY + timedelta(days=7)).isoformat(),
    "min_participants": "2",
    "max_participants": "12",
}
Stage = Callable[[Status], Cast]


@pytest.fixture
def stage(app: Flask, client: FlaskClient, clock: Clocks) -> Stage:
    """Makes a challenge in a status, on the day on which it is so."""
    return lambda status: reach(status, clock)


@pytest.fixture(params=[False, True], ids=["plain", "htmx"])
def htmx(request: pytest.FixtureRequest) -> bool:
    """Whether the button is pressed through HTMX."""
    return bool(request.param)


def everything() -> list[str]:
    with reading() as session:
        return [str(session.scalar(text(ROWS.format(table)))) for table in TABLES]


def points_of(user_id: int) -> int:
    with reading() as session:
        assert not world.faults(session)
        return point.balance_of(session, user_id)


def done(answer: TestResponse, cast: Cast, message: str, *, htmx: bool) -> None:
    """It worked: the changed challenge and the message for HTMX, the way back to the page for everybody else."""
    if htmx:
        assert answer.status_code == 200
        assert f'<article id="challenge-{cast.id}"' in answer.text
        assert answer.headers["HX-Trigger"] == "point-changed"
        assert re.search(r'id="flash"[^>]*hx-swap-oob="true"', answer.text)
        assert message in re.sub(r"<[^>]+>", "", answer.text)
    else:
        assert answer.status_code == 303
        assert answer.location == f"/challenges/{cast.id}"


def refused(answer: TestResponse, status: int, message: str, *, htmx: bool) -> None:
    """It did not: the reason in the result region for HTMX, as a page for everybody else."""
    assert answer.status_code == status
    assert message in answer.text
    assert ("HX-Retarget" in answer.headers) is htmx
    assert ("<html" in answer.text) is not htmx


@pytest.mark.parametrize(
    ("status", "who", "verb", "fields", "message", "change", "again"),
    [
        (Status.WAITING, "stranger", "join", {"version": "1"}, "참가했어요.", -FEE, "이미 참가 중이에요."),
        (Status.WAITING, "guest", "quit", {}, "돌려받았어요.", FEE, "참가 중인 챌린지가 아니에요."),
        (Status.ONGOING, "guest", "quit", {}, "누적 참가비에 남아요.", 0, "참가 중인 챌린지가 아니에요."),
        (Status.WAITING, "host", "ready", {}, "모집을 마감했어요.", 0, "모집 중인 챌린지만 마감할 수 있어요."),
        (Status.WAITING, "host", "cancel", {}, "챌린지를 취소했어요.", FEE, "취소할 수 없어요."),
        (Status.READY, "host", "cancel", {}, "챌린지를 취소했어요.", FEE, "취소할 수 없어요."),
        (Status.ONGOING, "guest", "verifications", {"content": "걸었어요"}, "1번째 도장이에요!", 0, "이미 인증했어요."),
    ],
)
def test_a_button_works_once(
    app: Flask,
    stage: Stage,
    htmx: bool,
    status: Status,
    who: str,
    verb: str,
    fields: dict[str, str],
    message: str,
    change: int,
    again: str,
) -> None:
    cast = stage(status)
    user_id = getattr(cast, who)
    browser = world.signed_in(app, user_id)
    before = points_of(user_id)
    path = f"/challenges/{cast.id}/{verb}"
    done(world.post(browser, path, htmx=htmx, **fields), cast, message, htmx=htmx)
    assert points_of(user_id) == before + change
    if not htmx:
        assert message in re.sub(r"<[^>]+>", "", browser.get(f"/challenges/{cast.id}").text)
    settled = everything()
    refused(world.post(browser, path, htmx=htmx, **fields), 409, again, htmx=htmx)
    assert everything() == settled


@pytest.mark.parametrize(
    ("status", "who", "verb", "fields", "code", "message"),
    [
        (Status.WAITING, "stranger", "join", {}, 422, "약속을 다시 읽고 눌러 주세요."),
        (Status.READY, "stranger", "join", {"version": "1"}, 409, "모집이 끝난 챌린지예요."),
        (Status.WAITING, "host", "quit", {}, 409, "방장은 그만둘 수 없어요."),
        (Status.READY, "guest", "quit", {}, 409, "지금은 그만둘 수 없어요."),
        (Status.WAITING, "guest", "ready", {}, 403, "방장만 할 수 있어요."),
        (Status.WAITING, "guest", "cancel", {}, 403, "방장만 할 수 있어요."),
        (Status.ONGOING, "host", "cancel", {}, 409, "취소할 수 없어요."),
        (Status.ONGOING, "stranger", "verifications", {"content": "몰래"}, 409, "참가 중인 챌린지가 아니에요."),
        (Status.WAITING, "guest", "verifications", {"content": "일찍"}, 409, "지금은 인증할 수 있는 날이 아니에요."),
        (Status.WAITING, "host", "edit", TERMS, 409, "이제 고칠 수 없어요."),
        (Status.WAITING, "guest", "edit", TERMS, 403, "방장만 할 수 있어요."),
    ],
)
def test_what_is_refused_moves_nothing(
    app: Flask,
    stage: Stage,
    htmx: bool,
    status: Status,
    who: str,
    verb: str,
    fields: dict[str, str],
    code: int,
    message: str,
) -> None:
    cast = stage(status)
    browser = world.signed_in(app, getattr(cast, who))
    before = everything()
    refused(world.post(browser, f"/challenges/{cast.id}/{verb}", htmx=htmx, **fields), code, message, htmx=htmx)
    assert everything() == before


def test_who_has_too_few_points_joins_and_opens_nothing(app: Flask, stage: Stage, htmx: bool) -> None:
    cast = stage(Status.WAITING)
    poor = world.signed_in(app, in_transaction(world.member, FEE - 1))
    before = everything()
    answer = world.post(poor, f"/challenges/{cast.id}/join", htmx=htmx, version="1")
    refused(answer, 409, "1P가 모자라요.", htmx=htmx)
    answer = world.post(poor, "/challenges", htmx=htmx, fee=str(FEE), **TERMS)
    assert answer.status_code == 409
    assert "1P가 모자라요." in answer.text
    assert "회사 주변을 걸어요." in answer.text  # the form is kept
    assert everything() == before


def test_changed_terms_come_with_the_refusal_and_can_then_be_accepted(app: Flask, stage: Stage, htmx: bool) -> None:
    cast = stage(Status.WAITING)
    host = in_transaction(world.member, POINTS)
    made = in_transaction(world.opened, host, fee=FEE)
    changed = world.terms(name="저녁 달리기", description="저녁마다 달려요.")
    in_transaction(service.edit_challenge, challenge_id=made, user_id=host, terms=changed)
    stranger = world.signed_in(app, cast.stranger)
    before = everything()
    answer = world.post(stranger, f"/challenges/{made}/join", htmx=htmx, version="1")
    assert answer.status_code == 409
    for words in ("그사이 약속이 바뀌었어요.", "저녁마다 달려요.", 'name="version" value="2"'):
        assert words in answer.text
    assert ("<html" in answer.text) is not htmx
    assert everything() == before
    assert world.post(stranger, f"/challenges/{made}/join", htmx=htmx, version="2").status_code == (
        200 if htmx else 303
    )


def test_a_challenge_is_opened_with_the_stake_of_its_host(app: Flask, stage: Stage, htmx: bool) -> None:
    cast = stage(Status.WAITING)
    browser = world.signed_in(app, cast.stranger)
    for count in (1, 2):
        answer = world.post(browser, "/challenges", htmx=htmx, fee=str(FEE), **TERMS)
        where = answer.headers["HX-Redirect" if htmx else "Location"]
        assert answer.status_code == (200 if htmx else 303)
        assert points_of(cast.stranger) == POINTS - count * FEE
        html = browser.get(where).text
        assert TERMS["name"] in html
        assert "챌린지를 열었어요." in html


def test_terms_can_be_changed_while_alone(app: Flask, client: FlaskClient, clock: Clocks, htmx: bool) -> None:
    clock.stop_at(world.NOW)
    host = in_transaction(world.member, POINTS)
    made = in_transaction(world.opened, host, fee=FEE)
    browser = world.signed_in(app, host)
    page = browser.get(f"/challenges/{made}/edit").text
    assert 'value="아침 달리기"' in page
    assert 'name="fee"' not in page
    for name in ("저녁 달리기", "밤 달리기"):
        answer = world.post(browser, f"/challenges/{made}/edit", htmx=htmx, **{**TERMS, "name": name})
        assert answer.headers["HX-Redirect" if htmx else "Location"] == f"/challenges/{made}"
        assert name in browser.get(f"/challenges/{made}").text
    assert (
        'name="version" value="3"'
        in world.signed_in(app, in_transaction(world.member, POINTS)).get(f"/challenges/{made}/join").text
    )
    assert points_of(host) == POINTS - FEE


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fee": "50"}, "참가비는 100P부터 200,000P까지 정할 수 있어요."),
        ({"name": "가"}, "이름은 2자부터 50자까지예요."),
        ({"start_date": TODAY.isoformat()}, "시작일은 내일부터 고를 수 있어요."),
        ({"due_date": TODAY.isoformat()}, "종료일은 시작일 다음 날부터 고를 수 있어요."),
        ({"max_participants": "1"}, "2명부터 10,000명까지 정할 수 있어요."),
        ({"due_date": (TODAY + timedelta(days=366)).isoformat()}, "챌린지는 365일까지 할 수 있어요."),
        ({"due_date": "내일"}, "날짜를 2026-01-31처럼 적어 주세요."),
        ({"min_participants": "x"}, "숫자로 적어 주세요."),
        ({"max_participants": "99999999999999999999"}, "2명부터 10,000명까지 정할 수 있어요."),
    ],
)
def test_a_wrong_value_keeps_the_rest_and_says_what_is_allowed(
    app: Flask, stage: Stage, htmx: bool, changed: dict[str, Any], message: str
) -> None:
    cast = stage(Status.WAITING)
    before = everything()
    values = {**TERMS, "fee": str(FEE), **changed}
    answer = world.post(world.signed_in(app, cast.stranger), "/challenges", htmx=htmx, **values)
    assert answer.status_code == 422
    assert message in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert answer.text.count("<html") == (0 if htmx else 1)
    assert answer.text.count('id="terms"') == 1
    assert "회사 주변을 걸어요." in answer.text
    for name in {"name", "fee", "start_date", "max_participants"} - {*changed}:
        assert f'value="{values[name]}"' in answer.text
    assert everything() == before


def test_a_verification_that_is_too_long_is_kept_to_be_shortened(app: Flask, stage: Stage, htmx: bool) -> None:
    cast = stage(Status.ONGOING)
    browser = world.signed_in(app, cast.guest)
    before = everything()
    for content, message in (("가" * 256, "255자까지 적을 수 있어요."), ("", "한 줄이라도 적어 주세요.")):
        answer = world.post(browser, f"/challenges/{cast.id}/verifications", htmx=htmx, content=content)
        assert answer.status_code == 422
        assert message in answer.text
        assert content in answer.text
        assert f'<article id="challenge-{cast.id}"' in answer.text
        assert answer.text.count("<html") == (0 if htmx else 1)
    assert everything() == before


def test_the_stamp_of_today_comes_down_once(app: Flask, stage: Stage) -> None:
    cast = stage(Status.ONGOING)
    browser = world.signed_in(app, cast.guest)
    answer = world.post(browser, f"/challenges/{cast.id}/verifications", htmx=True, content="걸었어요")
    assert answer.text.count("seal-fresh") == 1
    assert "오늘 도장을 찍었어요." in answer.text
    assert "seal-fresh" not in browser.get(f"/challenges/{cast.id}").text


def test_after_the_last_day_there_is_only_waiting(app: Flask, stage: Stage, clock: Clocks) -> None:
    cast = stage(Status.ONGOING)
    clock.stop_at(world.seoul_midnight(DUE + timedelta(days=1)))
    html = world.signed_in(app, cast.guest).get(f"/challenges/{cast.id}").text
    assert "마지막 날이 지났어요." in html
    assert "<textarea" not in html
    assert "챌린지 그만두기" not in html


def test_a_fragment_and_its_message_read_the_badge_once(app: Flask, stage: Stage) -> None:
    cast = stage(Status.WAITING)
    browser = world.signed_in(app, cast.stranger)
    token = world.token(browser)
    with world.statements() as sent:
        answer = browser.post(
            f"/challenges/{cast.id}/join", data={"csrf_token": token, "version": "1"}, headers={"HX-Request": "true"}
        )
    assert answer.status_code == 200
    assert sum("notification.read_at IS NULL" in statement for statement in sent) == 1
    assert f'value="{POINTS - FEE}"' in browser.get("/points/balance").text
