"""The daily verification: one a day, by who takes part."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from nene.challenge import queries, rules
from nene.challenge.errors import AlreadyVerified, NotParticipant
from nene.challenge.models import Verification
from nene.kernel.clock import seoul_date
from nene.kernel.errors import NotThere
from nene.notification import service as notification
from nene.notification.terms import Notice, Type


@dataclass(frozen=True)
class Verified:
    """What a stamp changed: how many there are now, and the rate before and after, in percent."""

    id: int
    count: int
    rate_before: int
    rate: int


def verify(session: Session, *, challenge_id: int, user_id: int, content: str, now: datetime) -> Verified:
    """Prove today, the Seoul day of `now`, when the request arrived (C10).

    Raises NotThere, NotParticipant, NotOngoing, AlreadyVerified.
    """
    today = seoul_date(now)
    challenge = queries.load_challenge_shared(session, challenge_id)
    if challenge is None:
        raise NotThere
    participant = queries.find_participant(session, challenge_id, user_id)
    if participant is None or participant.quit_at is not None:
        raise NotParticipant
    challenge.require_running(today)
    row = insert(Verification).values(
        challenge_id=challenge_id, user_id=user_id, day=today, content=content, created_at=now
    )
    verification_id = session.scalar(row.on_conflict_do_nothing().returning(Verification.id))
    if verification_id is None:
        raise AlreadyVerified
    count = len(queries.list_days(session, challenge_id, user_id))
    elapsed = rules.days_between(challenge.start_date, today)
    rate = 100 * count // elapsed
    notification.notify(
        session,
        [
            Notice(
                key=f"verified:{verification_id}",
                user_id=user_id,
                type=Type.VERIFICATION_SUCCESS,
                link=("challenge", str(challenge_id)),
                values={"challenge": challenge.name, "rate": rate},
            )
        ],
    )
    return Verified(verification_id, count, 100 * (count - 1) // elapsed, rate)
