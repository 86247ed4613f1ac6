"""Asking Toss again until it is known how things stand (M5, M8, M9, M10)."""

from contextlib import suppress
from datetime import timedelta

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from nene.kernel import outbox
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.payment import gateway, queries, rules
from nene.payment.errors import GatewayAway
from nene.payment.gateway import Outcome, Verdict
from nene.payment.models import Payment, Webhook
from nene.payment.service.cancel import send_refund
from nene.payment.service.learn import fail, learn, lock, require_ready
from nene.payment.service.start import Ask, approve, ask_for
from nene.payment.terms import Status

BATCH, LONGEST = 100, timedelta(seconds=30)  # of one round
WEBHOOKS_KEPT = timedelta(days=30)
log = structlog.get_logger(__name__)


def reconcile_due() -> int:
    """Look at every payment that is due; gives their number. Ends early while Toss is away, or takes its time."""
    began = wall.now()
    with reading() as session:
        due = queries.list_due(session, began, BATCH)
    for number, payment_id in enumerate(due):
        if wall.now() > began + LONGEST:
            return number  # the next round goes on
        try:
            reconcile(payment_id)
        except GatewayAway:
            log.info("payment.toss_away", left=len(due) - number)
            return number
    return len(due)


def reconcile(payment_id: int) -> None:
    """Ask Toss about one payment, and do what its answer asks for. Raises GatewayAway."""
    require_ready()
    payment, refund_id = in_transaction(_claim, payment_id)
    if refund_id is not None:
        send_refund(refund_id)
        return
    seen = gateway.current().find(payment.order_id)
    ask = in_transaction(_found, payment_id, seen)
    if ask is not None:
        approve(ask)


def look(payment_id: int) -> None:
    """The same at once, for somebody has a reason to ask; while Toss is away the payment stays due."""
    with suppress(GatewayAway):
        reconcile(payment_id)


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
        ask_now(session, payment.id)
    return True


def ask_now(session: Session, payment_id: int) -> None:
    """Have Toss asked about a payment at once, or, while it is away, as soon as it answers."""
    queries.load_payment(session, payment_id).ask_at = wall.now()
    outbox.enqueue(session, "payment.look", payment_id, key=f"look:{payment_id}")


def forget_webhooks(session: Session) -> int:
    """Delete the marks of old messages; gives their number. For the scheduler, once a day."""
    return queries.delete_webhooks(session, wall.now() - WEBHOOKS_KEPT)


def _claim(session: Session, payment_id: int) -> tuple[Payment, int | None]:
    """Put the next question off, so that whoever looks beside us does not ask too; gives the refund to be sent."""
    payment = queries.load_payment(session, payment_id)
    if payment.ask_at is not None:
        payment.asks += 1
        payment.ask_at = wall.now() + rules.ask_after(payment.asks)
    asked = queries.find_asked(session, payment_id)
    return payment, asked.id if asked else None


def _found(session: Session, payment_id: int, seen: Outcome) -> Ask | None:
    """Note what Toss shows; gives what it is to be asked again, if it has yet to decide about the approval."""
    if seen.verdict not in {Verdict.OK, Verdict.NOT_CHARGED}:
        return None
    payment, _alive = lock(session, payment_id)
    now = wall.now()
    begun = payment.confirming_at or now
    if payment.status is Status.PENDING:
        if now >= payment.ends_at:
            text = "30분 안에 결제하지 않아서 끝났어요. 청구되지 않았어요."
            session.add(payment.fail(Status.EXPIRED, "PENDING_TOO_LONG", text, now))
            session.flush()
        else:
            payment.ask_at = payment.ends_at  # whatever made us look meanwhile does not put the end off
    if seen.payment is not None:
        learn(session, payment_id, seen.payment)
    elif payment.status is Status.CONFIRMING and now >= begun + rules.FIRST_ASK:
        # Before that our own call may be on its way, and a Toss that does not know the order proves nothing.
        fail(session, payment, Status.EXPIRED, code=seen.code, text=seen.text, now=now)
    if payment.status not in rules.OPEN:
        payment.forget_ask(now)
    waits = seen.payment is not None and seen.payment.status in {"READY", "IN_PROGRESS"}
    is_young = now < begun + rules.SESSION_LIFE
    return ask_for(payment) if payment.status is Status.CONFIRMING and waits and is_young else None
