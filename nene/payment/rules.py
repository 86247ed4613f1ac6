"""Rules on plain values: which moves are allowed, until when one may cancel, and when to ask again."""

import re
from datetime import datetime, timedelta

from nene.kernel.clock import seoul_date, seoul_midnight
from nene.payment.terms import Status

ORDER_ID = re.compile(r"[A-Za-z0-9_-]{6,64}")
SMALLEST, LARGEST = 10_000, 100_000  # won of one payment
CANCEL_DAYS = 7
PENDING_LIFE = timedelta(minutes=30)  # M9
SESSION_LIFE = timedelta(minutes=10)  # between authentication and confirmation, at Toss
FIRST_ASK = timedelta(seconds=25)  # after an intent: longer than its own call may take
ASK_AFTER = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600))  # M5; then every hour
MOVES = {
    (Status.PENDING, Status.CONFIRMING),
    (Status.PENDING, Status.EXPIRED),
    (Status.CONFIRMING, Status.DONE),
    (Status.CONFIRMING, Status.FAILED),
    (Status.CONFIRMING, Status.EXPIRED),
    (Status.EXPIRED, Status.DONE),
    (Status.FAILED, Status.DONE),
    (Status.DONE, Status.CANCELING),
    (Status.DONE, Status.DONE),
    (Status.DONE, Status.CANCELED),
    (Status.CANCELING, Status.CANCELED),
    (Status.CANCELING, Status.DONE),
}
OPEN = {Status.PENDING, Status.CONFIRMING, Status.CANCELING}  # what Toss has still to be asked about


def cancel_until(approved_at: datetime) -> datetime:
    """The first moment at which it is too late: the midnight in Seoul after the seventh day (M8)."""
    return seoul_midnight(seoul_date(approved_at) + timedelta(days=CANCEL_DAYS + 1))


def ask_after(asks: int) -> timedelta:
    """How long to wait before asking Toss once more (M5)."""
    return ASK_AFTER[min(asks, len(ASK_AFTER) - 1)]


def month_of(moment: datetime) -> tuple[datetime, datetime]:
    """The calendar month in Seoul: its first moment, and the first moment after it (M16)."""
    first = seoul_date(moment).replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    return seoul_midnight(first), seoul_midnight(after)
