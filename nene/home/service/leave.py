"""Leaving: what must be over first, and what is kept (U9)."""

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from nene.challenge import service as challenge
from nene.home.errors import CannotLeave, PointsLeft
from nene.kernel import audit
from nene.notification import service as notification
from nene.payment import service as payment
from nene.point import service as point
from nene.user import service as user


def reasons_to_stay(session: Session, user_id: int) -> list[str]:
    """Why the user cannot leave yet, in the reader's language; empty when nothing is open."""
    hosted, joined = challenge.unfinished(session, user_id)
    reasons = []
    if hosted:
        reasons.append(_("방장인 챌린지 %(count)s개가 끝나지 않았어요.", count=hosted))
    if joined:
        reasons.append(_("참가한 챌린지 %(count)s개가 끝나지 않았어요.", count=joined))
    waiting = payment.count_unfinished(session, user_id)
    if waiting:
        reasons.append(_("끝나지 않은 결제 %(count)s건이 있어요.", count=waiting))
    return reasons


def withdraw(session: Session, *, user_id: int, gives_up: bool) -> None:
    """Leave for good: close the wallet, forget the person, keep the ledger. Raises CannotLeave, PointsLeft.

    The account is locked first, so that no stake slips in beside it.
    """
    user.lock_account(session, user_id)
    reasons = reasons_to_stay(session, user_id)
    if reasons:
        raise CannotLeave(reasons)
    if point.lock_balance(session, user_id=user_id) and not gives_up:
        raise PointsLeft
    left = point.give_up(session, user_id=user_id)
    point.close_wallet(session, user_id=user_id)
    notification.forget(session, user_id=user_id)
    user.withdraw(session, user_id=user_id, has_paid=point.has_charged(session, user_id))
    audit.record(session, action="user.withdraw", target=f"user:{user_id}", who=user_id, given_up=left)
