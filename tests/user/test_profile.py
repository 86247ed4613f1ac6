"""U9 (password), U10 (my own profile) and U13 in the browser and at the console."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from nene.kernel import settings
from nene.kernel.db import in_transaction, reading
from nene.user import service
from nene.user.models import User
from nene.user.terms import Role
from tests import world

PROFILE = {"nickname": "새이름", "birth_date": "1999-09-09", "bio": "새 소개"}
NEW = {"new_password": "another-1!", "new_password_confirm": "another-1!"}


@pytest.fixture
def kim(committed: None) -> int:
    hashed = service.hash_password(world.PASSWORD)
    return in_transaction(world.member, email="kim@example.com", password_hash=hashed, nickname="김씨", points=1_000)


@pytest.fixture
def client(app: Flask, kim: int) -> FlaskClient:
    return world.signed_in(app, kim)


def find(user_id: int) -> User:
    with reading() as session:
        user = service.find_user(session, user_id)
        assert user is not None
        return user


def change(client: FlaskClient, *, htmx: bool = False, **changed: str) -> TestResponse:
    return world.post(client, "/me/profile", htmx=htmx, **{**PROFILE, **changed})


def test_the_form_shows_what_is_kept(client: FlaskClient) -> None:
    page = client.get("/me/profile").text
    assert 'value="김씨"' in page
    assert 'value="1995-05-05"' in page
    assert 'name="new_password_confirm"' in client.get("/me/password").text


@pytest.mark.parametrize("htmx", [False, True])
def test_nickname_birth_date_and_bio_can_be_changed(client: FlaskClient, kim: int, htmx: bool) -> None:
    answer = change(client, htmx=htmx)
    assert answer.headers["HX-Redirect" if htmx else "Location"] == "/me"
    user = find(kim)
    assert (user.nickname, str(user.birth_on), user.bio) == ("새이름", "1999-09-09", "새 소개")


@pytest.mark.parametrize(
    ("field", "value"),
    [("nickname", ""), ("nickname", "a b"), ("birth_date", ""), ("birth_date", "2999-01-01"), ("bio", "소" * 201)],
)
def test_bad_input_changes_nothing(client: FlaskClient, kim: int, field: str, value: str) -> None:
    answer = change(client, **{field: value})
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert find(kim).nickname == "김씨"


def test_what_was_typed_stays_in_a_refused_form(client: FlaskClient) -> None:
    page = change(client, nickname="a b", bio="긴 소개", find_by_email="y").text
    assert 'value="a b"' in page
    assert 'value="1999-09-09"' in page
    assert "긴 소개</textarea>" in page
    assert is_findable(page)


def is_findable(page: str) -> bool:
    """Whether the box is ticked."""
    box = re.search(r'<input [^>]*name="find_by_email"[^>]*>', page)
    assert box
    return "checked" in box[0]


def test_nobody_is_found_by_email_who_did_not_ask_for_it(client: FlaskClient, kim: int) -> None:
    assert find(kim).find_by_email is False
    assert not is_findable(client.get("/me/profile").text)
    change(client, find_by_email="y")
    assert find(kim).find_by_email is True
    assert is_findable(client.get("/me/profile").text)
    change(client)
    assert find(kim).find_by_email is False


def test_nobody_corrects_a_birth_date_to_an_age_under_fourteen(client: FlaskClient, kim: int) -> None:
    answer = change(client, birth_date="2025-01-01")
    assert answer.status_code == 422
    assert 'id="birth_date-problem"' in answer.text
    assert str(find(kim).birth_on) == "1995-05-05"


def test_a_nickname_of_somebody_else_is_told_at_the_field(client: FlaskClient, kim: int) -> None:
    in_transaction(world.member, nickname="Bear")
    answer = change(client, nickname="BEAR")
    assert answer.status_code == 422
    assert 'id="nickname-problem"' in answer.text
    assert find(kim).nickname == "김씨"


def test_the_own_nickname_may_change_its_case(client: FlaskClient, kim: int) -> None:
    change(client, nickname="bear")
    assert change(client, nickname="BEAR").status_code == 303
    assert find(kim).nickname == "BEAR"


def test_after_the_first_stake_the_birth_date_stands(client: FlaskClient, kim: int) -> None:
    in_transaction(world.opened, kim)
    answer = change(client)
    assert answer.status_code == 409
    assert 'id="birth_date-problem"' in answer.text
    assert find(kim).nickname == "김씨"
    assert change(client, birth_date="1995-05-05").status_code == 303
    assert "readonly" in client.get("/me/profile").text


@pytest.mark.parametrize("path", ["/me/profile", "/me/password", "/me/sessions"])
def test_strangers_are_asked_to_sign_in(app: Flask, kim: int, path: str) -> None:
    stranger = app.test_client()
    answer = stranger.get(path)
    assert (answer.status_code, answer.location) == (303, f"/login?next={path}")
    htmx = stranger.get(path, headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/challenges?q=1"})
    assert htmx.status_code == 204
    assert htmx.headers["HX-Redirect"] == "/login?next=/challenges?q%3D1"


def test_a_stranger_who_posts_comes_back_to_the_page_before(app: Flask, kim: int) -> None:
    stranger = app.test_client()
    fields = {"csrf_token": world.token(stranger)}
    answer = stranger.post("/me/sessions/1/revoke", data=fields, headers={"Referer": "http://localhost/me/sessions"})
    assert (answer.status_code, answer.location) == (303, "/login?next=/me/sessions")
    answer = stranger.post("/me/sessions/1/revoke", data=fields, headers={"Referer": "http://evil.test/me"})
    assert answer.location == "/login?next=/"


def test_the_password_can_be_changed_by_who_knows_it(client: FlaskClient, kim: int) -> None:
    answer = world.post(client, "/me/password", current_password=world.PASSWORD, **NEW)
    assert (answer.status_code, answer.location) == (303, "/me")
    assert service.check_password(find(kim), "another-1!")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({**NEW, "current_password": "wrong-11!"}, "current_password"),
        (NEW, "current_password"),
        ({"current_password": world.PASSWORD, **NEW, "new_password": "easy"}, "new_password"),
        ({"current_password": world.PASSWORD, **NEW, "new_password_confirm": "other-1!"}, "new_password_confirm"),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_otherwise_it_stays(client: FlaskClient, kim: int, fields: dict[str, str], field: str, htmx: bool) -> None:
    answer = world.post(client, "/me/password", htmx=htmx, **fields)
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert service.check_password(find(kim), world.PASSWORD)


def test_whoever_sits_at_an_open_browser_cannot_guess_for_long(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "_current", settings.current().model_copy(update={"rate_scale": 1.0}))
    wrong = {"current_password": "wrong-11!", **NEW}
    answers = [world.post(client, "/me/password", **wrong).status_code for _time in range(11)]
    assert answers == [*[422] * 10, 429]


def test_the_first_admin_is_made_at_the_console(app: Flask, client: FlaskClient, kim: int) -> None:
    done = app.test_cli_runner().invoke(args=["user", "promote", "Kim@example.com"])
    assert done.exit_code == 0, done.output
    assert find(kim).role is Role.ADMIN
    assert client.get("/me/profile").status_code == 303
    unknown = app.test_cli_runner().invoke(args=["user", "promote", "nobody@example.com"])
    assert unknown.exit_code == 1
    assert "nobody@example.com" in unknown.output
