"""What Toss shows, brought into our rows: one step, safe to run any number of times (M3 to M5, M8)."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from nene.kernel import outbox
from nene.kernel.clock import wall
from nene.kernel.errors import NotThere
from nene.notification import service as notification
from nene.notification.terms import Notice, Type
from nene.payment import gateway, queries
from nene.payment.errors import GatewayAway, explain
from nene.payment.gateway import Cancel, TossPayment
from nene.payment.models import Payment, Refund
from nene.payment.service.charge import put_points
from nene.payment.terms import RefundStatus, Status
from nene.point import service as point
from nene.user import service as user

APPROVED = {"DONE", "PARTIAL_CANCELED", "CANCELED"}
LATE = {Status.EXPIRED, Status.FAILED}
RESTORED = "포인트를 되돌렸어요."
VIRTUAL = "가상계좌는 쓸 수 없어요. 청구되지 않았어요."
log = structlog.get_logger(__name__)


def lock(session: Session, payment_id: int) -> tuple[Payment, bool]:
    """A payment, locked after its owner's account; and whether the owner is still here."""
    try:
        user.lock_account(session, queries.find_owner(session, payment_id))
        alive = True
    except NotThere:
        alive = False
    return queries.load_payment(session, payment_id), alive


def lock_own(session: Session, *, user_id: int, order_id: str) -> Payment:
    """One's own payment, locked after one's account. Raises NotThere."""
    user.lock_account(session, user_id)
    payment = queries.load_order(session, order_id)
    if payment is None or payment.user_id != user_id:
        raise NotThere
    return payment


def require_ready() -> None:
    """Refuse while Toss would not be asked at this moment; nothing is sent. Raises GatewayAway."""
    if not gateway.current().ready():
        raise GatewayAway


def learn(session: Session, payment_id: int, seen: TossPayment) -> Status:
    """Bring a payment in line with what Toss shows; gives its status afterwards."""
    payment, alive = lock(session, payment_id)
    now = wall.now()
    if (seen.order_id, seen.total) != (payment.order_id, payment.amount) or (
        payment.payment_key not in {None, seen.payment_key}
    ):
        # What Toss shows is not what we stored: nothing is decided by it, and somebody has to look (M3).
        alert(session, f"not-ours:{payment.id}", f"주문 {payment.order_id}: 토스의 결제가 저장한 것과 달라요.")
        return payment.status
    if payment.status in {Status.CONFIRMING, *LATE}:
        _learn_approval(session, payment, seen, alive=alive, now=now)
    if seen.cancels and payment.status in {Status.DONE, Status.CANCELING}:
        _learn_cancels(session, payment, seen, alive=alive, now=now)
    if payment.status is Status.DONE and payment.charged_at is None and not alive:
        _return_to_who_left(session, payment, now)
    return payment.status


def alert(session: Session, key: str, text: str) -> None:
    """Tell every admin, each once for a key."""
    log.error("payment.alert", alert=key)
    notices = [
        Notice(key=f"alert:{key}:{admin_id}", user_id=admin_id, type=Type.SYSTEM_ALERT, values={"text": text})
        for admin_id in user.list_admins(session)
    ]
    notification.notify(session, notices)


def fail(session: Session, payment: Payment, to: Status, *, code: str, text: str, now: datetime) -> None:
    """End a confirmation without an approval, and tell its owner."""
    session.add(payment.fail(to, code, text, now))
    notice = Notice(
        key=f"failed:{payment.id}",
        user_id=payment.user_id,
        type=Type.PAYMENT_FAILED,
        link=("payment", payment.order_id),
        values={"why": payment.why_not},
    )
    notification.notify(session, [notice])


def settle_refund(session: Session, payment: Payment, refund: Refund, *, cancel: Cancel, now: datetime) -> None:
    """Money has gone back: the payment is cancelled, or done with a smaller rest."""
    refund.status, refund.transaction_key, refund.settled_at = RefundStatus.DONE, cancel.transaction_key, cancel.at
    payment.refunded += refund.amount
    whole = payment.refunded == payment.amount
    why = "취소 완료" if whole else f"{refund.amount:,}원 부분 취소"
    session.add(payment.move(Status.CANCELED if whole else Status.DONE, why, now))
    session.flush()


def refuse_refund(session: Session, payment: Payment, refund: Refund, *, code: str, text: str, now: datetime) -> None:
    """Toss has refused for certain: the points go back into the same lot; `text` says why (M8)."""
    refund.status, refund.refusal_code, refund.settled_at = RefundStatus.REFUSED, code, now
    if refund.points:
        point.restore_charge(
            session,
            user_id=payment.user_id,
            order_id=payment.order_id,
            refund_id=refund.id,
            amount=refund.points,
        )
    session.add(payment.move(Status.DONE, f"{text} {RESTORED}" if refund.points else text, now))
    session.flush()


