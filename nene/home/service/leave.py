"""Leaving: what must be over first, what goes back as money, and what is kept (U9, M15)."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from flask_babel import format_datetime
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from nene.challenge import service as challenge
from nene.home.errors import CannotLeave, PasswordChanged, PointsLeft, RefundFirst
from nene.kernel import audit
from nene.kernel.clock import wall
from nene.kernel.db import reading
from nene.notification import service as notification
from nene.payment import service as payment
from nene.payment.service import Part
from nene.payment.terms import Status
from nene.point import service as point
from nene.user import service as user

WHY = "탈퇴하기 전에 돌려받기"  # in the payment's timeline, and at Toss


class Reason(NamedTuple):
    """Why somebody cannot leave yet, in the reader's language; `order_id` of the payment that it is about."""

    text: str
    order_id: str = ""


@dataclass(frozen=True)
class Leaving:
    """What stands between somebody and leaving; amounts are in points, of which each paid one was a won.

    `settling` is what Toss has not answered, `returned` what went back lately.
    """

    balance: int
    reasons: Sequence[Reason]
    settling: Sequence[Part]
    rests: Sequence[Part]
    returned: Sequence[Part]

    @property
    def offered(self) -> list[Part]:
        """What would go back as money."""
        return [rest for rest in self.rests if not rest.refusal]

    @property
    def refused(self) -> list[Part]:
        """What Toss did not give back, though it was asked."""
        return [rest for rest in self.rests if rest.refusal]

    @property
    def free(self) -> int:
        """Points that nobody paid for."""
        return self.balance - sum(rest.amount for rest in self.rests)

    @property
    def changes_by_itself(self) -> bool:
        """Whether a payment is on its way to somewhere, so that the page looks again."""
        return bool(self.settling) or any(reason.order_id for reason in self.reasons)

    @property
    def mark(self) -> str:
        """Changes when what is waited for does, so that a page that looks again knows whether it has something to show."""
        waits = [*(reason.text for reason in self.reasons), *(part.payment.order_id for part in self.settling)]
        return sha256("\n".join(waits).encode()).hexdigest()[:16]


def leaving_of(session: Session, user_id: int) -> Leaving:
    """Where somebody stands who would like to leave."""
    unfinished = payment.list_unfinished(session, user_id)
    settling = [part for part in unfinished if part.payment.status is Status.CANCELING]
    return Leaving(
        balance=point.balance_of(session, user_id),
        reasons=[
            *_challenges_of(session, user_id),
            *(_waits_for(part) for part in unfinished if part not in settling),
        ],
        settling=settling,
        rests=payment.list_rests(session, user_id),
        returned=payment.list_returned(session, user_id),
    )


def refund_rests(*, user_id: int) -> int:
    """Send back as money what is left of every paid charge, before leaving (M15); gives how many refunds were asked for.

    Opens transactions of its own. Raises CannotLeave, GatewayAway, NotThere; nothing is done then.
    """
    with reading() as session:
        reasons = leaving_of(session, user_id).reasons
    if reasons:
        raise CannotLeave([reason.text for reason in reasons])
    return payment.refund_rests(user_id=user_id, by=user_id, why=WHY)


def withdraw(session: Session, *, user_id: int, checked_hash: str | None, gives_up: bool) -> None:
    """Leave for good: close the wallet, forget the person, keep the ledger.

    `checked_hash` is what the password was checked against; none of who has none. Raises PasswordChanged, CannotLeave,
    RefundFirst, PointsLeft. The account is locked first, so that no stake, payment or refund slips in beside it.
    """
    if user.lock_account(session, user_id).password_hash != checked_hash:
        raise PasswordChanged
    leaving = leaving_of(session, user_id)
    reasons = [*leaving.reasons, *map(_goes_back, leaving.settling)]
    if reasons:
        raise CannotLeave([reason.text for reason in reasons])
    if leaving.offered:
        raise RefundFirst
    if point.lock_balance(session, user_id=user_id) and not gives_up:
        raise PointsLeft
    left = point.give_up(session, user_id=user_id)
    point.close_wallet(session, user_id=user_id)
    notification.forget(session, user_id=user_id)
    user.withdraw(session, user_id=user_id, has_paid=point.has_charged(session, user_id))
    audit.record(session, action="user.withdraw", target=f"user:{user_id}", who=user_id, given_up=left)


def _challenges_of(session: Session, user_id: int) -> Sequence[Reason]:
    hosted, joined = challenge.unfinished(session, user_id)
    reasons = []
    if hosted:
        reasons.append(Reason(_("방장인 챌린지 %(count)s개가 끝나지 않았어요.", count=hosted)))
    if joined:
        reasons.append(Reason(_("참가한 챌린지 %(count)s개가 끝나지 않았어요.", count=joined)))
    return reasons


def _waits_for(part: Part) -> Reason:
    """Of a payment on its way in: what is waited for, and until when."""
    won, order_id = f"{part.amount:,}", part.payment.order_id
    if part.payment.status is Status.CONFIRMING:
        return Reason(_("%(won)s원 결제가 승인됐는지 확인하고 있어요.", won=won), order_id)
    if part.payment.status is Status.DONE:
        return Reason(_("%(won)s원을 결제한 포인트가 들어오는 중이에요.", won=won), order_id)
    if part.payment.ends_at <= wall.now():
        return Reason(_("%(won)s원 결제 시간이 끝나서, 청구되지 않았는지 확인하고 있어요.", won=won), order_id)
    clock = format_datetime(part.payment.ends_at, "HH:mm")
    return Reason(
        _("%(won)s원 결제를 시작하고 마치지 않았어요. 그대로 두면 %(clock)s에 저절로 끝나요.", won=won, clock=clock),
        order_id,
    )


def _goes_back(part: Part) -> Reason:
    return Reason(_("%(won)s원을 돌려받는 중이에요.", won=f"{part.amount:,}"), part.payment.order_id)
