"""What staff and operators do across domains."""

from collections.abc import Iterator
from uuid import uuid4

from sqlalchemy.orm import Session

from nene.challenge import service as challenge
from nene.kernel.db import reading
from nene.kernel.errors import NotThere
from nene.notification import service as notification
from nene.notification.terms import Notice, Type
from nene.payment import service as payment
from nene.point import service as point
from nene.user import service as user

CHECKS = (point.check, challenge.check, payment.check)


def verify_ledger(session: Session) -> Iterator[str]:
    """Yield a line for each fault that the domains find in the database (P10)."""
    for check in CHECKS:
        yield from check(session)


def grant_by_email(session: Session, *, email: str, amount: int, note: str, by: int | None) -> int:
    """Give points to whoever has the e-mail, and tell them (P9); gives the new balance. Raises NotThere, AmountWrong."""
    member = user.find_by_email(session, email)
    if member is None:
        raise NotThere
    grant_id = uuid4().hex
    point.grant(session, grant_id=grant_id, user_id=member.id, amount=amount, note=note, by=by)
    notification.notify(
        session,
        [
            Notice(
                key=f"granted:{grant_id}",
                user_id=member.id,
                type=Type.POINT_GRANTED,
                link=("points", ""),
                values={"amount": f"{amount:,}", "note": note},
            )
        ],
    )
    return point.balance_of(session, member.id)


def refund_by_email(*, email: str, note: str, by: int | None) -> int:
    """Send back as money what whoever has the e-mail has left of every charge, and tell them (M15).

    Gives how many refunds were asked for. Opens transactions of its own. Raises NotThere, GatewayAway.
    """
    with reading() as session:
        member = user.find_by_email(session, email)
    if member is None:
        raise NotThere
    return payment.refund_rests(user_id=member.id, by=by, why=note)
