"""What of their payments concerns somebody who leaves: what is not over, what is left, what has gone back (U9, M15)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from nene.kernel.clock import wall
from nene.payment import queries
from nene.payment.models import Payment
from nene.payment.terms import RefundStatus
from nene.point import service as point

LATELY = timedelta(days=1)


@dataclass(frozen=True)
class Part:
    """So many won of a payment; `refusal` says, in Korean, why Toss did not give them back when it was asked last."""

    payment: Payment
    amount: int
    refusal: str = ""


def list_unfinished(session: Session, user_id: int) -> Sequence[Part]:
    """The payments that keep their owner from leaving; of one that goes back the amount that does (U9)."""
    parts = []
    for one in queries.list_unfinished(session, user_id):
        asked = queries.find_asked(session, one.id)
        parts.append(Part(one, asked.amount if asked else one.amount))
    return parts


def list_rests(session: Session, user_id: int) -> Sequence[Part]:
    """What was paid for and is not spent, of each payment: it would go back as money on leaving (M15)."""
    rests = []
    for one in queries.list_paid(session, user_id):
        left = min(point.left_of_charge(session, one.order_id), one.amount - one.refunded)
        if left:
            last = queries.list_refunds(session, one.id)[-1:]
            refused = [each.text for each in last if each.status is RefundStatus.REFUSED]
            rests.append(Part(one, left, *refused))
    return rests


def list_returned(session: Session, user_id: int) -> Sequence[Part]:
    """What went back to a user as money within the last day."""
    rows = queries.list_given_back(session, user_id, wall.now() - LATELY)
    return [Part(payment, refund.amount) for payment, refund in rows]
