"""Every SELECT of payments."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Row, Select, delete, func, null, or_, select
from sqlalchemy.orm import Session

from nene.kernel import outbox
from nene.kernel.clock import seoul_midnight
from nene.kernel.paging import SIZE, Key
from nene.payment import rules
from nene.payment.models import Payment, PaymentEvent, Refund, Webhook
from nene.payment.terms import RefundStatus, Status

COUNTED = (Status.PENDING, Status.CONFIRMING, Status.CANCELING, Status.DONE)


def load_payment(session: Session, payment_id: int) -> Payment:
    """A payment, locked to be changed. Its owner's account is locked before it."""
    found = select(Payment).where(Payment.id == payment_id).with_for_update()
    return session.scalars(found.execution_options(populate_existing=True)).one()


def load_order(session: Session, order_id: str) -> Payment | None:
    """The same by what Toss calls its order; none for what is no order id at all."""
    if not rules.ORDER_ID.fullmatch(order_id):
        return None
    found = select(Payment).where(Payment.order_id == order_id).with_for_update()
    return session.scalar(found.execution_options(populate_existing=True))


def find_payment(session: Session, order_id: str) -> Payment | None:
    """A payment by what Toss calls its order; none for what is no order id at all."""
    if not rules.ORDER_ID.fullmatch(order_id):
        return None
    return session.scalar(select(Payment).where(Payment.order_id == order_id))


def find_owner(session: Session, payment_id: int) -> int:
    """Whose payment it is; that never changes."""
    return session.scalars(select(Payment.user_id).where(Payment.id == payment_id)).one()


def find_asked(session: Session, payment_id: int) -> Refund | None:
    """The refund of a payment that Toss has not answered yet."""
    return session.scalar(select(Refund).where(Refund.payment_id == payment_id, Refund.status == RefundStatus.ASKED))


def list_transaction_keys(session: Session, payment_id: int) -> set[str]:
    """The cancels of Toss that are known already."""
    keys = select(Refund.transaction_key).where(Refund.payment_id == payment_id, Refund.transaction_key.is_not(None))
    return {key for key in session.scalars(keys) if key is not None}


def list_refunds(session: Session, payment_id: int) -> Sequence[Refund]:
    """The refunds of a payment, in order."""
    return session.scalars(select(Refund).where(Refund.payment_id == payment_id).order_by(Refund.id)).all()


def list_events(session: Session, payment_id: int) -> Sequence[PaymentEvent]:
    """The timeline of a payment."""
    own = select(PaymentEvent).where(PaymentEvent.payment_id == payment_id)
    return session.scalars(own.order_by(PaymentEvent.id)).all()


def list_due(session: Session, now: datetime, limit: int) -> Sequence[int]:
    """The payments about which Toss is to be asked now."""
    due = select(Payment.id).where(Payment.ask_at <= now).order_by(Payment.ask_at).limit(limit)
    return session.scalars(due).all()


def list_uncharged(session: Session) -> Sequence[int]:
    """The approved payments whose points have not come."""
    missing = select(Payment.id).where(Payment.status == Status.DONE, Payment.charged_at.is_(None))
    return session.scalars(missing.order_by(Payment.id)).all()


def list_pending(session: Session, user_id: int) -> Sequence[Payment]:
    """The orders of a user that wait for their payment, newest first."""
    pending = select(Payment).where(Payment.user_id == user_id, Payment.status == Status.PENDING)
    return session.scalars(pending.order_by(Payment.id.desc())).all()


def list_paid(session: Session, user_id: int) -> Sequence[Payment]:
    """The payments of which something may still go back."""
    return session.scalars(_paid(user_id)).all()


def load_paid(session: Session, user_id: int) -> Sequence[Payment]:
    """The same, locked to be changed. Their owner's account is locked before them."""
    return session.scalars(_paid(user_id).with_for_update().execution_options(populate_existing=True)).all()


def sum_charged(session: Session, user_id: int, since: datetime, until: datetime) -> int:
    """Won of what was requested in a period and is not over, less what went back (M16)."""
    counted = select(func.coalesce(func.sum(Payment.amount - Payment.refunded), 0)).where(
        Payment.user_id == user_id,
        Payment.status.in_(COUNTED),
        Payment.requested_at >= since,
        Payment.requested_at < until,
    )
    return int(session.scalars(counted).one())


def sum_owed(session: Session, user_id: int) -> int:
    """Points that were spent and went back as money."""
    owed = select(func.coalesce(func.sum(Refund.owed), 0)).join(Payment, Payment.id == Refund.payment_id)
    return int(session.scalars(owed.where(Payment.user_id == user_id)).one())


def list_unfinished(session: Session, user_id: int) -> Sequence[Payment]:
    """Payments that keep their owner from leaving (U9)."""
    unfinished = or_(
        Payment.status.in_((Status.PENDING, Status.CONFIRMING, Status.CANCELING)),
        (Payment.status == Status.DONE) & Payment.charged_at.is_(None),
    )
    return session.scalars(select(Payment).where(Payment.user_id == user_id, unfinished).order_by(Payment.id)).all()


