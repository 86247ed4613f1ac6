"""U16: a letter goes once, as far as that can be had, and waits while the mail server is silent."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

import tasks.user  # noqa: F401 - the jobs
from nene.kernel import mail, outbox
from nene.kernel.db import in_transaction, reading
from nene.kernel.outbox import DeadLetter, Outbox
from tests import world
from tests.crowd import wait_until
from tests.mailbox import Mailbox, work
from tests.user.stage import count

EMAIL = "kim@example.com"


@pytest.fixture
def job_id(client: FlaskClient) -> int:
    """Somebody has asked for a link."""
    in_transaction(world.member, email=EMAIL)
    assert world.post(client, "/password-reset", email=EMAIL).status_code == 303
    with reading() as session:
        return session.scalars(select(Outbox.id)).one()


def test_a_letter_on_its_way_is_not_sent_by_a_second_worker(app: Flask, mailbox: Mailbox, job_id: int) -> None:
    def perform() -> None:
        with app.app_context():
            outbox.perform("user.send_reset", job_id)

    mailbox.tell("hang")
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(perform)
        wait_until(lambda: mailbox.hanging() == 1)
        perform()
        assert mailbox.hanging() == 1
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
    monkeypatch.setattr(mail, "TIMEOUT", 0.2)
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
