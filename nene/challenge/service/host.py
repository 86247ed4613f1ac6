"""What a host does: open, edit, close recruiting, cancel."""

from datetime import datetime

from sqlalchemy.orm import Session

from nene.challenge import queries
from nene.challenge.models import Challenge, Participant
from nene.challenge.service.advance import refund_all
from nene.challenge.service.participate import lock_staker, take_stake
from nene.challenge.terms import Terms
from nene.kernel import audit
from nene.kernel.errors import NotThere
from nene.point import service as point


def open_challenge(session: Session, *, host_id: int, terms: Terms, fee: int, now: datetime) -> int:
    """Open a challenge and take the host's stake, both or neither (C1); gives its id.

    Raises TooYoung, TooManyStakes, NotEnoughPoints.
    """
    lock_staker(session, host_id, fee)
    challenge = Challenge(
        host_id=host_id, fee=fee, created_at=now, version=1, participant_count=1, pot=fee, **vars(terms)
    )
    session.add(challenge)
    session.flush()
    point.open_escrow(session, challenge_id=challenge.id)
    take_stake(session, challenge, Participant(challenge_id=challenge.id, user_id=host_id, joined_at=now))
    audit.record(session, action="challenge.open", target=f"challenge:{challenge.id}", who=host_id, fee=fee)
    return challenge.id


def edit_challenge(session: Session, *, challenge_id: int, user_id: int, terms: Terms) -> None:
    """Change the terms while the host is alone (C3). Raises NotThere, NotHost, Frozen."""
    challenge = load(session, challenge_id)
    challenge.edit(terms, by=user_id)
    audit.record(session, action="challenge.edit", target=f"challenge:{challenge_id}", who=user_id)


def close_recruiting(session: Session, *, challenge_id: int, user_id: int) -> None:
    """Make a challenge READY (C8). Raises NotThere, NotHost, CannotClose, TooFewParticipants."""
    challenge = load(session, challenge_id)
    challenge.close(by=user_id)
    audit.record(session, action="challenge.close", target=f"challenge:{challenge_id}", who=user_id)


def cancel_challenge(
    session: Session, *, challenge_id: int, user_id: int | None, why: str = "", admin_id: int | None = None
) -> None:
    """Cancel and give every stake back (C7): `user_id` the host; none for an admin, who gives a reason.

    Raises NotThere, NotHost, CannotCancel.
    """
    challenge = load(session, challenge_id)
    challenge.cancel(by=user_id)
    refund_all(session, [challenge], why=why)
    audit.record(
        session,
        action="challenge.cancel",
        target=f"challenge:{challenge_id}",
        who=user_id or admin_id,
        refunded=challenge.pot,
        why=why,
    )


def load(session: Session, challenge_id: int) -> Challenge:
    """The challenge, locked. Raises NotThere."""
    challenge = queries.load_challenge(session, challenge_id)
    if challenge is None:
        raise NotThere
    return challenge
