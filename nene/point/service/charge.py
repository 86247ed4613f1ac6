"""Points bought with money: in, back, and in again; the domain payment decides when (P5)."""

from sqlalchemy.orm import Session

from nene.point import queries
from nene.point.errors import ChargeAlreadyCancelled, ChargeSpent
from nene.point.service.ledger import move_many
from nene.point.terms import CLEARING, RECEIVABLE, Move, Moved, Reason, Reference, wallet_of


def charge(session: Session, *, user_id: int, order_id: str, amount: int) -> Moved:
    """Put bought points into the wallet as a PAID lot; safe to run twice for an order."""
    return _move_again(
        session,
        Move(
            key=f"charge:{order_id}",
            source=CLEARING,
            target=wallet_of(user_id),
            amount=amount,
            reason=Reason.CHARGE,
            about=_payment(order_id),
        ),
    )


def cancel_charge(session: Session, *, user_id: int, order_id: str, refund_id: int) -> Moved:
    """Take the lot of a charge back, whole. Raises ChargeSpent, ChargeAlreadyCancelled; nothing is moved then."""
    queries.load_wallets(session, [user_id])  # whoever spends of the lot waits, or has spent before we look
    lot = queries.find_lot(session, f"charge:{order_id}")
    if lot is None or lot.user_id != user_id:
        raise ChargeSpent
    if lot.remaining != lot.amount:
        raise ChargeAlreadyCancelled if queries.is_lot_cancelled(session, lot.id) else ChargeSpent
    return move_many(session, [_cancel(user_id, order_id, refund_id, lot.amount)])[0]


def take_rest(session: Session, *, user_id: int, order_id: str, refund_id: int, at_most: int) -> int:
    """Take back what the lot of a charge has left, up to so many points; gives how many (M15). 0 moves nothing."""
    queries.load_wallets(session, [user_id])
    lot = queries.find_lot(session, f"charge:{order_id}")
    amount = min(lot.remaining, at_most) if lot is not None and lot.user_id == user_id else 0
    if amount:
        move_many(session, [_cancel(user_id, order_id, refund_id, amount)])
    return amount


def left_of_charge(session: Session, order_id: str) -> int:
    """How many points of a charge are not spent, nor taken back."""
    lot = queries.find_lot(session, f"charge:{order_id}")
    return lot.remaining if lot else 0


def cleared(session: Session) -> dict[str, int]:
    """For each order what the ledger holds of its money, in points: what came in less what went back."""
    return dict(queries.list_cleared(session))


def owe(session: Session, *, order_id: str, refund_id: int, amount: int) -> Moved:
    """Book as owed what went back to the buyer as money, though the points were spent."""
    owed = Move(
        key=f"charge_owed:{refund_id}",
        source=RECEIVABLE,
        target=CLEARING,
        amount=amount,
        reason=Reason.CHARGE_OWED,
        about=_payment(order_id),
    )
    return move_many(session, [owed])[0]


def restore_charge(session: Session, *, user_id: int, order_id: str, refund_id: int, amount: int) -> Moved:
    """Put the points of a refused refund back into the same lot; safe to run twice for a refund."""
    return _move_again(
        session,
        Move(
            key=f"charge_restore:{refund_id}",
            source=CLEARING,
            target=wallet_of(user_id),
            amount=amount,
            reason=Reason.CHARGE_RESTORE,
            about=_payment(order_id),
            undoes=f"charge_cancel:{refund_id}",
        ),
    )


def _cancel(user_id: int, order_id: str, refund_id: int, amount: int) -> Move:
    return Move(
        key=f"charge_cancel:{refund_id}",
        source=wallet_of(user_id),
        target=CLEARING,
        amount=amount,
        reason=Reason.CHARGE_CANCEL,
        about=_payment(order_id),
        from_lot_of=f"charge:{order_id}",
    )


def _move_again(session: Session, one: Move) -> Moved:
    return move_many(session, [one], again=True)[0]


def _payment(order_id: str) -> Reference:
    return Reference("payment", order_id, "포인트 충전")
