"""Logs are JSON lines, and nothing personal or secret is in them."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars

from nene.kernel import logging as logs

SECRETS = {
    "e-mail": "kim.a+b@mail.example.co.kr",
    "phone": "010-1234-5678",
    "phone without dashes": "01012345678",
    "phone from abroad": "+82 10-1234-5678",
    "access token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl",
    "refresh token": "70.3.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE",
    "password hash": "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$Jo5yMzrWF7A",
    "gateway key": "test_sk_zXLkKEypNArWmo50nX3lmeaxYG5R",
    "password in an address": "postgresql://nene:hunter2@db/nene",
    "query string": "/password-reset?token=hunter2&x=1",
    "cookie header": "Cookie: nene_session=hunter2; other=hunter2",
    "authorization header": "Authorization: Bearer hunter2.hunter2",
    "basic authorization": "Authorization: Basic aHVudGVyMg==",
    "json": '{"password": "hunter2", "birth_date": "hunter2"}',
    "python": "{'birth_on': 'hunter2', 'client_secret': 'hunter2'}",
    "refused row": "DETAIL:  Failing row contains (1, hunter2, 2000-01-01).",
    "refused key": "DETAIL:  Key (nickname_key)=(hunter2) already exists.",
    "parameters": "[SQL: SELECT 1]\n[parameters: {'x': 'hunter2', 'y': ('hunter2',)}]",
}
LEAKS = ("hunter2", "aHVudGVyMg", "kim", "1234", "5678", "eyJ", "AbCdE", "argon2id$v", "zXLk")


@pytest.fixture(autouse=True)
def started() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:]
    logs.start()
    logs.start()
    yield
    root.handlers = before
    clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
@pytest.mark.parametrize("way", ["event", "value", "nested", "library", "exception"])
def test_nothing_secret_is_written(capsys: pytest.CaptureFixture[str], secret: str, way: str) -> None:
    log = structlog.get_logger("test")
    if way == "event":
        log.info("said " + secret)  # noqa: G003 - as a careless line would
    elif way == "value":
        log.info("said", what=secret)
    elif way == "nested":
        log.info("said", what={"list": [("tuple", secret)]})
    elif way == "library":
        logging.getLogger("some.library").warning("said %s", secret)
    else:
        log.error("failed", exc_info=ValueError(secret))
    written = capsys.readouterr().out
    assert len(written.splitlines()) == 1
    assert "***" in written
    assert not [leak for leak in LEAKS if leak in written.split('"timestamp"')[0]]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "password",
            "new_password",
            "PASSWORD_CONFIRM",
            "token",
            "csrf_token",
            "client_secret",
            "paymentKey",
            "api_key",
        ),
        *("email", "e_mail", "birth_date", "birth_on", "phone", "Cookie", "Set-Cookie", "Authorization"),
    ],
)
def test_a_name_is_enough_to_hide_its_value(capsys: pytest.CaptureFixture[str], name: str) -> None:
    structlog.get_logger().info("said", **{name: "hunter2"}, form={name: 12345})
    [line] = lines(capsys)
    assert line[name] == "***"
    assert line["form"][name] == "***"


def test_what_is_no_secret_stays_readable(capsys: pytest.CaptureFixture[str]) -> None:
    values = {
        "route": "/challenges/<int:id>/join",
        "amount": 10_001,
        "day": "2026-11-01",
        "version": "1.2.3",
        "ok": True,
    }
    structlog.get_logger().info("challenge.joined", who=None, 한글="그대로", **values)
    [line] = lines(capsys)
    assert {name: line[name] for name in values} == values
    assert (line["event"], line["한글"], line["who"], line["level"]) == ("challenge.joined", "그대로", None, "info")
    assert line["timestamp"].endswith("Z")


def test_every_line_says_in_which_request_it_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    bind_contextvars(request_id="r1", user_id=7)
    structlog.get_logger().info("ours")
    logging.getLogger("library").error("theirs")
    assert [(line["event"], line["request_id"], line["user_id"]) for line in lines(capsys)] == [
        ("ours", "r1", 7),
        ("theirs", "r1", 7),
    ]


def test_chatty_libraries_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("apscheduler.executors").info("ran")
    logging.getLogger("library").debug("detail")
    assert lines(capsys) == []
