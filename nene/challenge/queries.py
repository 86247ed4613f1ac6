"""Every SELECT of challenges."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Row, Select, and_, case, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from nene.challenge.models import Challenge, Participant, Settlement, Share, Verification
from nene.challenge.rules import ACHIEVE_PERCENT, Stake, settle_before
from nene.challenge.terms import Filters, Sort, Status
from nene.kernel.clock import seoul_date
from nene.kernel.paging import SIZE, Key

RUNNING = (Status.WAITING, Status.READY, Status.ONGOING)
Mine: TypeAlias = Row[Challenge, Participant, int, datetime | None, int]


def find_challenge(session: Session, challenge_id: int) -> Challenge | None:
    """One challenge as it is."""
    return session.get(Challenge, challenge_id)


def load_challenge(session: Session, challenge_id: int) -> Challenge | None:
    """One challenge, locked to change it."""
    return session.get(Challenge, challenge_id, with_for_update=True, populate_existing=True)


def load_challenge_shared(session: Session, challenge_id: int) -> Challenge | None:
    """One challenge, held FOR KEY SHARE: many verify at once, and none beside a settlement (C10)."""
    held: dict[str, bool] = {"read": True, "key_share": True}
    return session.get(Challenge, challenge_id, with_for_update=held, populate_existing=True)


def list_due_ids(session: Session, *, now: datetime, wall_now: datetime, after: int, limit: int) -> list[int]:
    """Challenges to which something is due and that are not set aside, by id."""
    to_start = and_(Challenge.status.in_((Status.WAITING, Status.READY)), Challenge.start_date <= seoul_date(now))
    to_settle = and_(Challenge.status == Status.ONGOING, Challenge.due_date < settle_before(now))
    aside = and_(Challenge.set_aside_until.is_not(None), Challenge.set_aside_until > wall_now)
    rows = select(Challenge.id).where(or_(to_start, to_settle), ~aside, Challenge.id > after)
    return list(session.scalars(rows.order_by(Challenge.id).limit(limit)))


def load_free(session: Session, ids: Collection[int]) -> list[Challenge]:
    """Those of the challenges that nobody else has locked, locked, by id."""
    rows = select(Challenge).where(Challenge.id.in_(ids)).order_by(Challenge.id)
    return list(session.scalars(rows.with_for_update(skip_locked=True).execution_options(populate_existing=True)))


def find_participant(session: Session, challenge_id: int, user_id: int) -> Participant | None:
    """The membership of one person, also of one who quit while it ran."""
    one = select(Participant).where(Participant.challenge_id == challenge_id, Participant.user_id == user_id)
    return session.scalar(one)


def list_stakes(session: Session, challenge_ids: Collection[int]) -> dict[int, list[Stake]]:
    """Everybody who staked, in the order of joining, with verified days: what a settlement is made from."""
    stakes: dict[int, list[Stake]] = {challenge_id: [] for challenge_id in challenge_ids}
    rows = (
        select(Participant.challenge_id, Participant.id, Participant.user_id, _verified_days(), Participant.quit_at)
        .where(Participant.challenge_id.in_(challenge_ids))
        .order_by(Participant.id)
    )
    for challenge_id, participant_id, user_id, verified, quit_at in session.execute(rows):
        stakes[challenge_id].append(Stake(participant_id, user_id, verified, quit_at is not None))
    return stakes


def sum_open_stakes(session: Session, user_id: int) -> int:
    """Points that the person has staked and may still get back or win back."""
    total = select(func.coalesce(func.sum(Challenge.fee), 0)).join(
        Participant, Participant.challenge_id == Challenge.id
    )
    own = and_(Participant.user_id == user_id, Participant.quit_at.is_(None), Challenge.status.in_(RUNNING))
    return int(session.scalar(total.where(own)) or 0)


def count_unfinished(session: Session, user_id: int) -> tuple[int, int]:
    """How many challenges that are not over the person hosts, and takes part in or has quit."""
    hosts = func.count().filter(Challenge.host_id == user_id)
    joined = exists().where(Participant.challenge_id == Challenge.id, Participant.user_id == user_id)
    rows = select(hosts, func.count()).where(Challenge.status.in_(RUNNING), or_(Challenge.host_id == user_id, joined))
    hosted, concerned = session.execute(rows).one()
    return hosted, concerned - hosted


@dataclass(frozen=True)
class Member:
    """A participant beside their verified days."""

    id: int
    user_id: int
    joined_at: datetime
    has_quit: bool
    verified_days: int


def list_members(session: Session, challenge_id: int, *, after: Key | None, limit: int) -> list[Member]:
    """Who takes part, in the order of joining."""
    rows = select(Participant, _verified_days()).where(
        Participant.challenge_id == challenge_id, Participant.quit_at.is_(None)
    )
    if after is not None:
        rows = rows.where(Participant.id > after[0])
    return [_member(row) for row in session.execute(rows.order_by(Participant.id).limit(limit))]


def count_likely_achievers(session: Session, challenge: Challenge, today: date) -> int:
    """How many have verified at least 70 % of the days so far."""
    so_far = (min(today, challenge.due_date) - challenge.start_date).days + 1
    staying = and_(Participant.challenge_id == challenge.id, Participant.quit_at.is_(None))
    enough = 100 * _verified_days() >= ACHIEVE_PERCENT * so_far
    return session.scalar(select(func.count()).where(staying, enough)) or 0


def list_days(session: Session, challenge_id: int, user_id: int) -> dict[date, datetime]:
    """The days that one person verified, with the moment of each."""
    own = and_(Verification.challenge_id == challenge_id, Verification.user_id == user_id)
    rows = select(Verification.day, Verification.created_at).where(own)
    return dict(session.execute(rows).all())


def list_verifications(
    session: Session, challenge_id: int, *, user_id: int | None, q: str, after: Key | None, limit: int = SIZE + 1
) -> list[Verification]:
    """The feed, newest first, of one person or with a text if asked for (C19)."""
    rows = select(Verification).where(Verification.challenge_id == challenge_id)
    if user_id is not None:
        rows = rows.where(Verification.user_id == user_id)
    if q:
        rows = rows.where(Verification.content.icontains(q, autoescape=True))
    if after is not None:
        rows = rows.where(Verification.id < after[0])
    return list(session.scalars(rows.order_by(Verification.id.desc()).limit(limit)))


_SORTS: dict[Sort, tuple[Any, bool]] = {  # column, descending
    Sort.NEWEST: (Challenge.id, True),
    Sort.STARTING: (Challenge.start_date, False),
    Sort.POPULAR: (Challenge.participant_count, True),
    Sort.POT: (Challenge.pot, True),
}


def list_challenges(session: Session, filters: Filters, *, after: Key | None, limit: int = SIZE + 1) -> list[Challenge]:
    """Challenges in the order asked for (C17); ties by id, so that a walk over the pages meets each once."""
    column, descending = _SORTS[filters.sort]
    place = tuple_(column, Challenge.id)
    rows = select(Challenge).where(*_conditions(filters))
    if after is not None:
        rows = rows.where(place < tuple_(*after) if descending else place > tuple_(*after))
    order = (column.desc(), Challenge.id.desc()) if descending else (column, Challenge.id)
    return list(session.scalars(rows.order_by(*order).limit(limit)))


def place_of(challenge: Challenge, sort: Sort) -> Key:
    """The key of a challenge in a list of this order."""
    return (getattr(challenge, _SORTS[sort][0].key), challenge.id)


def list_mine(session: Session, user_id: int, *, today: date, status: Status | None, after: Key | None) -> list[Mine]:
    """One more than a page of my challenges: what I must verify today first, then the newest."""
    rank = _rank(today)
    rows = _mine(user_id, today)
    if status is not None:
        rows = rows.where(Challenge.status == status)
    if after is not None:
        rows = rows.where(or_(rank > after[0], and_(rank == after[0], Challenge.id < after[1])))
    return list(session.execute(rows.limit(SIZE + 1)))


def list_running(session: Session, user_id: int, today: date) -> list[Mine]:
    """All my challenges of which today is a day, what is still to do first; open stakes keep them few."""
    return list(session.execute(_mine(user_id, today).where(_runs(today))))


def _mine(user_id: int, today: date) -> Select[Challenge, Participant, int, datetime | None, int]:
    """My challenges with verified days, the moment of today's verification, and the rank that sorts them."""
    rank = _rank(today)
    rows = select(Challenge, Participant, _verified_days(), _on_day(today), rank)
    rows = rows.join(Participant, Participant.challenge_id == Challenge.id).where(Participant.user_id == user_id)
    return rows.order_by(rank, Challenge.id.desc())


