"""The points of an approved payment: once for each order, whoever asks and however often (M6)."""

from datetime import datetime

from sqlalchemy.orm import Session

from nene.kernel import outbox
from nene.kernel.clock import wall
from nene.kernel.errors import NotThere
from nene.notification import service as notification
from nene.notification.terms import Notice, Type
from nene.payment import queries
from nene.payment.models import Payment
from nene.payment.terms import Status
from nene.point import service as point
from nene.user import service as user


def charge(session: Session, payment_id: int) -> None:
    """Put the points of a payment into its owner's wallet, and tell them; safe to run twice."""
    try:
        user.lock_account(session, queries.find_owner(session, payment_id))
    except NotThere:
        return  # the approval has seen to it that the money goes back
    payment = queries.load_payment(session, payment_id)
    if payment.charged_at is None and payment.status is Status.DONE:
        put_points(session, payment, wall.now())
        notice = Notice(
            key=f"charged:{payment.id}",
            user_id=payment.user_id,
            type=Type.PAYMENT_SUCCESS,
            link=("payment", payment.order_id),
            values={"amount": f"{payment.amount:,}"},
        )
        notification.notify(session, [notice])


def put_points(session: Session, payment: Payment, now: datetime) -> None:
    """Move the points, and note when; the caller holds account and payment."""
    point.charge(session, user_id=payment.user_id, order_id=payment.order_id, amount=payment.amount)
    payment.charged_at = now


def recharge(session: Session) -> int:
    """Ask once more for every charge that is missing; gives their number. Repairs what became a dead letter (M6)."""
    missing = queries.list_uncharged(session)
    for payment_id in missing:
        outbox.forget_dead(session, "payment.charge", payment_id)
        outbox.enqueue(session, "payment.charge", payment_id, key=f"charge:{payment_id}")
    return len(missing)
