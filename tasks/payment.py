"""Jobs of payments."""

from sqlalchemy.orm import Session

from nene.kernel import outbox
from nene.payment import service

outbox.actor("payment.look")(service.look)
outbox.actor("payment.reconcile")(service.reconcile_due)
outbox.actor("payment.compare")(service.compare)
outbox.actor("payment.void")(service.void)
outbox.step_actor("payment.forget_webhooks")(service.forget_webhooks)


def _not_charged(session: Session, payment_id: int) -> None:
    service.alert(session, f"charge:{payment_id}", f"결제 {payment_id}번의 포인트가 들어가지 않았어요.")


outbox.step_actor("payment.charge", died=_not_charged)(service.charge)
