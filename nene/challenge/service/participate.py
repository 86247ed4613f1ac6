"""Joining and quitting: a seat, a membership and a stake, together or not at all."""

from datetime import datetime

from sqlalchemy.orm import Session

from nene.challenge import queries
from nene.challenge.errors import ChallengeFull, TooManyStakes
from nene.challenge.models import Challenge, Participant
from nene.challenge.service import moves
from nene.challenge.terms import Status
from nene.kernel import audit, settings
from nene.kernel.clock import seoul_date
from nene.kernel.errors import NotThere
from nene.notification import service as notification
from nene.notification.terms import Notice, Type
from nene.point import service as point
from nene.user import service as user


def look_before(session: Session, *, challenge_id: int, user_id: int) -> None:
    """The unlocked look that keeps those without a chance out of the crowd (C5).

    Raises NotThere, AlreadyJoined, CannotRejoin, ChallengeFull.
    """
    challenge = queries.find_challenge(session, challenge_id)
    if challenge is None:
        raise NotThere
    before = queries.find_participant(session, challenge_id, user_id)
    if before is not None:
        before.refuse_again()
    if challenge.status is Status.WAITING and challenge.participant_count >= challenge.max_participants:
        raise ChallengeFull


def join_challenge(session: Session, *, challenge_id: int, user_id: int, version: int, now: datetime) -> int:
    """Take a seat and put the fee into escrow, both or neither (C4); gives the points staked.

    `version` is of the terms that the person has read. Raises NotThere, TooYoung, TooManyStakes, AlreadyJoined, NotWaiting,
    ChallengeFull, TermsChanged, NotEnoughPoints.
    """
    member = user.lock_member(session, user_id)
    challenge = queries.load_challenge(session, challenge_id)
    if challenge is None:
        raise NotThere
    before = queries.find_participant(session, challenge_id, user_id)
    participant = challenge.join(user_id, terms=version, before=before, now=now)
    _check_cap(session, user_id, challenge.fee)
    take_stake(session, challenge, participant)
    notification.notify(
        session,
        [
            Notice(
                key=f"joined:{participant.id}",
                user_id=challenge.host_id,
                type=Type.CHALLENGE_JOINED,
                link=("challenge", str(challenge_id)),
                values={"who": member.nickname, "challenge": challenge.name},
            )
        ],
    )
    audit.record(
        session, action="challenge.join", target=f"challenge:{challenge_id}", who=user_id, staked=challenge.fee
    )
    return challenge.fee


def quit_challenge(session: Session, *, challenge_id: int, user_id: int, now: datetime) -> int:
    """Leave (C6); gives the points that came back, 0 once it runs: then the stake stays in the pot.

    Raises NotThere, NotParticipant, HostCannotQuit, CannotQuit.
    """
    challenge = queries.load_challenge(session, challenge_id)
    if challenge is None:
        raise NotThere
    participant = queries.find_participant(session, challenge_id, user_id)
    refunded = 0
    if challenge.leave(participant, today=seoul_date(now), now=now) and participant is not None:
        point.move_many(session, [moves.refund(challenge, participant.id, user_id)])
        session.delete(participant)
        refunded = challenge.fee
    audit.record(session, action="challenge.quit", target=f"challenge:{challenge_id}", who=user_id, refunded=refunded)
    return refunded


def lock_staker(session: Session, user_id: int, fee: int) -> None:
    """Lock the account of who is about to stake: alive, of age, within the limit of open stakes (C4, U9)."""
    user.lock_member(session, user_id)
    _check_cap(session, user_id, fee)


def take_stake(session: Session, challenge: Challenge, participant: Participant) -> None:
    """Write the membership and move the fee. The participant's id is the key: quitting and joining again is a new stake."""
    session.add(participant)
    session.flush()
    point.move_many(session, [moves.stake(challenge, participant.id, participant.user_id)])


def _check_cap(session: Session, user_id: int, fee: int) -> None:
    limit = settings.current().max_open_stakes
    staked = queries.sum_open_stakes(session, user_id)
    if staked + fee > limit:
        raise TooManyStakes(limit=f"{limit:,}", open=f"{staked:,}")
