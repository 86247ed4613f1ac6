"""U1 to U3 in the browser: what is taken, what is refused and where, and who comes first."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from nene.kernel import auth
from nene.kernel.db import reading
from nene.notification import service as notification
from nene.point import service as point
from nene.user import service
from nene.user.models import Consent, User
from tests import world
from tests.conftest import Clocks

FIELDS: dict[str, Any] = {
    "email": "kim@example.com",
    "password": "abcdef1!",
    "password_confirm": "abcdef1!",
    "nickname": "김씨",
    "birth_date": "2000-01-01",
    "bio": "물을 마셔요",
    "agree_terms": "y",
    "agree_privacy": "y",
}


def sign_up(client: FlaskClient, *, htmx: bool = False, **changed: Any) -> TestResponse:
    fields = {**FIELDS, **changed}
    return world.post(
        client, "/signup", htmx=htmx, **{name: value for name, value in fields.items() if value is not None}
    )


def problem(response: TestResponse, field: str) -> bool:
    return f'id="{field}-problem"' in response.text


def count_users() -> int | None:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(User))


def test_signing_up_signs_in(client: FlaskClient) -> None:
    answer = sign_up(client)
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/me/profile").status_code == 200
    with reading() as session:
        kim = service.find_by_email(session, "kim@example.com")
        assert kim is not None
        assert (kim.nickname, kim.bio, str(kim.birth_on), kim.email_verified_at) == (
            "김씨",
            "물을 마셔요",
            "2000-01-01",
            None,
        )
        assert point.balance_of(session, kim.id) == 0
        consents = notification.consents_of(session, kim.id)
        assert (consents.marketing, consents.night) == (False, False)
        assert session.scalar(select(func.count()).select_from(Consent)) == 2


def test_htmx_is_sent_home(client: FlaskClient) -> None:
    answer = sign_up(client, htmx=True)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/")


def test_marketing_consents_are_kept(client: FlaskClient) -> None:
    sign_up(client, agree_marketing="y", agree_night="y")
    with reading() as session:
        kim = service.find_by_email(session, "kim@example.com")
        assert kim is not None
        assert notification.consents_of(session, kim.id).night


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("email", value) for value in (None, "", "kim", "kim@", "a b@example.com", "x" * 250 + "@example.com")],
        *[("password", value) for value in (None, "", "abcde1!", "abcdefg!", "abcdefg1", "12345678!", "a1!" * 22)],
        *[("password_confirm", value) for value in (None, "", "abcdef1?")],
        *[("nickname", value) for value in (None, " ", "김", "열세글자짜리닉네임이에요요", "a b", "<b>x</b>")],
        *[("birth_date", value) for value in (None, "", "2000", "어제", "2000-02-30", "1899-12-31", "2999-01-01")],
        ("bio", "소" * 201),
        *[("agree_terms", value) for value in (None, "", "false")],
        *[("agree_privacy", value) for value in (None, "", "false")],
        ("agree_night", "y"),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_bad_input_is_told_at_its_field(client: FlaskClient, field: str, value: str | None, htmx: bool) -> None:
    answer = sign_up(client, htmx=htmx, **{field: value})
    assert answer.status_code == 422
    assert problem(answer, field)
    assert count_users() == 0


def test_the_other_values_stay_in_the_form_but_not_the_passwords(client: FlaskClient) -> None:
    page = sign_up(client, nickname="a b", email="Kim@Example.com").text
    assert 'value="kim@example.com"' in page
    assert 'value="2000-01-01"' in page
    assert "물을 마셔요" in page
    assert "abcdef1!" not in page


@pytest.mark.parametrize(("birth_date", "status"), [("2012-11-02", 422), ("2012-11-01", 303)])
def test_under_fourteen_that_day_in_seoul_is_refused(
    client: FlaskClient, clock: Clocks, birth_date: str, status: int
) -> None:
    clock.stop_at(world.seoul_midnight(world.TODAY))  # the day before in UTC
    answer = sign_up(client, birth_date=birth_date)
    assert answer.status_code == status
    assert ("만 14세부터" in answer.text and problem(answer, "birth_date")) is (status == 422)


def test_the_bio_may_have_two_hundred_letters_and_lines(client: FlaskClient) -> None:
    assert sign_up(client, bio="소\r\n" * 100).status_code == 303


def test_email_and_nickname_that_are_taken_are_told_together(client: FlaskClient, app: Flask) -> None:
    sign_up(client, nickname="Bear")
    answer = sign_up(app.test_client(), email="KIM@example.COM", nickname="bEAR")
    assert answer.status_code == 422
    assert problem(answer, "email")
    assert problem(answer, "nickname")
    assert count_users() == 1


@pytest.mark.parametrize("field", ["email", "nickname"])
def test_of_two_at_once_one_comes_first_and_the_other_is_told_at_the_field(
    app: Flask, race: Callable[..., list[Any]], field: str
) -> None:
    def one(number: int) -> Callable[[], TestResponse]:
        own = {"email": f"kim{number}@example.com", "nickname": f"김씨{number}"}
        own.pop(field)
        client = app.test_client()
        token = world.token(client)
        return lambda: client.post("/signup", data={**FIELDS, **own, "csrf_token": token})

    answers = race(*[one(number) for number in range(8)])
    assert sorted(answer.status_code for answer in answers) == [303, *[422] * 7]
    assert all(problem(answer, field) for answer in answers if answer.status_code == 422)
    assert count_users() == 1


def test_pressing_twice_signs_up_once_and_both_answers_lead_home(app: Flask, race: Callable[..., list[Any]]) -> None:
    def press() -> Callable[[], TestResponse]:
        client = app.test_client()
        data = {**FIELDS, "csrf_token": world.token(client)}
        return lambda: client.post("/signup", data=data)

    answers = race(press(), press(), press())
    assert [(answer.status_code, answer.location) for answer in answers] == [(303, "/")] * 3
    assert count_users() == 1


@pytest.mark.parametrize("changed", [{"password": "other-1!", "password_confirm": "other-1!"}, {"nickname": "이씨"}])
def test_another_form_is_no_second_press(app: Flask, client: FlaskClient, changed: dict[str, str]) -> None:
    sign_up(client)
    answer = sign_up(app.test_client(), **changed)
    assert answer.status_code == 422
    assert problem(answer, "email")


def test_after_a_moment_the_same_form_is_no_second_press(app: Flask, client: FlaskClient, clock: Clocks) -> None:
    clock.move()
    sign_up(client)
    clock.move(seconds=11)
    assert problem(sign_up(app.test_client()), "email")


def test_signing_up_gives_new_tokens_of_every_kind(client: FlaskClient) -> None:
    before = world.token(client)
    sign_up(client)
    after = world.token(client)
    answer = client.post("/logout", data={"csrf_token": before})
    assert answer.status_code == 400
    assert client.post("/logout", data={"csrf_token": after}).status_code == 303


def test_the_legal_pages_and_forms_are_open_to_everybody(client: FlaskClient) -> None:
    for path in ("/terms", "/privacy", "/signup", "/login"):
        assert client.get(path).status_code == 200
    assert client.get_cookie(auth.ACCESS) is None
