"""U16 and U14: a forgotten password, and what a stranger learns of it."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

import tasks.user
from nene.kernel import mail, redis, security, settings, tokens
from nene.kernel.audit import Audit
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.kernel.embedded import free_port
from nene.kernel.outbox import DeadLetter, Outbox
from nene.user import service
from nene.user.errors import LinkStale
from nene.user.models import SocialLink, User
from nene.user.terms import Provider
from tests import world
from tests.conftest import Clocks, Race
from tests.mailbox import Mailbox, work

EMAIL = "kim@example.com"
NEW = "another-one-2?"


@pytest.fixture
def kim(client: FlaskClient) -> int:
    return in_transaction(world.member, email=EMAIL, password_hash=service.hash_password(world.PASSWORD))


@pytest.fixture
def strict(app: Flask) -> Iterator[None]:
    """The limits of the product."""
    usual = settings.current()
    settings.use(usual.model_copy(update={"rate_scale": 1.0}))
    yield
    settings.use(usual)


def waiting() -> list[list[Any]]:
    with reading() as session:
        return [list(row) for row in session.execute(select(Outbox.name, Outbox.args).order_by(Outbox.id))]


def ask(client: FlaskClient, email: str = EMAIL, **more: Any) -> TestResponse:
    return world.post(client, "/password-reset", email=email, **more)


def asked(client: FlaskClient, mailbox: Mailbox) -> str:
    """Ask, let the mail go out, and take the link."""
    ask(client)
    work()
    return mailbox.path(EMAIL)


def choose(client: FlaskClient, link: str, password: str = NEW, again: str | None = None) -> TestResponse:
    return world.post(client, link, new_password=password, new_password_confirm=again or password)


def read_user(user_id: int) -> User:
    with reading() as session:
        user = session.get(User, user_id)
    assert user is not None
    return user


def can_sign_in(client: FlaskClient, password: str) -> bool:
    return world.post(client, "/login", email=EMAIL, password=password).status_code == 303


def link_socially(session: Session, user_id: int) -> None:
    session.add(SocialLink(provider=Provider.KAKAO, subject=str(user_id), user_id=user_id, linked_at=wall.now()))


def social_links() -> int:
    with reading() as session:
        return len(session.scalars(select(SocialLink)).all())


def test_a_link_by_mail_sets_a_new_password(client: FlaskClient, kim: int, mailbox: Mailbox) -> None:
    answer = ask(client, " KIM@Example.com ")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert mailbox.mails() == []  # a job sends it
    work()
    link = mailbox.path(EMAIL)
    assert "새 비밀번호를 정해 주세요" in client.get(link).text
    done = choose(client, link)
    assert (done.status_code, done.location) == (303, "/login")
    assert "새 비밀번호를 정했어요" in client.get("/login").text
    assert not can_sign_in(client, world.PASSWORD)
    assert can_sign_in(client, NEW)


def test_a_link_works_once(client: FlaskClient, kim: int, mailbox: Mailbox) -> None:
    link = asked(client, mailbox)
    assert choose(client, link).status_code == 303
    for answer in (choose(client, link, "yet-another-3!"), client.get(link)):
        assert answer.status_code == 400
        assert "오래되었거나 이미 쓴 링크예요" in answer.text
        assert 'action="/password-reset"' in answer.text  # where another one is asked for
    assert can_sign_in(client, NEW)


def test_of_two_at_the_same_moment_one_sets_the_password(race: Race, kim: int, mailbox: Mailbox, app: Flask) -> None:
    token = asked(app.test_client(), mailbox).rsplit("/", 1)[1]
    hashes = [service.hash_password(f"password-{number}!") for number in range(4)]
    steps = [partial(in_transaction, service.reset_password, token=token, new_hash=each) for each in hashes]
    outcomes = race(*steps)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LinkStale"] * 3 + ["NoneType"]
    assert read_user(kim).password_hash == hashes[outcomes.index(None)]


def test_a_link_works_for_thirty_minutes(client: FlaskClient, kim: int, mailbox: Mailbox, clock: Clocks) -> None:
    clock.move()
    link = asked(client, mailbox)
    clock.move(minutes=29, seconds=58)
    assert client.get(link).status_code == 200
    clock.move(seconds=2)
    assert client.get(link).status_code == 400
    assert choose(client, link).status_code == 400
    assert can_sign_in(client, world.PASSWORD)


def test_a_link_ends_all_sessions(app: Flask, client: FlaskClient, kim: int, mailbox: Mailbox) -> None:
    lee = world.signed_in(app, in_transaction(world.member))
    browsers = [world.signed_in(app, kim) for _each in range(2)]
    assert choose(client, asked(client, mailbox)).status_code == 303
    assert [browser.get("/me/profile").status_code for browser in browsers] == [303, 303]
    assert lee.get("/me/profile").status_code == 200


def test_who_is_signed_in_by_the_old_password_is_signed_out_too(app: Flask, kim: int, mailbox: Mailbox) -> None:
    mine = world.signed_in(app, kim)
    link = asked(mine, mailbox)
    assert choose(mine, link).status_code == 303
    assert mine.get("/me/profile").status_code == 303


def test_a_link_confirms_the_email_and_removes_social_links(client: FlaskClient, kim: int, mailbox: Mailbox) -> None:
    in_transaction(link_socially, kim)
    lee = in_transaction(world.member)
    in_transaction(link_socially, lee)
    assert choose(client, asked(client, mailbox)).status_code == 303
    assert read_user(kim).email_verified_at is not None
    with reading() as session:
        assert session.scalars(select(SocialLink.user_id)).all() == [lee]


def test_of_a_confirmed_email_the_social_links_stay(client: FlaskClient, mailbox: Mailbox) -> None:
    kim = in_transaction(world.member, email=EMAIL, confirmed_at=world.NOW)
    in_transaction(link_socially, kim)
    assert choose(client, asked(client, mailbox)).status_code == 303
    assert read_user(kim).email_verified_at == world.NOW
    assert social_links() == 1


def test_a_social_account_gets_its_first_password(client: FlaskClient, mailbox: Mailbox) -> None:
    in_transaction(world.member, email=EMAIL, password_hash=None)
    assert choose(client, asked(client, mailbox)).status_code == 303
    assert can_sign_in(client, NEW)


def test_another_change_of_the_password_ends_the_link(client: FlaskClient, kim: int, mailbox: Mailbox) -> None:
    link = asked(client, mailbox)
    newer = asked(client, mailbox)
    assert client.get(link).status_code == 200  # asking again does not end the one before
    in_transaction(
        service.change_password,
        user_id=kim,
        checked_hash=read_user(kim).password_hash,
        new_hash=service.hash_password("changed-1!"),
        keep_session_id=1,
    )
    assert [choose(client, each).status_code for each in (link, newer)] == [400, 400]
    assert can_sign_in(client, "changed-1!")


def test_who_has_left_cannot_come_back_by_a_link(client: FlaskClient, kim: int, mailbox: Mailbox) -> None:
    link = asked(client, mailbox)
    in_transaction(lambda session: service.lock_account(session, kim).withdraw(world.NOW))
    assert choose(client, link).status_code == 400
    mailbox.empty()
    ask(client)
    work()
    assert mailbox.mails() == []


@pytest.mark.parametrize("token", ["x", "a.b.c", "가나다", "eyJhbGciOiJub25lIn0.eyJ1c2VyIjoxfQ."])
def test_what_is_no_link_of_ours_is_refused(client: FlaskClient, token: str) -> None:
    for answer in (client.get(f"/password-reset/{token}"), choose(client, f"/password-reset/{token}")):
        assert answer.status_code == 400
        assert "새 링크를 받아 주세요" in answer.text
    assert client.get(f"/confirm-email/{token}").status_code == 400


def test_a_link_is_good_for_its_own_use_alone(client: FlaskClient, kim: int, mailbox: Mailbox) -> None:
    token = asked(client, mailbox).rsplit("/", 1)[1]
    assert client.get(f"/confirm-email/{token}").status_code == 400
    in_transaction(service.ask_to_confirm, kim)
    work()
    token = mailbox.path(EMAIL).rsplit("/", 1)[1]
    assert choose(client, f"/password-reset/{token}").status_code == 400


@pytest.mark.usefixtures("kim")
def test_a_password_that_is_too_easy_leaves_the_link_good(client: FlaskClient, mailbox: Mailbox) -> None:
    link = asked(client, mailbox)
    for password, again in (("easy", "easy"), (NEW, "different-3!"), ("", "")):
        answer = choose(client, link, password, again)
        assert answer.status_code == 422
        assert "problem" in answer.text
        assert NEW not in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
    assert choose(client, link).status_code == 303


@pytest.mark.usefixtures("kim")
def test_the_page_of_a_link_keeps_its_address_to_itself(
    client: FlaskClient, mailbox: Mailbox, capfd: pytest.CaptureFixture[str]
) -> None:
    link = asked(client, mailbox)
    page = client.get(link)
    assert page.headers["Cache-Control"] == "no-store"
    assert '<meta name="referrer" content="strict-origin">' in page.text
    assert '="http' not in page.text  # it asks nobody else for anything
    choose(client, link, "easy")
    choose(client, link)
    client.get(link)
    said = capfd.readouterr()
    assert "/password-reset/<token>" in said.out
    for piece in link.rsplit("/", 1)[1].split("."):
        assert piece not in said.out + said.err


@pytest.mark.usefixtures("kim")
@pytest.mark.parametrize(("referrer", "status"), [("https://localhost/", 303), ("", 400)])
def test_over_https_the_site_alone_is_referrer_enough(
    client: FlaskClient, mailbox: Mailbox, referrer: str, status: int
) -> None:
    link = asked(client, mailbox)
    fields = {"new_password": NEW, "new_password_confirm": NEW, "csrf_token": world.token(client)}
    answer = client.post(link, data=fields, base_url="https://localhost", headers={"Referer": referrer})
    assert answer.status_code == status


@pytest.mark.usefixtures("kim")
def test_nobody_learns_whether_an_email_is_known(client: FlaskClient, app: Flask, mailbox: Mailbox) -> None:
    answers = []
    for email in (EMAIL, "nobody@example.com"):
        with world.statements() as sent:
            browser = app.test_client()
            token = world.token(browser)
            sent.clear()
            answer = browser.post("/password-reset", data={"email": email, "csrf_token": token})
        shown = browser.get("/login").text
        assert "가입한 이메일이라면" in shown
        answers.append((answer.status_code, answer.location, answer.text, len(sent), [one.split()[0] for one in sent]))
    assert answers[0] == answers[1]
    known, unknown = waiting()
    assert known[0] == unknown[0] == "user.send_reset"
    work()
    assert [mail["to"] for mail in mailbox.mails()] == [EMAIL]
    assert waiting() == []


@pytest.mark.parametrize("email", ["", "no address", "a@b", "kim@example.com, lee@example.com"])
def test_nonsense_is_refused_at_the_field(client: FlaskClient, email: str) -> None:
    answer = ask(client, email)
    assert answer.status_code == 422
    assert 'id="email-problem"' in answer.text
    assert waiting() == []


def test_htmx_is_led_to_sign_in_too(client: FlaskClient) -> None:
    answer = ask(client, htmx=True)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/login")


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_the_sixth_asking_for_an_email_from_one_address_is_too_many(client: FlaskClient, kim: int, email: str) -> None:
    assert [ask(client, email).status_code for _time in range(6)] == [*[303] * 5, 429]
    assert len(waiting()) == 5
    assert ask(client, "other@example.com").status_code == 303
    assert can_sign_in(client, world.PASSWORD)  # the counts of sign-in are others


@pytest.mark.usefixtures("strict")
def test_without_redis_asking_is_counted_too(client: FlaskClient, app: Flask) -> None:
    given = settings.current()
    redis.start(f"redis://localhost:{free_port()}/0")
    security.limiter.init_app(app)
    try:
        assert [ask(client).status_code for _time in range(6)] == [*[303] * 5, 429]
    finally:
        redis.start(str(given.redis_url))
        security.limiter.init_app(app)


@pytest.mark.usefixtures("strict")
def test_an_email_and_an_address_have_their_own_limits(client: FlaskClient) -> None:
    token = world.token(client)

    def from_address(email: str, address: str) -> int:
        data = {"email": email, "csrf_token": token}
        return client.post("/password-reset", data=data, environ_base={"REMOTE_ADDR": address}).status_code

    assert [from_address(EMAIL, f"10.0.0.{number}") for number in range(51)] == [*[303] * 50, 429]
    assert [from_address(f"{number}@example.com", "10.1.0.1") for number in range(101)] == [*[303] * 100, 429]


@pytest.mark.usefixtures("kim")
def test_a_hostile_host_does_not_get_into_a_link(client: FlaskClient, mailbox: Mailbox) -> None:
    data = {"email": EMAIL, "csrf_token": world.token(client)}
    client.post("/password-reset", data=data, headers={"Host": "evil.test", "X-Forwarded-Host": "evil.test"})
    world.post(client, "/password-reset", email=EMAIL)
    work()
    mails = mailbox.mails(EMAIL)
    assert mails
    assert all(link.startswith(f"{settings.current().site}/") for mail in mails for link in mail["links"])
    assert "evil" not in str(mails)


@pytest.mark.usefixtures("kim")
def test_mail_that_cannot_be_handed_in_goes_later(client: FlaskClient, mailbox: Mailbox) -> None:
    mailbox.tell("fail")
    assert ask(client).status_code == 303  # nobody waits for a mail server
    work()
    assert mailbox.mails() == []
    assert len(waiting()) == 1
    mailbox.tell("take")
    work()
    assert waiting() == []
    assert choose(client, mailbox.path(EMAIL)).status_code == 303


@pytest.mark.usefixtures("kim")
def test_mail_that_is_never_taken_becomes_a_dead_letter(client: FlaskClient, mailbox: Mailbox) -> None:
    mailbox.tell("fail")
    ask(client)
    for _time in range(len(mail.RETRY_AFTER) + 1):
        work()
    with reading() as session:
        (dead,) = session.scalars(select(DeadLetter))
    assert (dead.name, dead.error, waiting()) == ("user.send_reset", "MailAway", [])
    mailbox.tell("take")
    assert ask(client).status_code == 303
    work()
    assert len(mailbox.mails(EMAIL)) == 1


def test_a_job_that_runs_twice_sends_the_same_mail_again(client: FlaskClient, kim: int, mailbox: Mailbox) -> None:
    for _time in range(2):
        tasks.user.send_reset(kim, "letter")
    first, second = mailbox.mails(EMAIL)
    assert (first["subject"], len(first["links"])) == (second["subject"], 1)
    site = settings.current().site
    assert client.get(first["links"][0].removeprefix(site)).status_code == 200
    assert choose(client, second["links"][0].removeprefix(site)).status_code == 303


@pytest.mark.usefixtures("kim")
def test_what_is_noted_of_it_is_not_personal(client: FlaskClient, mailbox: Mailbox) -> None:
    assert waiting() == []
    ask(client)
    assert EMAIL not in str(waiting())
    work()
    choose(client, mailbox.path(EMAIL))
    with reading() as session:
        notes = session.scalars(select(Audit).where(Audit.action == "user.reset_password")).all()
    assert [(note.target, note.details) for note in notes] == [(f"user:{notes[0].who}", {})]


def test_a_link_says_nothing_of_the_password(client: FlaskClient, kim: int, mailbox: Mailbox) -> None:
    token = asked(client, mailbox).rsplit("/", 1)[1]
    claims = tokens.read("reset password", token)
    assert claims is not None
    assert set(claims) == {"user", "state", "exp"}
    assert EMAIL not in str(claims)


def test_a_stale_link_changes_nothing(app: Flask, client: FlaskClient, kim: int, mailbox: Mailbox) -> None:
    token = asked(client, mailbox).rsplit("/", 1)[1]
    in_transaction(service.reset_password, token=token, new_hash="first")
    mine = world.signed_in(app, kim)
    with pytest.raises(LinkStale):
        in_transaction(service.reset_password, token=token, new_hash="second")
    assert read_user(kim).password_hash == "first"
    assert mine.get("/me/profile").status_code == 200
