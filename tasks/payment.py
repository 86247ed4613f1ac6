"""Jobs of payments."""

from datetime import timedelta

import structlog
from sqlalchemy.orm import Session

from nene.kernel import outbox
from nene.kernel.clock import seoul_date, wall
from nene.payment import service

log = structlog.get_logger(__name__)
outbox.actor("payment.look")(service.reconcile)
outbox.actor("payment.reconcile")(service.reconcile_due)
outbox.actor("payment.void")(service.void)
outbox.step_actor("payment.forget_webhooks")(service.forget_webhooks)


def _not_charged(session: Session, payment_id: int) -> None:
    service.alert(session, f"charge:{payment_id}", f"결제 {payment_id}번의 포인트가 들어가지 않았어요.")


outbox.step_actor("payment.charge", died=_not_charged)(service.charge)


@outbox.actor("payment.compare")
def compare() -> None:
    """Compare yesterday with Toss's books, and say loudly what differs (M11)."""
    yesterday = seoul_date(wall.now()) - timedelta(days=1)
    for difference in service.differences(yesterday, yesterday):
        log.error("payment.difference", difference=difference)
