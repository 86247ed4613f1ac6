"""U5, U7 and U14: signing in and out, and what a stranger can find out."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from nene.kernel import auth, settings
from nene.kernel.db import in_transaction
from nene.user import service
from tests import world
from tests.conftest import Clocks

EMAIL = "kim@example.com"


@pytest.fixture
def kim(client: FlaskClient) -> int:
    hashed = service.hash_password(world.PASSWORD)
    return in_transaction(world.member, email=EMAIL, password_hash=hashed)


@pytest.fixture
def strict(app: Flask) -> Iterator[None]:
    """The limits of the product."""
    usual = settings.current()
    settings.use(usual.model_copy(update={"rate_scale": 1.0}))
    yield
    settings.use(usual)


def sign_in(client: FlaskClient, email: str = EMAIL, password: str = world.PASSWORD, **more: str) -> TestResponse:
    return world.post(client, "/login", email=email, password=password, **more)


def without_token(page: str) -> str:
    return re.sub(r'(csrf-token" content=|csrf_token" value=)"[^"]*"|nonce="[^"]*"', "", page)


@pytest.mark.usefixtures("kim")
@pytest.mark.parametrize("email", [EMAIL, " KIM@Example.com "])
def test_signing_in_leads_home(client: FlaskClient, email: str) -> None:
    answer = sign_in(client, email)
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/me/profile").status_code == 200


@pytest.mark.usefixtures("kim")
def test_htmx_is_led_home_too(client: FlaskClient) -> None:
    answer = world.post(client, "/login", htmx=True, email=EMAIL, password=world.PASSWORD)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/")


@pytest.mark.usefixtures("kim")
@pytest.mark.parametrize(
    ("target", "led_to"),
    [
        ("/me/profile", "/me/profile"),
        ("/challenges?q=물", "/challenges?q=%EB%AC%BC"),
        ("//evil.test", "/"),
        ("https://evil.test/", "/"),
        ("/\\evil.test", "/"),
        ("/\t/evil.test", "/"),
    ],
)
def test_only_own_paths_are_followed(client: FlaskClient, target: str, led_to: str) -> None:
    shown = client.get("/login", query_string={"next": target}).text
    assert ("evil" in shown) is False
    assert sign_in(client, next=target).location == led_to


@pytest.mark.usefixtures("kim")
def test_the_cookies_are_out_of_reach_of_scripts(client: FlaskClient) -> None:
    cookies = {line.split("=")[0]: line for line in sign_in(client).headers.getlist("Set-Cookie")}
    for name, life in ((auth.ACCESS, 15 * 60), (auth.REFRESH, 14 * 24 * 60 * 60)):
        assert "HttpOnly" in cookies[name]
        assert "SameSite=Lax" in cookies[name]
        assert f"Max-Age={life};" in cookies[name]
        assert "Secure" not in cookies[name]  # on http://localhost alone


@pytest.mark.usefixtures("kim")
def test_everywhere_else_the_cookies_go_over_tls_alone(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    public = settings.current().model_copy(update={"public_url": "https://nene.example"})
    monkeypatch.setattr(settings, "_current", public)
    cookies = {line.split("=")[0]: line for line in sign_in(client).headers.getlist("Set-Cookie")}
    assert "Secure" in cookies[auth.ACCESS]
    assert "Secure" in cookies[auth.REFRESH]


@pytest.mark.usefixtures("kim")
def test_an_unknown_email_looks_like_a_wrong_password(client: FlaskClient) -> None:
    pages = []
    for email, password in ((EMAIL, "wrong1!!"), ("nobody@example.com", "wrong1!!"), ("no address", "wrong1!!")):
        answer = sign_in(client, email, password)
        assert answer.status_code == 422
        assert "이메일이나 비밀번호가 맞지 않아요" in answer.text
        pages.append(without_token(answer.text).replace(email, "…"))
    assert pages[0] == pages[1] == pages[2]


@pytest.mark.usefixtures("kim")
def test_an_unknown_email_costs_as_much_as_a_wrong_password(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []
    hasher = type(service.password._hasher)
    verify = hasher.verify
    monkeypatch.setattr(hasher, "verify", lambda *given: checked.append(given[1][:30]) or verify(*given))
    sign_in(client, EMAIL, "wrong1!!")
    sign_in(client, "nobody@example.com", "wrong1!!")
    assert len(checked) == 2
    assert checked[0] == checked[1]  # the same algorithm with the same costs


@pytest.mark.parametrize("fields", [{}, {"email": EMAIL}, {"password": "x"}])
def test_both_fields_are_needed(client: FlaskClient, fields: dict[str, str]) -> None:
    assert world.post(client, "/login", **fields).status_code == 422


@pytest.mark.usefixtures("kim", "strict")
def test_the_sixth_failure_for_an_email_from_one_address_is_too_many(client: FlaskClient, app: Flask) -> None:
    for _time in range(5):
        assert sign_in(client, password="wrong1!!").status_code == 422
    answer = sign_in(client)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60
    assert sign_in(client, "other@example.com").status_code == 422
    elsewhere = app.test_client()
    token = world.token(elsewhere)
    fields = {"email": EMAIL, "password": world.PASSWORD, "csrf_token": token}
    assert elsewhere.post("/login", data=fields, environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 303


@pytest.mark.usefixtures("kim", "strict")
def test_an_unknown_email_becomes_too_many_alike(client: FlaskClient) -> None:
    answers = [sign_in(client, "nobody@example.com").status_code for _time in range(6)]
    assert answers == [*[422] * 5, 429]


@pytest.mark.usefixtures("kim", "strict")
def test_successes_are_no_failures(client: FlaskClient) -> None:
    assert [sign_in(client).status_code for _time in range(7)] == [303] * 7


@pytest.mark.usefixtures("kim", "strict")
def test_an_email_is_guarded_against_many_addresses(client: FlaskClient) -> None:
    token = world.token(client)
    fields = {"email": EMAIL, "password": "wrong1!!", "csrf_token": token}

    def from_address(number: int) -> int:
        return client.post("/login", data=fields, environ_base={"REMOTE_ADDR": f"10.0.0.{number}"}).status_code

    assert [from_address(number) for number in range(51)] == [*[422] * 50, 429]


@pytest.mark.usefixtures("kim", "strict")
def test_an_address_is_stopped_over_many_emails(client: FlaskClient) -> None:
    answers = [sign_in(client, f"nobody{number}@example.com").status_code for number in range(101)]
    assert answers == [*[422] * 100, 429]


@pytest.mark.usefixtures("kim")
def test_signing_in_gives_another_csrf_token(client: FlaskClient) -> None:
    before = world.token(client)
    sign_in(client)
    assert client.post("/logout", data={"csrf_token": before}).status_code == 400


@pytest.mark.usefixtures("kim")
def test_signing_out_ends_the_session_at_once(client: FlaskClient, app: Flask) -> None:
    sign_in(client)
    thief = app.test_client()
    for name in (auth.ACCESS, auth.REFRESH):
        thief.set_cookie(name, client.get_cookie(name).value)  # type: ignore[union-attr]
    assert thief.get("/me/profile").status_code == 200
    answer = world.post(client, "/logout")
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get_cookie(auth.ACCESS) is None
    assert client.get_cookie(auth.REFRESH) is None
    assert thief.get("/me/profile").status_code == 303


def test_signing_out_works_with_an_expired_token(app: Flask, kim: int, clock: Clocks) -> None:
    client = world.signed_in(app, kim)
    csrf = world.token(client)
    access = client.get_cookie(auth.ACCESS).value  # type: ignore[union-attr]
    client.delete_cookie(auth.REFRESH)
    clock.move(minutes=16)
    client.set_cookie(auth.ACCESS, access)
    assert client.post("/logout", data={"csrf_token": csrf}).status_code == 303
    clock.move(minutes=-16)
    thief = app.test_client()
    thief.set_cookie(auth.ACCESS, access)
    assert thief.get("/me/profile").status_code == 303


def test_signing_out_twice_or_as_nobody_is_no_fault(client: FlaskClient) -> None:
    assert world.post(client, "/logout").status_code == 303
    assert world.post(client, "/logout").status_code == 303
    assert client.get("/logout").status_code == 405


def test_signing_in_as_another_ends_the_session_of_this_browser(app: Flask, kim: int) -> None:
    lee = in_transaction(world.member)
    client = world.signed_in(app, lee)
    old = {name: client.get_cookie(name).value for name in (auth.ACCESS, auth.REFRESH)}  # type: ignore[union-attr]
    sign_in(client)
    left = app.test_client()
    for name, value in old.items():
        left.set_cookie(name, value)
    assert left.get("/me/profile").status_code == 303


@pytest.mark.usefixtures("kim", "strict")
def test_another_spelling_of_an_address_does_not_start_the_count_anew(client: FlaskClient) -> None:
    for email in (EMAIL, "KIM@example.com", "kim@ｅxample.com", "kim@example。com", " kim@EXAMPLE.COM"):
        assert sign_in(client, email, "wrong-password-1!").status_code == 422
    for email in (EMAIL, "kim@exａmple.com"):
        assert sign_in(client, email, "wrong-password-1!").status_code == 429
