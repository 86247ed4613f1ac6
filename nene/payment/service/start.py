"""A payment from its order to the answer of Toss (M1 to M5, M16)."""

from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from nene.kernel import settings
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction
from nene.payment import gateway, queries, rules
from nene.payment.errors import AmountNotAllowed, GatewayAway, MonthFull, NotAsStored, Owing
from nene.payment.gateway import Outcome, Verdict
from nene.payment.models import Payment, PaymentEvent
from nene.payment.service.learn import alert, fail, learn, lock, lock_own, require_ready
from nene.payment.terms import Status
from nene.user import service as user


@dataclass(frozen=True)
class Ask:
    """What Toss is asked to approve."""

    payment_id: int
    order_id: str
    payment_key: str
    amount: int
    idempotency_key: str


def start_payment(session: Session, *, user_id: int, amount: int) -> str:
    """Store an order before the payment window opens (M1); gives its order id.

    Raises AmountNotAllowed, Owing, MonthFull, TooYoung, NotThere.
    """
    if not rules.SMALLEST <= amount <= rules.LARGEST:
        raise AmountNotAllowed
    user.lock_member(session, user_id)
    now = wall.now()
    if queries.sum_owed(session, user_id):
        raise Owing
    left = left_this_month(session, user_id, now)
    if amount > left:
        raise MonthFull(cap=settings.current().max_monthly_charge, left=left)
    payment = Payment(
        order_id=token_urlsafe(18),
        user_id=user_id,
        amount=amount,
        status=Status.PENDING,
        requested_at=now,
        ask_at=now + rules.PENDING_LIFE,
    )
    session.add(payment)
    session.flush()
    session.add(PaymentEvent(payment_id=payment.id, before=None, after=Status.PENDING, why="충전 시작", at=now))
    return payment.order_id


def left_this_month(session: Session, user_id: int, now: datetime) -> int:
    """How much the user may still charge in this month, in won (M16)."""
    since, until = rules.month_of(now)
    return max(0, settings.current().max_monthly_charge - queries.sum_charged(session, user_id, since, until))


def confirm(*, user_id: int, order_id: str, payment_key: str, amount: int) -> None:
    """Have Toss approve an order of this user; afterwards its row tells how it went.

    Opens transactions of its own, with the call to Toss between them. Raises GatewayAway before anything is done,
    NotThere, NotAsStored, NotConfirmable, Owing.
    """
    ask = in_transaction(_begin, user_id=user_id, order_id=order_id, payment_key=payment_key, amount=amount)
    if ask is not None and not approve(ask):
        in_transaction(_not_sent, ask.payment_id)


def approve(ask: Ask) -> bool:
    """Send the approval, and note its answer; safe to repeat with the same key. Gives whether it was sent."""
    try:
        answer = gateway.current().approve(
            payment_key=ask.payment_key,
            order_id=ask.order_id,
            amount=ask.amount,
            idempotency_key=ask.idempotency_key,
        )
    except GatewayAway:
        return False  # the intent is stored, and the reconciler asks again
    in_transaction(_answered, ask.payment_id, answer)
    return True


def ask_for(payment: Payment) -> Ask:
    """What a payment that is being confirmed asks Toss; the key counts the tries that got a definite answer (M3)."""
    key = f"confirm-{payment.order_id}-{payment.tries}"
    return Ask(payment.id, payment.order_id, payment.payment_key or "", payment.amount, key)


def _begin(session: Session, *, user_id: int, order_id: str, payment_key: str, amount: int) -> Ask | None:
    payment = lock_own(session, user_id=user_id, order_id=order_id)
    owes = bool(queries.sum_owed(session, user_id))
    event = payment.confirm(payment_key, amount, wall.now())
    if event is None:
        return None
    if owes:
        raise Owing
    require_ready()
    session.add(event)
    try:
        session.flush()
    except IntegrityError:
        raise NotAsStored from None  # the payment key of another order
    return ask_for(payment)


def _not_sent(session: Session, payment_id: int) -> None:
    """Somebody else took the last seat: nothing is on its way, so nobody need wait for it."""
    payment = queries.load_payment(session, payment_id)
    if payment.status is Status.CONFIRMING:
        payment.ask_at = wall.now()


def _answered(session: Session, payment_id: int, answer: Outcome) -> None:
    if answer.verdict is Verdict.OK and answer.payment is not None:
        learn(session, payment_id, answer.payment)
        return
    payment, _alive = lock(session, payment_id)
    if payment.status is not Status.CONFIRMING:
        return
    now = wall.now()
    if answer.verdict is Verdict.DECLINED:
        fail(session, payment, Status.FAILED, code=answer.code, text=answer.text, now=now)
    elif answer.verdict is Verdict.NOT_CHARGED:
        fail(session, payment, Status.EXPIRED, code=answer.code, text=answer.text, now=now)
    else:
        payment.ask_at = now + rules.ask_after(payment.asks)
        payment.tries += answer.is_definite  # Toss is looked at before it is asked again, so that a new key is safe
        if answer.verdict is Verdict.MISCONFIGURED or answer.is_unexpected:
            alert(session, f"confirm:{payment.id}", f"주문 {payment.order_id}: 승인되지 않았어요 ({answer.code}).")
