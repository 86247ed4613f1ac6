"""Our rows against Toss's books, day by day (M11)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import structlog
from sqlalchemy.orm import Session

from nene.kernel.clock import seoul_midnight
from nene.kernel.db import in_transaction, reading
from nene.payment import gateway, queries
from nene.payment.gateway import Transaction
from nene.payment.models import Payment
from nene.payment.service.learn import alert
from nene.payment.service.reconcile import ask_now

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Difference:
    """What is otherwise here than in Toss's books."""

    order_id: str
    text: str

    def __str__(self) -> str:
        return f"{self.order_id}: {self.text}"


def differences(first: date, last: date) -> Iterator[Difference]:
    """What differs between our rows and Toss's books from day to day, both in Seoul and included (M11).

    Raises GatewayAway.
    """
    since, until = seoul_midnight(first), seoul_midnight(last + timedelta(days=1))
    theirs = list(gateway.current().list_transactions(since, until))
    orders = {one.order_id for one in theirs}
    with reading() as session:
        payments = queries.list_by_orders(session, orders)
        returned = queries.list_returned(session, orders)
        ours = queries.list_moved(session, since, until)
    for one in theirs:
        text = _unlike(one, payments.get(one.order_id), returned.get((one.order_id, one.transaction_key)))
        if text:
            yield Difference(one.order_id, text)
    known = {(one.order_id, one.transaction_key if one.amount < 0 else None) for one in theirs if _is_money(one)}
    for order_id, transaction_key in ours:
        if (order_id, transaction_key) not in known:
            what = f"refund {transaction_key}" if transaction_key else "approved"
            yield Difference(order_id, f"{what} here, not in Toss's books")


def compare(day: date) -> None:
    """Compare a day with Toss's books: what differs is asked about anew, and the admins are told. Raises GatewayAway."""
    found = list(differences(day, day))
    for one in found:
        log.error("payment.difference", difference=str(one))
    if found:
        in_transaction(_look_into, day, found)


def _is_money(one: Transaction) -> bool:
    """A virtual account that waits for a deposit stands in the books too."""
    return one.amount < 0 or one.status == "DONE"


def _unlike(one: Transaction, payment: Payment | None, returned: int | None) -> str:
    """What is wrong here about a line of Toss's books, if anything is."""
    if payment is None:
        return "Toss has it, we do not"
    if one.amount < 0:
        if returned is None:
            return f"cancel {one.transaction_key} of Toss is unknown here"
        return "" if returned == -one.amount else f"{-one.amount} won went back at Toss, {returned} here"
    if not _is_money(one):
        return ""
    if payment.approved_at is None:
        return f"approved at Toss, {payment.status} here"
    return "" if one.amount == payment.amount else f"{one.amount} won at Toss, {payment.amount} here"


def _look_into(session: Session, day: date, found: Sequence[Difference]) -> None:
    payments = queries.list_by_orders(session, {one.order_id for one in found})
    for payment_id in sorted(payment.id for payment in payments.values()):
        ask_now(session, payment_id)
    alert(session, f"compare:{day}", f"{day}의 결제 {len(found)}건이 토스의 장부와 달라요.")