def _rank(today: date) -> ColumnElement[int]:
    return case((and_(_runs(today), _on_day(today).is_(None)), 0), (_runs(today), 1), else_=2)


def _runs(today: date) -> ColumnElement[bool]:
    days = and_(Challenge.start_date <= today, Challenge.due_date >= today)
    return and_(Challenge.status == Status.ONGOING, days, Participant.quit_at.is_(None))


def _on_day(day: date) -> ColumnElement[Any]:
    own = and_(Verification.challenge_id == Participant.challenge_id, Verification.user_id == Participant.user_id)
    stamp = select(Verification.created_at).where(own, Verification.day == day)
    return stamp.correlate(Participant).scalar_subquery()


def find_settlement(session: Session, challenge_id: int) -> Settlement | None:
    """How the pot was divided."""
    return session.get(Settlement, challenge_id)


def find_share(session: Session, participant_id: int) -> Share | None:
    """What one participant got."""
    return session.get(Share, participant_id)


def list_shares(
    session: Session, challenge_id: int, *, after: Key | None, limit: int = SIZE + 1
) -> list[Row[Share, Participant]]:
    """Everybody who staked, in the order of joining, with what they got."""
    rows = select(Share, Participant).join(Participant, Participant.id == Share.participant_id)
    rows = rows.where(Share.challenge_id == challenge_id)
    if after is not None:
        rows = rows.where(Share.participant_id > after[0])
    return list(session.execute(rows.order_by(Share.participant_id).limit(limit)))


