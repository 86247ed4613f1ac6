"""U16: a letter goes once, as far as that can be had, and waits while the mail server is silent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

import tasks.user  # noqa: F401 - the jobs
from nene.kernel import mail, outbox, redis, settings
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.kernel.outbox import DeadLetter, Outbox
from tests import world
from tests.conftest import Clocks
from tests.crowd import wait_until
from tests.mailbox import Mailbox, work
from tests.user.stage import count

EMAIL = "kim@example.com"


@pytest.fixture(autouse=True)
def _limits_as_before(app: Flask) -> Iterator[None]:
    usual = settings.current()
    yield
    settings.use(usual)


@pytest.fixture
def job_id(client: FlaskClient) -> int:
    """Somebody has asked for a link."""
    in_transaction(world.member, email=EMAIL)
    assert world.post(client, "/password-reset", email=EMAIL).status_code == 303
    with reading() as session:
        return session.scalars(select(Outbox.id)).one()


def next_look() -> datetime | None:
    with reading() as session:
        return session.scalar(select(Outbox.due_at))


def test_a_letter_on_its_way_is_not_sent_by_a_second_worker(app: Flask, mailbox: Mailbox, job_id: int) -> None:
    def perform() -> None:
        with app.app_context():
            outbox.perform("user.send_reset", job_id)

    mailbox.tell("hang")
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(perform)
        wait_until(lambda: mailbox.hanging() == 1)
        second = threads.submit(perform)
        wait_until(lambda: second.done() or mailbox.hanging() == 2)
        assert (mailbox.hanging(), first.done()) == (1, False)
        mailbox.tell("take")
        first.result()
    work()
    assert len(mailbox.mails(EMAIL)) == 1
    assert (count(Outbox), count(DeadLetter)) == (0, 0)


@pytest.mark.usefixtures("job_id")
def test_a_letter_whose_receipt_was_lost_comes_again_as_the_same(mailbox: Mailbox) -> None:
    mailbox.tell("lose")
    work()
    assert count(Outbox) == 1
    mailbox.tell("take")
    work()
    first, second = mailbox.mails(EMAIL)
    assert first["headers"]["Message-ID"] == second["headers"]["Message-ID"]
    assert count(Outbox) == 0


@pytest.mark.usefixtures("job_id")
def test_while_the_server_is_silent_letters_wait_and_do_not_die(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "LONGEST", 0.2)
    mailbox.tell("hang")
    for _time in range(10):
        work()
    with reading() as session:
        assert session.scalars(select(Outbox.failures)).one() == mail.FAILURES
    assert count(DeadLetter) == 0
    mailbox.tell("take")
    mail._gate.cache_clear()  # the pause is over
    work()
    assert len(mailbox.mails(EMAIL)) == 1


@pytest.mark.usefixtures("job_id")
@pytest.mark.parametrize("hours", [6, 48])
def test_a_letter_that_is_not_taken_now_is_handed_in_again_for_a_day(
    mailbox: Mailbox, clock: Clocks, hours: int
) -> None:
    began = wall.now()
    mailbox.tell("fail")
    while (due := next_look()) is not None and due < began + timedelta(hours=hours):
        clock.wall.stop_at(due)
        work()
    died = count(DeadLetter)
    mailbox.tell("take")
    work()
    assert (died, len(mailbox.mails(EMAIL))) == ((0, 1) if hours < 24 else (1, 0))
    assert wall.now() > began + timedelta(hours=min(hours, 24) / 2)


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_an_email_gets_so_many_letters_a_day_and_nobody_learns_whether_it_is_known(
    client: FlaskClient, email: str
) -> None:
    in_transaction(world.member, email=EMAIL)
    settings.use(settings.current().model_copy(update={"rate_scale": 1.0}))
    answers = []
    for _time in range(11):
        answers.append(world.post(client, "/password-reset", email=email))
        quarters = list(redis.client().scan_iter(match="*/15/minute*"))
        assert quarters
        redis.client().delete(*quarters)  # a quarter of an hour later
    assert [answer.status_code for answer in answers] == [*[303] * 10, 429]
    assert "이 이메일로는 지금 더 요청할 수 없어요" in answers[-1].text
    data = {"email": email, "csrf_token": world.token(client)}
    elsewhere = client.post("/password-reset", data=data, environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert elsewhere.status_code == 303
