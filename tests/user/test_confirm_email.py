"""U16: signing up sends a link that confirms the e-mail; until then the account works as any other."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

import tasks.user
from nene.kernel import settings
from nene.kernel.audit import Audit
from nene.kernel.db import in_transaction, reading
from nene.user import service
from nene.user.models import User
from nene.user.routes.blueprint import CONFIRMATIONS, count_confirmation
from tests import world
from tests.conftest import Clocks
from tests.mailbox import Mailbox, work

EMAIL = "kim@example.com"
FIELDS = {
    "email": EMAIL,
    "password": "abcdef1!",
    "password_confirm": "abcdef1!",
    "nickname": "김씨",
    "birth_date": "2000-01-01",
    "agree_terms": "y",
    "agree_privacy": "y",
}


@pytest.fixture
def kim(client: FlaskClient, mailbox: Mailbox) -> FlaskClient:
    """The browser of who has just signed up; the mail is there."""
    assert world.post(client, "/signup", **FIELDS).status_code == 303
    work()
    return client


def is_confirmed() -> bool:
    with reading() as session:
        return session.scalars(select(User.email_verified_at).where(User.email == EMAIL)).one() is not None


def test_signing_up_sends_a_link_that_confirms(kim: FlaskClient, mailbox: Mailbox) -> None:
    assert [mail["subject"] for mail in mailbox.mails()] == ["이메일을 확인해 주세요"]
    assert not is_confirmed()
    assert kim.get("/me/profile").status_code == 200  # the account works meanwhile
    answer = kim.get(mailbox.path(EMAIL))
    assert (answer.status_code, answer.location) == (303, "/me")
    assert "이메일을 확인했어요" in kim.get("/me").text
    assert is_confirmed()


def test_nothing_is_sent_when_signing_up_is_refused(client: FlaskClient, mailbox: Mailbox) -> None:
    world.post(client, "/signup", **{**FIELDS, "nickname": "!"})
    work()
    assert mailbox.mails() == []


@pytest.mark.usefixtures("kim")
def test_the_link_works_in_another_browser(app: Flask, mailbox: Mailbox) -> None:
    other = app.test_client()
    answer = other.get(mailbox.path(EMAIL))
    assert (answer.status_code, answer.location) == (303, "/me")
    assert answer.headers["Cache-Control"] == "no-store"
    assert is_confirmed()
    assert other.get("/me").status_code == 303  # to sign in: a link in a mail is no password


def test_the_link_may_be_used_twice(kim: FlaskClient, mailbox: Mailbox, clock: Clocks) -> None:
    link = mailbox.path(EMAIL)
    kim.get(link)
    with reading() as session:
        before = session.scalars(select(User.email_verified_at)).one()
    clock.move(minutes=5)
    assert kim.get(link).status_code == 303
    with reading() as session:
        assert session.scalars(select(User.email_verified_at)).one() == before
        assert len(session.scalars(select(Audit).where(Audit.action == "user.confirm_email")).all()) == 1


def test_the_link_works_for_a_day(client: FlaskClient, mailbox: Mailbox, clock: Clocks) -> None:
    clock.move()
    world.post(client, "/signup", **FIELDS)
    work()
    link = mailbox.path(EMAIL)
    clock.move(hours=24)
    answer = client.get(link)
    assert answer.status_code == 400
    assert "오래되었거나 이미 쓴 링크예요" in answer.text
    assert not is_confirmed()
    clock.move(seconds=-1)
    assert client.get(link).status_code == 303


def test_a_stale_link_leads_to_another_one(kim: FlaskClient, app: Flask, mailbox: Mailbox) -> None:
    assert 'action="/me/confirm-email"' in kim.get("/confirm-email/x").text
    assert 'href="/login?next=/me"' in app.test_client().get("/confirm-email/x").text
    mailbox.empty()
    answer = world.post(kim, "/me/confirm-email")
    assert (answer.status_code, answer.location) == (303, "/me")
    work()
    assert kim.get(mailbox.path(EMAIL)).status_code == 303
    assert is_confirmed()


def test_who_has_confirmed_gets_no_further_mail(kim: FlaskClient, mailbox: Mailbox) -> None:
    world.post(kim, "/me/confirm-email")
    kim.get(mailbox.path(EMAIL))  # while the job waits
    mailbox.empty()
    work()
    assert world.post(kim, "/me/confirm-email", htmx=True).headers["HX-Redirect"] == "/me"
    assert "이미 확인했어요" in kim.get("/me").text
    work()
    assert mailbox.mails() == []


def test_asking_again_has_a_limit(kim: FlaskClient) -> None:
    usual = settings.current()
    settings.use(usual.model_copy(update={"rate_scale": 1.0}))
    assert [world.post(kim, "/me/confirm-email").status_code for _time in range(6)] == [*[303] * 5, 429]


def sign_up_and_leave(app: Flask) -> int:
    browser = app.test_client()
    status = world.post(browser, "/signup", **FIELDS).status_code
    world.post(browser, "/me/withdraw", password=FIELDS["password"], confirm="y")
    return status


def test_an_address_gets_ten_letters_a_day_however_they_are_asked_for(
    app: Flask, kim: FlaskClient, mailbox: Mailbox
) -> None:
    usual = settings.current()
    settings.use(usual.model_copy(update={"rate_scale": 1.0}))
    for _time in range(4):  # signing up was counted before the limits were real
        assert world.post(kim, "/me/confirm-email").status_code == 303
    world.post(kim, "/me/withdraw", password=FIELDS["password"], confirm="y")
    assert world.post(app.test_client(), "/signup", **{**FIELDS, "nickname": "!"}).status_code == 422  # no letter
    assert [sign_up_and_leave(app) for _time in range(7)] == [*[303] * 6, 429]
    refused = world.post(app.test_client(), "/signup", **FIELDS)
    assert "이 이메일로는 지금 더 요청할 수 없어요" in refused.text
    assert int(refused.headers["Retry-After"]) > 23 * 3600
    assert world.post(app.test_client(), "/signup", **{**FIELDS, "email": "lee@example.com"}).status_code == 303
    work()
    assert len(mailbox.mails(EMAIL)) == 1  # the first: the others had left before theirs was written


def test_what_came_to_nothing_is_no_letter(app: Flask, client: FlaskClient, mailbox: Mailbox) -> None:
    letters = count_confirmation
    for _time in range(2 * CONFIRMATIONS):
        with pytest.raises(ZeroDivisionError), app.test_request_context(), letters(EMAIL):
            raise ZeroDivisionError
    assert world.post(client, "/signup", **FIELDS).status_code == 303


def test_a_stranger_cannot_ask(client: FlaskClient) -> None:
    answer = world.post(client, "/me/confirm-email")
    assert answer.status_code == 303
    assert "/login" in answer.location


def test_another_address_is_not_confirmed_by_the_link(kim: FlaskClient, mailbox: Mailbox) -> None:
    def move(session: Session) -> None:
        session.scalars(select(User)).one().email = "other@example.com"

    in_transaction(move)
    assert kim.get(mailbox.path(EMAIL)).status_code == 400


def test_a_user_who_left_gets_no_mail(kim: FlaskClient, mailbox: Mailbox) -> None:
    mailbox.empty()
    with reading() as session:
        user_id = session.scalars(select(User.id)).one()
    in_transaction(lambda session: service.lock_account(session, user_id).withdraw(world.NOW))
    tasks.user.send_confirmation(user_id, "letter")
    assert mailbox.mails() == []


def test_a_confirmed_address_is_found_by_whom_its_owner_allows(app: Flask, kim: FlaskClient, mailbox: Mailbox) -> None:
    profile = {"nickname": "김씨", "birth_date": "2000-01-01", "find_by_email": "y"}
    assert world.post(kim, "/me/profile", **profile).status_code == 303
    other = world.signed_in(app, in_transaction(world.member))
    assert "김씨" not in other.get("/users", query_string={"q": EMAIL}).text
    kim.get(mailbox.path(EMAIL))
    assert "김씨" in other.get("/users", query_string={"q": EMAIL}).text