def list_given_back(session: Session, user_id: int, since: datetime) -> Sequence[Row[Payment, Refund]]:
    """What went back to a user as money from then on."""
    rows = select(Payment, Refund).join(Refund, Refund.payment_id == Payment.id)
    mine = rows.where(Payment.user_id == user_id, Refund.status == RefundStatus.DONE, Refund.settled_at >= since)
    return session.execute(mine.order_by(Refund.id)).all()


def list_history(
    session: Session, user_id: int, *, status: Status | None, since: date | None, until: date | None, after: Key | None
) -> Sequence[Payment]:
    """One more than a page of somebody's own payments, newest first (M12); dates are of Seoul."""
    own = select(Payment).where(Payment.user_id == user_id)
    if status is not None:
        own = own.where(Payment.status == status)
    if since is not None:
        own = own.where(Payment.requested_at >= seoul_midnight(since))
    if until is not None:
        own = own.where(Payment.requested_at < seoul_midnight(until + timedelta(days=1)))
    if after is not None:
        own = own.where(Payment.id < after[0])
    return session.scalars(own.order_by(Payment.id.desc()).limit(SIZE + 1)).all()


def list_by_orders(session: Session, order_ids: Collection[str]) -> dict[str, Payment]:
    """These payments, by what Toss calls their orders."""
    found = select(Payment).where(Payment.order_id.in_(order_ids))
    return {payment.order_id: payment for payment in session.scalars(found)}


def list_returned(session: Session, order_ids: Collection[str]) -> dict[tuple[str, str | None], int]:
    """The cancels of Toss that are known of these orders, in won, by order and Toss's key."""
    rows = select(Payment.order_id, Refund.transaction_key, Refund.amount).join(Refund, Refund.payment_id == Payment.id)
    known = rows.where(Payment.order_id.in_(order_ids), Refund.transaction_key.is_not(None))
    return {(order_id, key): amount for order_id, key, amount in session.execute(known)}


def list_moved(session: Session, since: datetime, until: datetime) -> Sequence[Row[str, str | None]]:
    """What moved money in a period by our rows: (order id, none) for an approval, (order id, Toss's key) for a refund.

    Both moments are Toss's, so that a day ends here when it ends there.
    """
    approved = select(Payment.order_id).where(Payment.approved_at >= since, Payment.approved_at < until)
    returned = (
        select(Payment.order_id, Refund.transaction_key)
        .join(Refund, Refund.payment_id == Payment.id)
        .where(Refund.status == RefundStatus.DONE, Refund.settled_at >= since, Refund.settled_at < until)
    )
    return [*session.execute(approved.add_columns(null())).all(), *session.execute(returned).all()]


def delete_webhooks(session: Session, before: datetime) -> int:
    """Delete the marks of messages that arrived before then; gives their number."""
    old = delete(Webhook).where(Webhook.arrived_at < before).returning(Webhook.transmission_id)
    return len(session.scalars(old).all())


def list_lost_charges(session: Session) -> Sequence[str]:
    """Orders that are approved, whose points are missing, and for which no charge waits in the outbox."""
    key = func.concat("charge:", Payment.id)
    lost = select(Payment.order_id).where(
        Payment.status == Status.DONE, Payment.charged_at.is_(None), ~outbox.waits_with(key)
    )
    return session.scalars(lost.order_by(Payment.id)).all()


def list_kept(session: Session) -> Sequence[Row[str, int]]:
    """What the ledger should hold of each charged payment: (order id, won). Points of an asked refund are gone already."""
    asked = (
        select(Refund.payment_id, func.sum(Refund.points).label("points"))
        .where(Refund.status == RefundStatus.ASKED)
        .group_by(Refund.payment_id)
        .subquery()
    )
    kept = Payment.amount - Payment.refunded - func.coalesce(asked.c.points, 0)
    rows = select(Payment.order_id, kept).outerjoin(asked, asked.c.payment_id == Payment.id)
    return session.execute(rows.where(Payment.charged_at.is_not(None))).all()


def list_unlike_timeline(session: Session) -> Sequence[Row[str, Status, Status]]:
    """Orders whose timeline ends elsewhere: (order id, status, last status of the timeline)."""
    last = select(func.max(PaymentEvent.id)).group_by(PaymentEvent.payment_id)
    rows = select(Payment.order_id, Payment.status, PaymentEvent.after).join(
        PaymentEvent, PaymentEvent.payment_id == Payment.id
    )
    return session.execute(rows.where(PaymentEvent.id.in_(last), PaymentEvent.after != Payment.status)).all()


def list_wrong_refunds(session: Session) -> Sequence[str]:
    """Orders whose refunded money is not the sum of their refunds."""
    done = func.coalesce(func.sum(Refund.amount).filter(Refund.status == RefundStatus.DONE), 0)
    rows = select(Payment.order_id).outerjoin(Refund, Refund.payment_id == Payment.id)
    return session.scalars(rows.group_by(Payment.id).having(done != Payment.refunded)).all()


def _paid(user_id: int) -> Select[Payment]:
    charged = Payment.charged_at.is_not(None)
    return (
        select(Payment).where(Payment.user_id == user_id, Payment.status == Status.DONE, charged).order_by(Payment.id)
    )
