"""Jobs of payments."""

from datetime import date, timedelta

from sqlalchemy.orm import Session

from nene.kernel import outbox
from nene.kernel.breaker import NotAsked
from nene.payment import service
from nene.payment.errors import BooksUnreadable, GatewayAway

ROUND = timedelta(seconds=150)  # at most: its own end, and a last payment that is asked about and approved
COMPARING = timedelta(minutes=10)  # as long as a job may take

outbox.actor("payment.look")(service.look)
outbox.actor("payment.reconcile", alone_for=ROUND)(service.reconcile_due)
outbox.step_actor("payment.forget_webhooks")(service.forget_webhooks)


def _not_voided(session: Session, payment_id: int) -> None:
    service.alert(session, f"not-voided:{payment_id}", f"결제 {payment_id}번의 가상계좌를 닫지 못했어요.")


@outbox.actor("payment.void", died=_not_voided)
def void(payment_id: int) -> None:
    try:
        service.void(payment_id)
    except GatewayAway:
        raise NotAsked from None  # however long Toss is away, that is no failure of the job


def _not_compared(session: Session, day: str) -> None:
    service.alert(session, f"not-compared:{day}", f"{day}의 결제를 토스의 장부와 견주지 못했어요.")


@outbox.actor("payment.compare", alone_for=COMPARING, died=_not_compared)
def compare(day: str) -> None:
    try:
        service.compare(date.fromisoformat(day))
    except BooksUnreadable:
        raise
    except GatewayAway:
        raise NotAsked from None


def _not_charged(session: Session, payment_id: int) -> None:
    service.alert(session, f"charge:{payment_id}", f"결제 {payment_id}번의 포인트가 들어가지 않았어요.")


outbox.step_actor("payment.charge", died=_not_charged)(service.charge)
