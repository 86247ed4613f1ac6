"""Answers as pages and as fragments, refusals, health, and where nobody is sent."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, abort, redirect
from flask.testing import FlaskClient
from redis.exceptions import ConnectionError as RedisAway
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from wtforms import StringField
from wtforms.validators import InputRequired

from nene.kernel import redis, web
from nene.kernel.clock import business, seoul_date
from nene.kernel.db import db
from nene.kernel.errors import CursorWrong, NotAllowed, NothingDone, NotThere, Refusal, TooMany
from nene.kernel.forms import Form, QueryForm, tidy
from nene.kernel.settings import Settings
from nene.kernel.web import own_path
from tests import world
from tests.conftest import Client

HTMX = {"HX-Request": "true"}
REFUSALS = {
    "conflict": Refusal(),
    "missing": NotThere(),
    "forbidden": NotAllowed(),
    "often": TooMany(retry_after=7),
    "away": NothingDone(),
    "cursor": CursorWrong(),
    "database": OperationalError("select", {}, Exception("secret detail")),
    "pool": PoolExhausted(),
    "redis": RedisAway("secret detail"),
    "fault": ZeroDivisionError("secret detail"),
}


class NameForm(Form):
    name = StringField("이름", [InputRequired("이름을 적어 주세요.")], filters=[tidy])


class PageForm(QueryForm):
    name = StringField("이름", [InputRequired()], default="처음")


@pytest.fixture(scope="module")
def probe(settings: Settings) -> Iterator[Flask]:
    """The application with some pages more, which do one thing each."""
    from app import create_app

    application = create_app(settings)
    application.config["PROPAGATE_EXCEPTIONS"] = False
    application.test_client_class = Client

    @application.route("/probe/<name>", methods=["GET", "POST"])
    def refuse(name: str) -> str:
        raise REFUSALS[name]

    @application.get("/probe/abort/<int:code>")
    def stop(code: int) -> str:
        abort(code)

    @application.get("/probe/elsewhere")
    def elsewhere() -> Any:
        return abort(redirect("/"))

    @application.post("/probe/change")
    def change() -> Any:
        return web.show_change(
            "_tabs.html", back_to="/points", changed="point-changed", message="됐어요", lazily=lambda: {"tab": "/"}
        )

    @application.post("/probe/check")
    def check() -> str:
        return NameForm.checked().name.data or ""

    @application.get("/probe/page")
    def page() -> Any:
        return web.show_page("error.html", "_error.html", status=200, message=f"오늘은 {web.arrived_on()}")

    @application.get("/probe/query")
    def query() -> str:
        return str(PageForm.read().name.data)

    @application.get("/probe/arrived")
    def arrived() -> str:
        first = web.arrived_at()
        business.stop_at(world.NOW)
        try:
            return str(first == web.arrived_at() != world.NOW)
        finally:
            business.reset()

    with application.app_context():
        yield application
        db.engine.dispose()


@pytest.fixture
def client(probe: Flask, committed: None) -> FlaskClient:
    return probe.test_client()


@pytest.mark.parametrize("target", ["/", "/challenges?q=물&sort=pot#top", "/me/profile", "/a//b"])
def test_a_path_of_ours_is_kept(target: str) -> None:
    assert own_path(target) == target


@pytest.mark.parametrize(
    "target",
    [
        *(None, "", "me", "//evil.test", "///evil.test", "https://evil.test", "javascript:alert(1)"),
        *("/\\evil.test", "/\t/evil.test", "\\/evil.test", "/a\nb", "/ /evil.test", " /me"),
    ],
)
def test_nobody_is_sent_elsewhere(target: str | None) -> None:
    assert own_path(target) is None


@pytest.mark.parametrize(
    ("given", "kept"), [(None, None), ("", ""), ("  ", ""), (" a\r\nb\0 ", "a\nb"), ("\u1100\u1161", "가")]
)
def test_text_is_tidied(given: str | None, kept: str | None) -> None:
    assert tidy(given) == kept


@pytest.mark.parametrize(
    ("name", "status"),
    [
        *(("conflict", 409), ("missing", 404), ("forbidden", 403), ("often", 429), ("away", 503), ("cursor", 400)),
        *(("database", 503), ("pool", 503), ("redis", 503), ("fault", 500)),
    ],
)
def test_a_refusal_is_a_page_and_a_fragment(client: FlaskClient, name: str, status: int) -> None:
    page = client.get(f"/probe/{name}")
    assert page.status_code == status
    assert "<html" in page.text
    part = client.get(f"/probe/{name}", headers=HTMX)
    assert part.status_code == status
    assert "<html" not in part.text
    assert (part.headers["HX-Retarget"], part.headers["HX-Reswap"]) == ("#flash", "innerHTML")
    for answer in (page, part):
        assert "HX-Request" in answer.vary
        assert "secret detail" not in answer.text
        assert "Traceback" not in answer.text


@pytest.mark.parametrize("name", ["away", "database", "pool", "redis"])
def test_what_is_down_says_that_nothing_was_done(client: FlaskClient, name: str) -> None:
    for headers in ({}, HTMX):
        answer = client.get(f"/probe/{name}", headers=headers)
        assert "아무것도 처리되지 않았습니다" in answer.text
        assert int(answer.headers["Retry-After"]) > 0


def test_an_error_page_that_fails_itself_still_says_so(probe: Flask, client: FlaskClient) -> None:
    def fail() -> dict[str, Any]:
        raise REFUSALS["database"]

    probe.template_context_processors[None].append(fail)  # as when the database goes away while a page is made
    try:
        answer = client.get("/probe/conflict")
    finally:
        probe.template_context_processors[None].remove(fail)
    assert answer.status_code == 409
    assert "지금은 할 수 없어요." in answer.text


def test_who_asks_too_often_is_told_when_to_come_back(client: FlaskClient) -> None:
    assert client.get("/probe/often").headers["Retry-After"] == "7"


@pytest.mark.parametrize("code", [400, 403, 404, 405, 413, 415, 418, 429, 500])
def test_every_fault_of_http_has_a_page(client: FlaskClient, code: int) -> None:
    answer = client.get(f"/probe/abort/{code}")
    assert answer.status_code == code
    assert 'lang="ko"' in answer.text


def test_what_is_not_there_and_what_cannot_be_done_there(client: FlaskClient) -> None:
    assert client.get("/nowhere").status_code == 404
    answer = client.get("/logout")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert client.get("/probe/elsewhere").status_code == 302


def test_a_change_leads_to_its_page_or_gives_the_fragment(client: FlaskClient) -> None:
    plain = world.post(client, "/probe/change")
    assert (plain.status_code, plain.location) == (303, "/points")
    assert "됐어요" in client.get("/terms").text
    part = world.post(client, "/probe/change", htmx=True)
    assert (part.status_code, part.headers["HX-Trigger"]) == (200, "point-changed")
    assert 'id="flash"' in part.text
    assert "됐어요" in part.text
    assert "됐어요" not in client.get("/terms").text


def test_a_page_is_shown_whole_unless_htmx_wants_more_of_it(client: FlaskClient) -> None:
    for headers in ({}, {**HTMX, "HX-Boosted": "true"}, {**HTMX, "HX-History-Restore-Request": "true"}):
        assert "<html" in client.get("/probe/page", headers=headers).text
    part = client.get("/probe/page", headers=HTMX).text
    assert "<html" not in part
    assert str(seoul_date(business.now())) in part


def test_a_form_that_does_not_pass_says_why(client: FlaskClient) -> None:
    assert world.post(client, "/probe/check", name=" 김 ").text == "김"
    for htmx in (False, True):
        answer = world.post(client, "/probe/check", htmx=htmx)
        assert answer.status_code == 422
        assert "이름을 적어 주세요." in answer.text


def test_a_filter_that_makes_no_sense_counts_as_not_given(client: FlaskClient) -> None:
    assert client.get("/probe/query?name=a").text == "a"
    assert client.get("/probe/query?name=").text == "처음"
    assert client.get("/probe/query").text == "처음"


def test_a_request_arrives_at_one_moment(client: FlaskClient) -> None:
    assert client.get("/probe/arrived").text == "True"


def test_each_request_has_an_id_and_one_line_in_the_log(
    client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = client.get("/nowhere", headers={"X-Request-ID": "chosen-by-a-stranger"})
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"request"' in line]
    assert line["request_id"] == answer.headers["X-Request-ID"] != "chosen-by-a-stranger"
    assert (line["status"], line["route"], line["method"], line["address"]) == (404, None, "GET", "127.0.0.1")
    client.get("/healthz")
    assert capsys.readouterr().out == ""


def test_pages_are_not_kept_by_others(client: FlaskClient) -> None:
    assert client.get("/terms").headers["Cache-Control"] == "private, no-cache"


def test_it_is_alive_and_ready(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json) == (200, {"status": "ok", "database": "ok", "redis": "ok"})


def test_without_redis_it_is_ready_with_less_comfort(client: FlaskClient, settings: Settings, unused_port: int) -> None:
    redis.start(f"redis://127.0.0.1:{unused_port}/0")
    try:
        ready = client.get("/readyz")
    finally:
        redis.start(str(settings.redis_url))
    assert (ready.status_code, ready.json) == (200, {"status": "degraded", "database": "ok", "redis": "down"})


def test_without_the_database_it_is_not_ready(
    client: FlaskClient, unused_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = create_engine(f"postgresql+psycopg://nobody@127.0.0.1:{unused_port}/none")
    monkeypatch.setattr(type(db), "engine", property(lambda _self: nowhere))
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (503, "down")  # type: ignore[index]
    assert client.get("/healthz").status_code == 200
    assert client.get("/terms").status_code == 503


@pytest.fixture
def unused_port() -> int:
    from nene.kernel.embedded import free_port

    return free_port()
