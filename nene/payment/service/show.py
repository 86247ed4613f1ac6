"""What people see of their own payments (M12)."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from nene.kernel import settings, tokens
from nene.kernel.clock import wall
from nene.kernel.errors import NotThere, Refusal
from nene.kernel.paging import Cursor, Page
from nene.payment import queries, rules
from nene.payment.errors import MonthFull, Owing
from nene.payment.models import Payment, PaymentEvent, Refund
from nene.payment.service.start import left_this_month
from nene.payment.terms import RefundStatus, Status
from nene.point import service as point
from nene.user import service as user
from nene.user.errors import TooYoung


@dataclass(frozen=True)
class Receipt:
    """A payment with its timeline; `cancel_until` is none when it cannot be cancelled (any more)."""

    payment: Payment
    events: Sequence[PaymentEvent]
    refunds: Sequence[Refund]
    cancel_until: datetime | None

    @property
    def last_second(self) -> datetime | None:
        """The last moment at which it can be cancelled, for people: 23:59."""
        return self.cancel_until - timedelta(seconds=1) if self.cancel_until else None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is on its way any more, so that the page need not refresh itself."""
        waits_for_points = self.payment.status is Status.DONE and self.payment.charged_at is None
        return self.payment.status not in {Status.CONFIRMING, Status.CANCELING} and not waits_for_points

    @property
    def refusal(self) -> Refund | None:
        """The newest attempt to give money back, if Toss has refused it."""
        last = self.refunds[-1] if self.refunds else None
        refused = last is not None and last.status is RefundStatus.REFUSED
        return last if refused and self.payment.status is Status.DONE else None

    @property
    def is_refused(self) -> bool:
        """Whether what was last asked for was not done: no approval, or no cancel."""
        return self.payment.status in {Status.FAILED, Status.EXPIRED} or self.refusal is not None


@dataclass(frozen=True)
class Offer:
    """What somebody may charge now: how many won of the month are left, the orders that wait, and why nothing more."""

    left: int
    waiting: Sequence[Payment]
    refusal: Refusal | None


def offer(session: Session, *, user_id: int) -> Offer:
    """What the page of amounts says before anything is entered (M16)."""
    left = left_this_month(session, user_id, wall.now())
    refusal: Refusal | None = None
    if not user.may_stake(session, user_id):
        refusal = TooYoung(age=settings.current().min_stake_age)
    elif queries.sum_owed(session, user_id):
        refusal = Owing()
    elif left < rules.SMALLEST:
        refusal = MonthFull(cap=settings.current().max_monthly_charge, left=left)
    return Offer(left, list_waiting(session, user_id=user_id), refusal)


def find_own(session: Session, *, user_id: int, order_id: str) -> Payment:
    """One's own payment. Raises NotThere."""
    payment = queries.find_payment(session, order_id)
    if payment is None or payment.user_id != user_id:
        raise NotThere
    return payment


def list_waiting(session: Session, *, user_id: int) -> Sequence[Payment]:
    """The orders of a user whose payment has not been made, newest first."""
    return queries.list_pending(session, user_id)


def find_stopped(session: Session, *, user_id: int, order_id: str | None) -> Payment | None:
    """The order at which somebody has stopped: the one that Toss names, or else the newest that waits, if there is one."""
    if not order_id:
        return next(iter(list_waiting(session, user_id=user_id)), None)
    payment = queries.find_payment(session, order_id)
    return payment if payment is not None and payment.user_id == user_id else None


def customer_key(user_id: int) -> str:
    """How Toss knows a person again: always the same, and telling nothing of the number behind it."""
    return hmac.digest(tokens.derived("toss customer"), str(user_id).encode(), hashlib.sha256).hex()[:40]


def receipt(session: Session, *, user_id: int, order_id: str) -> Receipt:
    """One's own payment, and everything that happened to it. Raises NotThere."""
    payment = find_own(session, user_id=user_id, order_id=order_id)
    until = None
    if payment.status is Status.DONE and payment.charged_at and payment.approved_at and not payment.refunded:
        last = rules.cancel_until(payment.approved_at)
        whole = point.left_of_charge(session, order_id) == payment.amount
        until = last if wall.now() < last and whole else None
    events = queries.list_events(session, payment.id)
    return Receipt(payment, events, queries.list_refunds(session, payment.id), until)


def history(
    session: Session,
    user_id: int,
    *,
    cursor: Cursor,
    status: Status | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Page[Payment]:
    """A page of one's own payments, newest first (M12)."""
    rows = queries.list_history(session, user_id, status=status, since=since, until=until, after=cursor.key())
    return cursor.page(rows, lambda payment: (payment.id,))