def list_winners(session: Session, challenge_id: int, limit: int) -> list[Row[Share, Participant]]:
    """Those among whom the pot was divided, in the order of joining."""
    rows = select(Share, Participant).join(Participant, Participant.id == Share.participant_id)
    won = and_(Share.challenge_id == challenge_id, Share.points > 0)
    return list(session.execute(rows.where(won).order_by(Share.participant_id).limit(limit)))


def sum_record(session: Session, user_id: int, today: date) -> tuple[int, int, int, int]:
    """Of one person: challenges joined that began, won, verified days, and days so far, in all of them."""
    began = and_(Participant.user_id == user_id, Challenge.status.in_((Status.ONGOING, Status.FINISHED)))
    days = func.least(Challenge.due_date, today) - Challenge.start_date + 1
    rows = (
        select(
            func.count(),
            func.count().filter(Share.achieved),
            func.coalesce(func.sum(_verified_days()), 0),
            func.coalesce(func.sum(days), 0),
        )
        .select_from(Participant)
        .join(Challenge, Challenge.id == Participant.challenge_id)
        .outerjoin(Share, Share.participant_id == Participant.id)
        .where(began)
    )
    joined, won, verified, counted = session.execute(rows).one()
    return joined, won, int(verified), int(counted)


def list_pots(session: Session) -> list[Row[int, int, int, int, int]]:
    """For each challenge that is not over: id, pot, fee times stakes, participant count, those who have not quit."""
    stakes = func.count(Participant.id)
    staying = stakes.filter(Participant.quit_at.is_(None))
    rows = select(Challenge.id, Challenge.pot, Challenge.fee * stakes, Challenge.participant_count, staying)
    rows = rows.outerjoin(Participant, Participant.challenge_id == Challenge.id).where(Challenge.status.in_(RUNNING))
    return list(session.execute(rows.group_by(Challenge.id)))


def _verified_days() -> ColumnElement[int]:
    own = and_(Verification.challenge_id == Participant.challenge_id, Verification.user_id == Participant.user_id)
    return select(func.count()).where(own).correlate(Participant).scalar_subquery()


def _member(row: Row[Participant, int]) -> Member:
    participant, verified = row
    return Member(participant.id, participant.user_id, participant.joined_at, participant.quit_at is not None, verified)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    asked: list[tuple[Any, Callable[[Any], ColumnElement[bool]]]] = [
        (filters.q or None, lambda text: Challenge.name.icontains(text, autoescape=True)),
        (filters.status, Challenge.status.__eq__),
        (filters.category, Challenge.category.__eq__),
        (filters.min_fee, Challenge.fee.__ge__),
        (filters.max_fee, Challenge.fee.__le__),
        (filters.starts_from, Challenge.start_date.__ge__),
        (filters.due_until, Challenge.due_date.__le__),
    ]
    return [condition(value) for value, condition in asked if value is not None]
