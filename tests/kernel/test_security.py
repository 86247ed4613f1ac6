"""Headers, CSRF, limits with and without Redis, proxies, and how much may be sent."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from pydantic import TypeAdapter
from redis.exceptions import ConnectionError as RedisAway

from nene.kernel import paging, redis, security
from nene.kernel import settings as current
from nene.kernel.db import db, in_transaction
from nene.kernel.embedded import free_port
from nene.kernel.errors import TooMany
from nene.kernel.security import Attempt, address, limit_money, limit_search
from nene.kernel.settings import Settings, WebUrl
from tests import world
from tests.conftest import Client


@limit_money
def charge() -> str:
    return "ok"


@limit_money
def join() -> str:
    return "ok"


@limit_search
def look_for() -> str:
    return "ok"


def who() -> str:
    return f"{request.remote_addr} {request.scheme} {len(request.form)}"


PAGES = {"/probe/charge": charge, "/probe/join": join, "/probe/search": look_for, "/probe/plain": who}


def build(given: Settings) -> Flask:
    """An application of these settings with some pages more."""
    from app import create_app

    application = create_app(given)
    application.testing = True
    application.test_client_class = Client
    for path, page in PAGES.items():
        application.add_url_rule(path, page.__name__, page, methods=["GET", "POST"])
    return application


@pytest.fixture(scope="module")
def strict(settings: Settings) -> Iterator[Flask]:
    """With a tenth of the product's limits, to be quick."""
    application = build(settings.model_copy(update={"rate_scale": 0.1}))
    with application.app_context():
        yield application
        db.engine.dispose()


@pytest.fixture(autouse=True)
def usual(settings: Settings) -> Iterator[None]:
    """Whatever a test makes of the process, it is put back."""
    yield
    redis.start(str(settings.redis_url))
    paging.start(settings.secret_key)
    current.use(settings)


@pytest.fixture
def client(strict: Flask, committed: None, settings: Settings) -> FlaskClient:
    current.use(settings.model_copy(update={"rate_scale": 0.1}))
    return strict.test_client()


def policy(client: FlaskClient, path: str) -> tuple[dict[str, str], str]:
    answer = client.get(path)
    parts = [part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")]
    return {part[0]: part[1] for part in parts}, answer.text


def test_only_our_own_scripts_and_styles_run(client: FlaskClient) -> None:
    rules, page = policy(client, "/login")
    found = re.search(r"'nonce-([\w-]+)'", rules["script-src"])
    assert found
    assert found[1] in page
    assert found[1] in rules["style-src"]
    assert "unsafe" not in str(rules)
    assert "*" not in str(rules)
    assert rules["default-src"] == "'self'"
    assert (rules["object-src"], rules["base-uri"], rules["frame-ancestors"]) == ("'none'",) * 3
    assert rules["form-action"] == "'self'"
    again, _page = policy(client, "/login")
    assert again["script-src"] != rules["script-src"]


def test_pages_have_no_inline_code(client: FlaskClient) -> None:
    for path in ("/", "/login", "/signup", "/terms", "/nowhere"):
        page = client.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page)


@pytest.mark.parametrize("path", ["/login", "/nowhere", "/healthz", "/static/css/base.css"])
def test_every_answer_carries_the_headers(client: FlaskClient, path: str) -> None:
    with client.get(path) as answer:
        headers = answer.headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers
    assert "Content-Security-Policy" in headers


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_a_post_without_the_token_does_nothing(client: FlaskClient, htmx: bool, token: str | None) -> None:
    world.token(client)
    headers = {"HX-Request": "true"} if htmx else {}
    fields = {} if token is None else {"csrf_token": token}
    assert client.post("/probe/plain", data=fields, headers=headers).status_code == 400


def test_the_token_is_taken_from_the_field_and_from_the_header(client: FlaskClient) -> None:
    token = world.token(client)
    assert client.post("/probe/plain", data={"csrf_token": token}).status_code == 200
    assert client.post("/probe/plain", headers={"X-CSRFToken": token}).status_code == 200


def test_a_strangers_token_does_not_fit(client: FlaskClient, strict: Flask) -> None:
    world.token(client)
    stranger = world.token(strict.test_client())
    assert client.post("/probe/plain", data={"csrf_token": stranger}).status_code == 400


def test_every_route_that_changes_something_wants_the_token(client: FlaskClient, strict: Flask) -> None:
    world.token(client)
    own = {"payment.webhook"}  # Toss knows no token, and is believed nothing
    rules = [
        rule for rule in strict.url_map.iter_rules() if "POST" in (rule.methods or ()) and rule.endpoint not in own
    ]
    assert len(rules) > 10
    for rule in rules:
        path = rule.build(dict.fromkeys(rule.arguments, 1), append_unknown=False)
        answer = client.post(path[1] if path else rule.rule, environ_base={"REMOTE_ADDR": rule.endpoint})
        assert answer.status_code == 400, rule.rule


def test_more_than_eight_megabytes_are_refused(client: FlaskClient) -> None:
    token = world.token(client)
    answer = client.post("/probe/plain", data={"csrf_token": token, "x": "x" * (9 * 1024 * 1024)})
    assert answer.status_code == 413


def answers(client: FlaskClient, count: int, method: str, path: str, **more: Any) -> list[int]:
    return [client.open(path, method=method, **more).status_code for _time in range(count)]


