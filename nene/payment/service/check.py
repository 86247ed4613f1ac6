"""The proof of the ledger, as far as payments go (P10)."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from nene.payment import queries
from nene.point import service as point


def check(session: Session) -> Iterator[str]:
    """Payments whose points are missing and not on their way, and those that differ from the ledger, row by row."""
    for order_id in queries.list_lost_charges(session):
        yield f"payment {order_id}: approved, not charged, and no charge waits"
    kept, cleared = dict(queries.list_kept(session)), point.cleared(session)
    for order_id in sorted(kept.keys() | cleared.keys()):
        money, points = kept.get(order_id, 0), cleared.get(order_id, 0)
        if money != points:
            yield f"payment {order_id}: {money} won kept, {points} points of it in the ledger"
    for order_id, status, last in queries.list_unlike_timeline(session):
        yield f"payment {order_id}: {status}, but its timeline ends with {last}"
    for order_id in queries.list_wrong_refunds(session):
        yield f"payment {order_id}: its refunds are not what it says went back"
