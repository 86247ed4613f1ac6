"""Asking Toss again until it is known how things stand, and comparing a day with its books (M5, M8, M9, M11)."""

from collections.abc import Iterator
from datetime import date, timedelta

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from nene.kernel import outbox
from nene.kernel.clock import seoul_midnight, wall
from nene.kernel.db import in_transaction, reading
from nene.payment import gateway, queries, rules
from nene.payment.errors import GatewayAway
from nene.payment.gateway import Outcome, Verdict
from nene.payment.models import Payment, Webhook
from nene.payment.service.cancel import send_refund
from nene.payment.service.learn import learn, lock
from nene.payment.service.start import approve, ask_for
from nene.payment.terms import Status

BATCH = 100
WEBHOOKS_KEPT = timedelta(days=30)
log = structlog.get_logger(__name__)


def reconcile_due() -> int:
    """Look at every payment that is due; gives their number. Ends early while Toss is away."""
    with reading() as session:
        due = queries.list_due(session, wall.now(), BATCH)
    for number, payment_id in enumerate(due):
        try:
            reconcile(payment_id)
        except GatewayAway:
            log.info("payment.toss_away", left=len(due) - number)
            return number
    return len(due)


def reconcile(payment_id: int) -> None:
    """Ask Toss about one payment, and do what its answer asks for. Raises GatewayAway."""
    if not gateway.current().ready():
        raise GatewayAway
    payment, refund_id = in_transaction(_claim, payment_id)
    if refund_id is not None:
        send_refund(refund_id)
        return
    seen = gateway.current().find(payment.order_id)
    if in_transaction(_found, payment_id, seen):
        approve(ask_for(payment))


def take_webhook(session: Session, *, transmission_id: str, order_id: str) -> bool:
    """Note that Toss has something to say about an order; nothing of what it says is believed (M10).

    Gives whether the order is ours. The same message is taken once.
    """
    payment = queries.find_payment(session, order_id)
    if payment is None:
        return False
    now = wall.now()
    mark = insert(Webhook).values(transmission_id=transmission_id, payment_id=payment.id, arrived_at=now)
    if session.scalar(mark.on_conflict_do_nothing().returning(Webhook.transmission_id)) is not None:
        queries.load_payment(session, payment.id).ask_at = now
        outbox.enqueue(session, "payment.look", payment.id, key=f"look:{payment.id}")
    return True


def forget_webhooks(session: Session) -> int:
    """Delete the marks of old messages; gives their number. For the scheduler, once a day."""
    return queries.delete_webhooks(session, wall.now() - WEBHOOKS_KEPT)


def differences(first: date, last: date) -> Iterator[str]:
    """What differs between our rows and Toss's books from day to day, both in Seoul and included (M11).

    Raises GatewayAway.
    """
    since, until = seoul_midnight(first), seoul_midnight(last + timedelta(days=1))
    theirs = list(gateway.current().list_transactions(since, until))
    with reading() as session:
        payments = queries.list_by_orders(session, {one.order_id for one in theirs})
        keys = {order: queries.list_transaction_keys(session, one.id) for order, one in payments.items()}
        ours = queries.list_moved(session, since, until)
    for one in theirs:
        payment = payments.get(one.order_id)
        if payment is None:
            yield f"{one.order_id}: Toss has it, we do not"
        elif one.status == "DONE":
            if payment.approved_at is None:
                yield f"{one.order_id}: approved at Toss, {payment.status} here"
            elif one.amount != payment.amount:
                yield f"{one.order_id}: {one.amount} won at Toss, {payment.amount} here"
        elif one.transaction_key not in keys[one.order_id]:
            yield f"{one.order_id}: cancel {one.transaction_key} of Toss is unknown here"
    approved = {one.order_id for one in theirs if one.status == "DONE"}
    cancelled = {one.transaction_key for one in theirs if one.status != "DONE"}
    for order_id, transaction_key in ours:
        if transaction_key is None and order_id not in approved:
            yield f"{order_id}: approved here, not in Toss's books"
        elif transaction_key is not None and transaction_key not in cancelled:
            yield f"{order_id}: refund {transaction_key} here, not in Toss's books"


def _claim(session: Session, payment_id: int) -> tuple[Payment, int | None]:
    """Put the next question off, so that whoever looks beside us does not ask too; gives the refund to be sent."""
    payment = queries.load_payment(session, payment_id)
    if payment.ask_at is not None:
        payment.asks += 1
        payment.ask_at = wall.now() + rules.ask_after(payment.asks)
    asked = queries.find_asked(session, payment_id)
    return payment, asked.id if asked else None


def _found(session: Session, payment_id: int, seen: Outcome) -> bool:
    """Note what Toss shows; gives whether it is to be asked for the approval again."""
    if seen.verdict not in {Verdict.OK, Verdict.NOT_CHARGED}:
        return False
    payment, _alive = lock(session, payment_id)
    now = wall.now()
    if payment.status is Status.PENDING and now >= payment.requested_at + rules.PENDING_LIFE:
        text = "30분 안에 결제하지 않아서 끝났어요. 청구되지 않았어요."
        session.add(payment.fail(Status.EXPIRED, "PENDING_TOO_LONG", text, now))
        session.flush()
    if seen.payment is None:
        if payment.status is Status.CONFIRMING:
            text = "결제 시간이 지났어요. 청구되지 않았어요."
            session.add(payment.fail(Status.EXPIRED, seen.code, text, now))
        return False
    status = learn(session, payment_id, seen.payment)
    if status not in rules.OPEN:
        payment.ask_at = None
    begun = payment.confirming_at or now
    waiting = seen.payment.status in {"READY", "IN_PROGRESS"} and now < begun + rules.SESSION_LIFE
    return status is Status.CONFIRMING and waiting
