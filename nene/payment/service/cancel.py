"""Money back: the points are taken first, then Toss is asked, then the answer is noted (M8, M15)."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from nene.kernel import audit
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.notification import service as notification
from nene.notification.terms import Notice, Type
from nene.payment import gateway, queries, rules
from nene.payment.errors import GatewayAway
from nene.payment.gateway import Outcome, Verdict
from nene.payment.models import Payment, Refund
from nene.payment.service.learn import alert, learn, lock, lock_own, refuse_refund, require_ready
from nene.payment.terms import RefundStatus, Status
from nene.point import service as point
from nene.user import service as user

LONGEST_REASON = 200  # characters that Toss takes


def cancel(*, user_id: int, order_id: str, why: str) -> None:
    """Cancel one's own payment whole (M8); afterwards its row tells how it went.

    Opens transactions of its own, with the call to Toss between them. Raises GatewayAway before anything is done,
    NotThere, NotCancelable, NotYetCharged, CancelTooLate, ChargeSpent.
    """
    send_refund(in_transaction(_take_whole, user_id=user_id, order_id=order_id, why=why))


def refund_rests(*, user_id: int, by: int | None, why: str) -> int:
    """Send back what is left of every charge of a user, as money (M15); gives how many refunds were asked for.

    `by` is the user who leaves, an admin, or none for an operator; unless it is the user, they are told. Opens
    transactions of its own. Raises GatewayAway before anything is done, NotThere.
    """
    refunds = in_transaction(_take_rests, user_id=user_id, by=by, why=why)
    for refund_id in refunds:
        if not send_refund(refund_id):
            break  # one wait is enough: the reconciler asks for the others
    return len(refunds)


def send_refund(refund_id: int) -> bool:
    """Ask Toss for a refund, and note its answer; safe to repeat, for the key stays the same.

    Gives whether Toss has answered.
    """
    with reading() as session:
        refund = session.get_one(Refund, refund_id)
        payment = session.get_one(Payment, refund.payment_id)
    if refund.status is not RefundStatus.ASKED:
        return True
    try:
        answer = gateway.current().cancel(
            payment_key=payment.payment_key or "",
            reason=f"{refund.why[: LONGEST_REASON - len(refund.mark) - 1]} {refund.mark}",
            amount=refund.amount,
            refundable=refund.refundable,
            idempotency_key=f"cancel-{refund.id}",
        )
        if answer.verdict is Verdict.ALREADY:
            answer = _seen_again(payment.order_id, answer)
    except GatewayAway:
        return False  # the intent is stored, and the reconciler asks again
    in_transaction(_answered, refund_id, answer)
    return answer.verdict is not Verdict.UNKNOWN


def void(payment_id: int) -> None:
    """Cancel at Toss what must not stay open there: a virtual account (M3). Raises GatewayAway until Toss has answered."""
    with reading() as session:
        payment = session.get_one(Payment, payment_id)
    if payment.status is not Status.FAILED:
        return  # somebody has paid into it meanwhile, and the points are theirs
    answer = gateway.current().cancel(
        payment_key=payment.payment_key or "",
        reason="가상계좌는 쓰지 않아요",
        amount=None,
        refundable=None,
        idempotency_key=f"void-{payment.order_id}",
    )
    if answer.verdict is Verdict.ALREADY:
        answer = _seen_again(payment.order_id, answer)
    if answer.verdict is not Verdict.UNKNOWN or answer.is_unexpected:
        in_transaction(_voided, payment, answer)
    if answer.verdict in {Verdict.UNKNOWN, Verdict.MISCONFIGURED}:
        raise GatewayAway


def _voided(session: Session, payment: Payment, answer: Outcome) -> None:
    if answer.payment is not None:
        learn(session, payment.id, answer.payment)
        return
    text = f"주문 {payment.order_id}: 가상계좌를 닫지 못했어요 ({answer.code})."
    alert(session, f"void:{payment.id}", text)


def _seen_again(order_id: str, answer: Outcome) -> Outcome:
    """Toss says that it is so already: what it shows decides, and if that is nothing new, nobody knows (M8)."""
    seen = gateway.current().find(order_id)
    return seen if seen.verdict is Verdict.OK else Outcome(Verdict.UNKNOWN, code=answer.code)


def _take_whole(session: Session, *, user_id: int, order_id: str, why: str) -> int:
    payment = lock_own(session, user_id=user_id, order_id=order_id)
    payment.require_cancelable(wall.now())
    require_ready()
    refund = _ask(session, payment, payment.amount, why)
    point.cancel_charge(session, user_id=user_id, order_id=order_id, refund_id=refund.id)
    refund.points = payment.amount
    audit.record(session, action="payment.cancel", target=f"payment:{payment.id}", who=user_id)
    return refund.id


def _take_rests(session: Session, *, user_id: int, by: int | None, why: str) -> Sequence[int]:
    user.lock_account(session, user_id)
    payments = queries.load_paid(session, user_id)
    point.lock_balance(session, user_id=user_id)  # whoever spends of a lot waits, or has spent before we look
    refunds: list[Refund] = []
    for payment in payments:
        left = min(point.left_of_charge(session, payment.order_id), payment.amount - payment.refunded)
        if not left:
            continue
        require_ready()
        refund = _ask(session, payment, left, why)
        refund.points = point.take_rest(
            session, user_id=user_id, order_id=payment.order_id, refund_id=refund.id, at_most=left
        )
        audit.record(
            session, action="payment.refund_rest", target=f"payment:{payment.id}", who=by, amount=left, refund=refund.id
        )
        refunds.append(refund)
    if refunds and by != user_id:
        _tell(session, user_id, refunds)
    return [refund.id for refund in refunds]


def _tell(session: Session, user_id: int, refunds: Sequence[Refund]) -> None:
    """Whose points are taken by somebody else hears of it, and why (M15)."""
    won = sum(refund.amount for refund in refunds)
    words: dict[str, object] = {
        "title": "결제한 돈을 돌려드려요",
        "text": f"쓰지 않은 {won:,}원을 결제한 수단으로 돌려드려요. {refunds[0].why}",
    }
    notice = Notice(
        key=f"refund:{refunds[0].id}", user_id=user_id, type=Type.ADMIN_MESSAGE, link=("points", ""), values=words
    )
    notification.notify(session, [notice])


def _ask(session: Session, payment: Payment, amount: int, why: str) -> Refund:
    now = wall.now()
    refund = payment.ask_back(amount, why, now)
    session.add_all([refund, payment.move(Status.CANCELING, f"취소 요청: {why}", now)])
    session.flush()
    return refund


def _answered(session: Session, refund_id: int, answer: Outcome) -> None:
    payment_id = session.get_one(Refund, refund_id).payment_id
    if answer.verdict is Verdict.OK and answer.payment is not None:
        learn(session, payment_id, answer.payment)
    payment, alive = lock(session, payment_id)
    refund = session.get_one(Refund, refund_id, populate_existing=True)
    if refund.status is not RefundStatus.ASKED:
        return
    now = wall.now()
    if answer.verdict is Verdict.REFUSED:
        refuse_refund(session, payment, refund, code=answer.code, text=answer.text, now=now)
        if not alive:
            alert(
                session,
                f"left-refused:{refund.id}",
                f"주문 {payment.order_id}: 탈퇴한 회원의 취소를 토스가 거절했어요.",
            )
        return
    payment.ask_at = now + rules.ask_after(payment.asks)
    if answer.verdict is not Verdict.UNKNOWN or answer.is_unexpected:
        alert(session, f"refund:{refund.id}", f"주문 {payment.order_id}: 취소가 확인되지 않아요 ({answer.code}).")
