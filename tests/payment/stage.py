"""A member who pays, and what Toss and the ledger have of it."""

import re
from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

import tasks.payment as _jobs  # noqa: F401 - declares them
from nene.kernel import outbox
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.notification.models import Notification
from nene.notification.terms import Type
from nene.payment import queries, service
from nene.payment.models import Payment, Refund
from nene.payment.terms import RefundStatus, Status
from nene.point import service as point
from nene.point.models import Entry
from tests.tossed import PracticeToss

AMOUNT = 10_000


def start(user_id: int, amount: int = AMOUNT) -> str:
    """An order for which the window may open."""
    return in_transaction(service.start_payment, user_id=user_id, amount=amount)


def confirm(toss: PracticeToss, user_id: int, order_id: str, amount: int = AMOUNT, **more: object) -> str:
    """The person agrees in the window, and their browser posts the confirmation; gives the payment key."""
    key = toss.authenticate(order_id, amount, **more)
    service.confirm(user_id=user_id, order_id=order_id, payment_key=key, amount=amount)
    return key


def paid(toss: PracticeToss, user_id: int, amount: int = AMOUNT) -> str:
    """A payment that is done and charged; gives its order id."""
    order_id = start(user_id, amount)
    confirm(toss, user_id, order_id, amount)
    work()
    return order_id


def work() -> None:
    """Do every job that waits, as a worker would."""
    while waiting := jobs():
        for job_id, name in waiting:
            outbox.perform(name, job_id)
        if waiting == jobs():
            return


def reconcile() -> None:
    """Let the reconciler ask now about everything that it would ask about some time."""
    in_transaction(make_due)
    service.reconcile_due()
    work()


def reconciled(order_id: str) -> Status:
    """Where a payment stands after Toss has been asked once more."""
    reconcile()
    return status(order_id)


def status(order_id: str) -> Status:
    return row(order_id).status


def row(order_id: str) -> Payment:
    with reading() as session:
        found = queries.find_payment(session, order_id)
    assert found is not None
    return found


def status_on(page: str) -> str:
    """Where a page says that the payment stands."""
    found = re.search(r'data-status="(\w+)"', page)
    assert found
    return found[1]


def refunds(order_id: str) -> list[tuple[int, RefundStatus, int, int]]:
    """Of each refund: won, status, points taken, points owed."""
    with reading() as session:
        rows = session.scalars(select(Refund).join(Payment).where(Payment.order_id == order_id).order_by(Refund.id))
        return [(one.amount, one.status, one.points, one.owed) for one in rows]


def timeline(order_id: str) -> list[Status]:
    payment_id = row(order_id).id
    with reading() as session:
        return [event.after for event in queries.list_events(session, payment_id)]


def told(order_id: str) -> str:
    """What the last row of the timeline tells the person."""
    payment_id = row(order_id).id
    with reading() as session:
        return queries.list_events(session, payment_id)[-1].why


def balance(user_id: int) -> int:
    with reading() as session:
        return point.balance_of(session, user_id)


def entries(prefix: str) -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(Entry).where(Entry.key.startswith(prefix))) or 0


def faults() -> list[str]:
    """What the proof of the ledger finds."""
    with reading() as session:
        return [*point.check(session), *service.check(session)]


def agrees(toss: PracticeToss, *orders: str) -> bool:
    """Whether Toss holds of each order what the ledger does."""
    with reading() as session:
        cleared = point.cleared(session)
    held = {one["orderId"]: one["balanceAmount"] for one in toss.look()["payments"] if one.get("approvedAt")}
    return all(held.get(order, 0) == cleared.get(order, 0) for order in orders)


def alerts() -> list[str]:
    """What the admins were told, for each of them, in order."""
    with reading() as session:
        told = select(Notification.body).where(Notification.type == Type.SYSTEM_ALERT).order_by(Notification.id)
        return list(session.scalars(told))


def make_due(session: Session) -> None:
    """As if the time had come to ask about everything that is not settled."""
    session.execute(update(Payment).where(Payment.ask_at.is_not(None)).values(ask_at=wall.now()))


def jobs() -> Sequence[tuple[int, str]]:
    """The jobs of payments that wait: id and name."""
    with reading() as session:
        rows = session.execute(
            select(outbox.Outbox.id, outbox.Outbox.name)
            .where(outbox.Outbox.name.startswith("payment."))
            .order_by(outbox.Outbox.id)
        )
        return [(job_id, name) for job_id, name in rows]
