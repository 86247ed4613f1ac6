"""Lists of challenges, and what other domains ask about somebody's challenges."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from nene.challenge import queries, rules
from nene.challenge.models import Challenge
from nene.challenge.terms import Filters, MyChallenge, Record, Sort, Status
from nene.kernel.paging import Cursor, Page


def list_challenges(session: Session, *, filters: Filters, cursor: Cursor) -> Page[Challenge]:
    """A page of the challenges asked for (C17)."""
    rows = queries.list_challenges(session, filters, after=cursor.key())
    return cursor.page(rows, lambda row: queries.place_of(row, filters.sort))


def starting_soon(session: Session, *, today: date, limit: int) -> Sequence[Challenge]:
    """Challenges that still recruit, the nearest start first."""
    filters = Filters(status=Status.WAITING, sort=Sort.STARTING, starts_from=today)
    return queries.list_challenges(session, filters, after=None, limit=limit)


def list_mine(
    session: Session, *, user_id: int, today: date, cursor: Cursor, status: Status | None = None
) -> Page[MyChallenge]:
    """A page of the user's challenges, what must be verified today first."""
    rows = queries.list_mine(session, user_id, today=today, status=status, after=cursor.key())
    page = cursor.page(rows, lambda row: (row[4], row[0].id))
    return Page([_mine(row, user_id, today) for row in page], page.next)


def list_running(session: Session, *, user_id: int, today: date) -> Sequence[MyChallenge]:
    """All challenges that the user can verify today or has verified today, what is still to do first."""
    return [_mine(row, user_id, today) for row in queries.list_running(session, user_id, today)]


def open_stakes(session: Session, user_id: int) -> int:
    """Points that the user has staked in challenges that are not over."""
    return queries.sum_open_stakes(session, user_id)


def unfinished(session: Session, user_id: int) -> tuple[int, int]:
    """How many challenges that are not over the user hosts, and otherwise takes part in or has quit (U9)."""
    return queries.count_unfinished(session, user_id)


def record_of(session: Session, user_id: int, today: date) -> Record:
    """What the user has done in challenges that began (U10)."""
    joined, won, verified, days = queries.sum_record(session, user_id, today)
    return Record(joined, won, 100 * verified // days if days else None)


def _mine(row: queries.Mine, user_id: int, today: date) -> MyChallenge:
    challenge, participant, verified, today_at, rank = row
    rate = rules.success_rate(verified, start=challenge.start_date, due=challenge.due_date, today=today)
    return MyChallenge(
        id=challenge.id,
        name=challenge.name,
        category=challenge.category,
        status=challenge.status,
        start_date=challenge.start_date,
        due_date=challenge.due_date,
        fee=challenge.fee,
        pot=challenge.pot,
        participant_count=challenge.participant_count,
        is_host=challenge.host_id == user_id,
        verified_days=verified,
        day_number=min(max(rules.days_between(challenge.start_date, today), 0), challenge.days),
        days=challenge.days,
        rate=rate,
        missing_days=max(rules.days_needed(challenge.days) - verified, 0),
        verified_today_at=today_at,
        has_quit=participant.quit_at is not None,
        todo=rank == 0,
    )