def _learn_approval(session: Session, payment: Payment, seen: TossPayment, *, alive: bool, now: datetime) -> None:
    approved = seen.status in APPROVED and seen.approved_at is not None
    if payment.status in LATE and not (approved and (seen.balance or seen.cancels)):
        return
    if seen.status in {"DONE", "PARTIAL_CANCELED"} and not approved:
        text = f"주문 {payment.order_id}: 토스가 승인했다고 하지만 승인한 때를 말하지 않아요."
        alert(session, f"no-moment:{payment.id}", text)
    elif approved:
        payment.payment_key = seen.payment_key
        payment.method, payment.receipt_url, payment.approved_at = seen.method, seen.receipt_url, seen.approved_at
        payment.failure_code = payment.failure_text = ""
        session.add(payment.move(Status.DONE, "승인 완료", now))
        session.flush()
        if alive:
            outbox.enqueue(session, "payment.charge", payment.id, key=f"charge:{payment.id}")
    elif seen.status == "WAITING_FOR_DEPOSIT":
        fail(session, payment, Status.FAILED, code="VIRTUAL_ACCOUNT", text=VIRTUAL, now=now)
        outbox.enqueue(session, "payment.void", payment.id, key=f"void:{payment.id}")
    elif seen.status == "EXPIRED":
        fail(session, payment, Status.EXPIRED, code="EXPIRED", text="결제 시간이 지났어요.", now=now)
    elif seen.status in {"ABORTED", "CANCELED"}:
        told = explain(seen.failure_code) or seen.failure_text
        text = told or "결제가 승인되지 않았어요."
        fail(session, payment, Status.FAILED, code=seen.failure_code or seen.status, text=text, now=now)


def _return_to_who_left(session: Session, payment: Payment, now: datetime) -> None:
    """The wallet is closed, so that the points can go nowhere: the money goes back in full."""
    refund = payment.ask_back(payment.amount - payment.refunded, "탈퇴한 회원의 결제", now)
    session.add_all([refund, payment.move(Status.CANCELING, refund.why, now)])
    payment.ask_at = now
    session.flush()
    alert(session, f"left:{payment.id}", f"주문 {payment.order_id}: 탈퇴한 회원의 결제가 승인되어 모두 취소해요.")


def _learn_cancels(session: Session, payment: Payment, seen: TossPayment, *, alive: bool, now: datetime) -> None:
    known = queries.list_transaction_keys(session, payment.id)
    fresh = [cancel for cancel in seen.cancels if cancel.transaction_key not in known]
    asked = queries.find_asked(session, payment.id)
    ours = _ours(asked, fresh)
    if asked is not None and ours is not None:
        settle_refund(session, payment, asked, cancel=ours, now=now)
    elif asked is not None and fresh:
        # Each cancel of ours names the balance that it was asked for, so that Toss can only refuse it from now on.
        text = "토스에서 먼저 취소된 금액이 있어요."
        refuse_refund(session, payment, asked, code="NOT_MATCHES_REFUNDABLE_AMOUNT", text=text, now=now)
    for cancel in fresh:
        if cancel is not ours:
            _take_back(session, payment, cancel, alive=alive, now=now)


def _ours(asked: Refund | None, fresh: Sequence[Cancel]) -> Cancel | None:
    """The cancel that we asked for, by our mark; without it one of the same amount, for it does the same (M8)."""
    if asked is None:
        return None
    marked = (cancel for cancel in fresh if cancel.reason.endswith(asked.mark))
    return next(marked, None) or next((cancel for cancel in fresh if cancel.amount == asked.amount), None)


def _take_back(session: Session, payment: Payment, cancel: Cancel, *, alive: bool, now: datetime) -> None:
    """Toss gave money back without us: take what the lot has left, and book the rest as owed."""
    refund = Refund(
        payment_id=payment.id,
        amount=cancel.amount,
        why="토스에서 취소",
        status=RefundStatus.DONE,
        transaction_key=cancel.transaction_key,
        asked_at=now,
    )
    session.add(refund)
    session.flush()
    if payment.charged_at is None and alive:
        put_points(session, payment, now)
    if payment.charged_at is not None:
        if alive:
            refund.points = point.take_rest(
                session,
                user_id=payment.user_id,
                order_id=payment.order_id,
                refund_id=refund.id,
                at_most=cancel.amount,
            )
        refund.owed = cancel.amount - refund.points
        if refund.owed:
            point.owe(session, order_id=payment.order_id, refund_id=refund.id, amount=refund.owed)
    settle_refund(session, payment, refund, cancel=cancel, now=now)
    text = f"주문 {payment.order_id}: 토스에서 {cancel.amount:,}원이 취소됐어요. 미수 {refund.owed:,}P."
    alert(session, f"cancelled:{refund.id}", text)
