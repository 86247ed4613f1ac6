"""Jobs of payments."""

from datetime import timedelta

from sqlalchemy.orm import Session

from nene.kernel import outbox
from nene.payment import service

ROUND = timedelta(seconds=150)  # at most: its own end, and a last payment that is asked about and approved
COMPARING = timedelta(minutes=10)  # as long as a job may take

outbox.actor("payment.look")(service.look)
outbox.actor("payment.reconcile", alone_for=ROUND)(service.reconcile_due)
outbox.actor("payment.compare", alone_for=COMPARING)(service.compare)
outbox.actor("payment.void")(service.void)
outbox.step_actor("payment.forget_webhooks")(service.forget_webhooks)


def _not_charged(session: Session, payment_id: int) -> None:
    service.alert(session, f"charge:{payment_id}", f"결제 {payment_id}번의 포인트가 들어가지 않았어요.")


outbox.step_actor("payment.charge", died=_not_charged)(service.charge)
