"""The mail server hangs: letters wait, and points that were paid for come as fast as ever (R1, M6)."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import monotonic

import psycopg
import pytest
from flask import Flask

from nene.kernel import mail
from tests.crowd import people, wait_until
from tests.mailbox import Mailbox
from tests.servers import Live

LETTERS = """
INSERT INTO outbox (name, args, created_at, due_at, sends, failures)
SELECT 'user.send_reset', jsonb_build_array(%(user)s, 'letter' || number), %(now)s, %(now)s, 0, 0
FROM generate_series(1, 40) AS number
"""
LETTERS_SENT = 40
LEFT = "SELECT count(*) FROM outbox WHERE name = 'user.send_reset'"
PAID = """
INSERT INTO payment (order_id, user_id, amount, status, payment_key, method, receipt_url, requested_at, approved_at,
                     failure_code, failure_text, refunded, tries, asks, version)
VALUES ('order-0001', %(user)s, 10000, 'DONE', 'key-0001', '카드', NULL, %(now)s, %(now)s, '', '', 0, 1, 0, 1)
"""


@pytest.fixture
def own_mailbox() -> Iterator[Mailbox]:
    """One that may hang without hindering others."""
    made = Mailbox()
    yield made
    made.close()


def test_points_do_not_wait_behind_mail(app: Flask, make_live: Callable[..., Live], own_mailbox: Mailbox) -> None:
    live = make_live("worker", "scheduler", NENE_SMTP_URL=own_mailbox.smtp_url)
    (member,) = people(app, live, 1)
    url = live.environment["NENE_DATABASE_URL"].replace("+psycopg", "")
    values = {"user": member.user_id, "now": datetime.now(UTC)}
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(LETTERS, values)
        wait_until(lambda: len(own_mailbox.mails()) == LETTERS_SENT)  # a few at a time, one right after the other
        wait_until(lambda: database.execute(LEFT).fetchone() == (0,))
        assert len(own_mailbox.mails()) == LETTERS_SENT
        own_mailbox.tell("hang")
        database.execute(LETTERS, values)
        wait_until(lambda: own_mailbox.hanging() > 0)
        database.execute(PAID, values)
        live.flask("payments", "recharge")
        began = monotonic()
        charged = "SELECT count(*) FROM payment WHERE charged_at IS NOT NULL"
        wait_until(lambda: database.execute(charged).fetchone() == (1,))
        assert monotonic() - began < mail.TIMEOUT / 2
        assert own_mailbox.hanging() <= mail.SENDING
        assert database.execute(LEFT).fetchone() == (LETTERS_SENT,)
    assert "sound" in live.flask("ledger", "verify")