def test_an_address_asks_six_hundred_times_a_minute(client: FlaskClient, strict: Flask) -> None:
    assert answers(client, 62, "GET", "/probe/plain") == [*[200] * 60, 429, 429]
    refused = client.get("/terms")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert client.get("/terms", headers={"HX-Request": "true"}).headers["HX-Retarget"] == "#flash"
    assert client.get("/terms", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 200
    for path in ("/healthz", "/readyz", "/static/css/base.css"):
        with client.get(path) as answer:
            assert answer.status_code == 200


def test_an_address_signs_up_twenty_times_an_hour(client: FlaskClient) -> None:
    headers = {"X-CSRFToken": world.token(client)}
    assert answers(client, 3, "POST", "/signup", headers=headers) == [422, 422, 429]
    assert client.get("/signup").status_code == 200


def test_a_user_moves_money_sixty_times_a_minute_wherever(client: FlaskClient, strict: Flask) -> None:
    kim, lee = (world.signed_in(strict, in_transaction(world.member)) for _person in range(2))
    headers = {"X-CSRFToken": world.token(kim)}
    assert answers(kim, 5, "POST", "/probe/charge", headers=headers) == [200] * 5
    assert answers(kim, 2, "POST", "/probe/join", headers=headers) == [200, 429]
    assert answers(kim, 1, "GET", "/probe/search") == [200]
    assert answers(lee, 1, "POST", "/probe/charge", headers={"X-CSRFToken": world.token(lee)}) == [200]


def test_somebody_searches_a_hundred_and_twenty_times_a_minute(client: FlaskClient) -> None:
    assert answers(client, 13, "GET", "/probe/search") == [*[200] * 12, 429]


def test_without_redis_memory_counts(client: FlaskClient, strict: Flask, settings: Settings) -> None:
    redis.start(f"redis://127.0.0.1:{free_port()}/0")
    security.limiter.init_app(strict)
    try:
        assert answers(client, 62, "GET", "/probe/plain") == [*[200] * 60, 429, 429]
        assert Attempt({"a": 10}, minutes=1)
        with pytest.raises(TooMany):
            Attempt({"a": 10}, minutes=1)
        assert security.limiter.storage.check()
        with pytest.raises(RedisAway):
            security.limiter.storage.clear("a")
    finally:
        redis.start(str(settings.redis_url))
        security.limiter.init_app(strict)
    assert client.get("/probe/plain").status_code == 200


@pytest.fixture
def unscaled(client: FlaskClient, settings: Settings) -> None:
    current.use(settings.model_copy(update={"rate_scale": 1.0}))


@pytest.mark.usefixtures("unscaled")
def test_failures_are_counted_and_successes_given_back() -> None:
    Attempt({"mail": 2, "address": 3}, minutes=15)
    for _time in range(5):
        Attempt({"mail": 2, "address": 3}, minutes=15).succeeded()
    Attempt({"mail": 2, "address": 3}, minutes=15)
    with pytest.raises(TooMany) as refusal:
        Attempt({"mail": 2, "address": 3}, minutes=15)
    assert 0 < refusal.value.retry_after <= 15 * 60


@pytest.mark.usefixtures("unscaled")
def test_what_was_refused_counts_nowhere() -> None:
    Attempt({"mail": 1, "address": 2}, minutes=15)
    for _time in range(5):
        with pytest.raises(TooMany):
            Attempt({"address": 2, "mail": 1}, minutes=15)
    Attempt({"other": 1, "address": 2}, minutes=15)


@pytest.mark.usefixtures("unscaled")
def test_many_at_once_get_no_further_than_one_by_one(race: Any) -> None:
    outcomes = race(*[lambda: Attempt({"mail": 5}, minutes=15) for _person in range(20)])
    assert len([one for one in outcomes if isinstance(one, Attempt)]) == 5
    assert len([one for one in outcomes if isinstance(one, TooMany)]) == 15


@pytest.mark.usefixtures("unscaled")
def test_redis_learns_no_email() -> None:
    Attempt({"sign-in:kim@example.com": 5}, minutes=15)
    keys = redis.client().keys("*")
    assert keys
    assert b"kim" not in b"".join(keys)


def test_counts_can_be_forgotten(client: FlaskClient) -> None:
    answers(client, 61, "GET", "/probe/plain")
    security.limiter.reset()
    assert client.get("/probe/plain").status_code == 200


@pytest.mark.parametrize(
    ("proxies", "seen"), [(0, "127.0.0.1 http 0"), (1, "10.0.0.3 https 0"), (2, "10.0.0.2 https 0")]
)
def test_only_trusted_proxies_say_who_asks(settings: Settings, committed: None, proxies: int, seen: str) -> None:
    application = build(settings.model_copy(update={"trusted_proxies": proxies}))
    headers = {"X-Forwarded-For": "10.0.0.1, 10.0.0.2, 10.0.0.3", "X-Forwarded-Proto": "https, https"}
    with application.app_context():
        answer = application.test_client().get("/probe/plain", headers={**headers, "X-Request-ID": "from-the-proxy"})
        db.engine.dispose()
    assert answer.text == seen
    assert (answer.headers["X-Request-ID"] == "from-the-proxy") is bool(proxies)


def test_production_speaks_https_only(settings: Settings, committed: None) -> None:
    live = {
        "env": "production",
        "secret_key": "a secret of our own, long enough for anybody",
        "public_url": TypeAdapter(WebUrl).validate_python("https://nene.example"),
    }
    application = build(settings.model_copy(update=live))
    with application.app_context():
        client = application.test_client()
        answer = client.get("/login", base_url="https://nene.example")
        db.engine.dispose()
    assert "max-age=31556926" in answer.headers["Strict-Transport-Security"]
    assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("no-address", "no-address"),
    ],
)
def test_a_household_is_counted_once(app: Flask, given: str, counted: str) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": given}):
        assert address() == counted
