"""What the pages of one challenge show."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from nene.challenge import queries, rules
from nene.challenge.errors import FeedHidden, Frozen
from nene.challenge.models import Challenge, Participant, Verification
from nene.challenge.terms import Status
from nene.kernel.errors import NotThere
from nene.kernel.paging import SIZE, Cursor, Page
from nene.user import service as user
from nene.user.terms import PublicUser

PREVIEW_PEOPLE = 8
PREVIEW_FEED = 3


class DayState(StrEnum):
    """How a day stands on a stamp card."""

    VERIFIED = "verified"
    MISSED = "missed"
    TODAY = "today"
    FUTURE = "future"


@dataclass(frozen=True)
class Day:
    """One slot of a stamp card."""

    date: date
    state: DayState


@dataclass(frozen=True)
class StampCard:
    """How a participant stands: days so far, verified, needed, still missing, and days that may still be missed."""

    days: Sequence[Day]
    day_number: int
    total: int
    verified: int
    needed: int
    missing: int
    spare: int
    rate: int | None
    verified_today_at: datetime | None


@dataclass(frozen=True)
class Person:
    """A participant on a page; `rate` in percent, none before the start."""

    id: int
    user: PublicUser
    rate: int | None
    verified: int
    is_host: bool


@dataclass(frozen=True)
class FeedRow:
    """One verification in the feed."""

    id: int
    user: PublicUser
    content: str
    day: date
    at: datetime


class Action(StrEnum):
    """The one thing that the viewer can do now."""

    LOGIN = "login"
    JOIN = "join"
    FULL = "full"
    CLOSED = "closed"
    CLOSE_RECRUITING = "ready"
    VERIFY = "verify"
    WAIT = "wait"
    SETTLEMENT = "settlement"
    NONE = "none"


@dataclass(frozen=True)
class Detail:
    """A challenge with everything that its page shows to one viewer."""

    challenge: Challenge
    host: PublicUser
    viewer_id: int | None
    today: date
    is_host: bool
    joined: bool
    has_quit: bool
    action: Action
    can_quit: bool
    can_edit: bool
    can_cancel: bool
    can_close: bool
    card: StampCard | None
    win_rows: Sequence[rules.WinRow]
    people_then: int
    pot_then: int
    likely: int | None
    people: Sequence[Person]
    feed: Sequence[FeedRow]


def show_challenge(session: Session, *, challenge_id: int, viewer_id: int | None, today: date) -> Detail:
    """A challenge as its page shows it to the viewer. Raises NotThere."""
    challenge = find(session, challenge_id)
    mine = queries.find_participant(session, challenge_id, viewer_id) if viewer_id else None
    joined = mine is not None and mine.quit_at is None
    members = queries.list_members(session, challenge_id, after=None, limit=PREVIEW_PEOPLE)
    verifications = []
    if joined and challenge.status in {Status.ONGOING, Status.FINISHED}:
        verifications = queries.list_verifications(session, challenge_id, user_id=None, q="", after=None, limit=PREVIEW_FEED)  # fmt: skip
    known = names(session, challenge, [*(row.user_id for row in members), *(row.user_id for row in verifications)])
    running = challenge.status is Status.ONGOING
    likely = queries.count_likely_achievers(session, challenge, today) if running else None
    free = challenge.status is Status.WAITING and challenge.participant_count < challenge.max_participants
    coming = 1 if free and not joined else 0
    people_then, pot_then = challenge.participant_count + coming, challenge.pot + coming * challenge.fee
    is_host = viewer_id == challenge.host_id
    return Detail(
        challenge=challenge,
        host=known[challenge.host_id],
        viewer_id=viewer_id,
        today=today,
        is_host=is_host,
        joined=joined,
        has_quit=mine is not None and mine.quit_at is not None,
        action=_action(challenge, viewer_id=viewer_id, mine=mine, today=today),
        can_quit=joined and not is_host and _can_quit(challenge, today),
        can_edit=is_host and challenge.status is Status.WAITING and challenge.participant_count == 1,
        can_cancel=is_host and challenge.status in {Status.WAITING, Status.READY},
        can_close=is_host
        and challenge.status is Status.WAITING
        and challenge.participant_count >= challenge.min_participants,
        card=_card(session, challenge, mine, today) if mine and joined else None,
        win_rows=rules.win_table(pot=pot_then, fee=challenge.fee, people=people_then, now=likely),
        people_then=people_then,
        pot_then=pot_then,
        likely=likely,
        people=[_person(row, challenge, known, today) for row in members],
        feed=[_feed_row(row, known) for row in verifications],
    )


def members(session: Session, *, challenge_id: int, cursor: Cursor, today: date) -> tuple[Challenge, Page[Person]]:
    """A page of the participants, in the order of joining. Raises NotThere."""
    challenge = find(session, challenge_id)
    rows = queries.list_members(session, challenge_id, after=cursor.key(), limit=SIZE + 1)
    known = names(session, challenge, [row.user_id for row in rows])
    people = [_person(row, challenge, known, today) for row in rows]
    return challenge, cursor.page(people, lambda person: (person.id,))


def feed(
    session: Session, *, challenge_id: int, viewer_id: int, cursor: Cursor, user_id: int | None = None, q: str = ""
) -> tuple[Challenge, Page[FeedRow]]:
    """A page of the verifications, newest first (C19). Raises NotThere, FeedHidden."""
    challenge = find(session, challenge_id)
    mine = queries.find_participant(session, challenge_id, viewer_id)
    if mine is None or mine.quit_at is not None:
        raise FeedHidden
    rows = queries.list_verifications(session, challenge_id, user_id=user_id, q=q, after=cursor.key())
    known = names(session, challenge, [row.user_id for row in rows])
    return challenge, cursor.page([_feed_row(row, known) for row in rows], lambda row: (row.id,))


def my_card(session: Session, *, challenge_id: int, user_id: int, today: date) -> StampCard | None:
    """The calendar of somebody's days (C19), none for who does not take part. Raises NotThere."""
    challenge = find(session, challenge_id)
    mine = queries.find_participant(session, challenge_id, user_id)
    return _card(session, challenge, mine, today) if mine and mine.quit_at is None else None


def terms_to_edit(session: Session, *, challenge_id: int, user_id: int) -> Challenge:
    """The challenge, for its host to edit. Raises NotThere, NotHost, Frozen."""
    challenge = find(session, challenge_id)
    challenge.require_host(user_id)
    if challenge.status is not Status.WAITING or challenge.participant_count > 1:
        raise Frozen
    return challenge


def find(session: Session, challenge_id: int) -> Challenge:
    """The challenge. Raises NotThere."""
    challenge = queries.find_challenge(session, challenge_id)
    if challenge is None:
        raise NotThere
    return challenge


def names(session: Session, challenge: Challenge, ids: Collection[int]) -> Mapping[int, PublicUser]:
    """What may be seen of these people, and of the host."""
    return user.names_of(session, {*ids, challenge.host_id})


def _can_quit(challenge: Challenge, today: date) -> bool:
    return challenge.status is Status.WAITING or (challenge.status is Status.ONGOING and today <= challenge.due_date)


def _action(challenge: Challenge, *, viewer_id: int | None, mine: Participant | None, today: date) -> Action:
    if challenge.status.is_over:
        return Action.SETTLEMENT if mine and challenge.status is Status.FINISHED else Action.NONE
    if mine is None:
        return _way_in(challenge, viewer_id, today)
    if mine.quit_at is not None:
        return Action.NONE
    if challenge.status is Status.ONGOING and today <= challenge.due_date:
        return Action.VERIFY
    recruiting = viewer_id == challenge.host_id and challenge.status is Status.WAITING
    return Action.CLOSE_RECRUITING if recruiting else Action.WAIT


def _way_in(challenge: Challenge, viewer_id: int | None, today: date) -> Action:
    if challenge.status is not Status.WAITING or today >= challenge.start_date:
        return Action.CLOSED
    if challenge.participant_count >= challenge.max_participants:
        return Action.FULL
    return Action.JOIN if viewer_id else Action.LOGIN


def _card(session: Session, challenge: Challenge, mine: Participant, today: date) -> StampCard:
    stamps = queries.list_days(session, challenge.id, mine.user_id)
    days = [challenge.start_date + timedelta(days=number) for number in range(challenge.days)]
    left = sum(day >= today and day not in stamps for day in days)
    needed = rules.days_needed(challenge.days)
    missing = max(needed - len(stamps), 0)
    return StampCard(
        days=[Day(day, _state(day, today, stamps)) for day in days],
        day_number=min(max(rules.days_between(challenge.start_date, today), 0), challenge.days),
        total=challenge.days,
        verified=len(stamps),
        needed=needed,
        missing=missing,
        spare=left - missing,
        rate=rules.success_rate(len(stamps), start=challenge.start_date, due=challenge.due_date, today=today),
        verified_today_at=stamps.get(today),
    )


def _state(day: date, today: date, stamps: Collection[date]) -> DayState:
    if day in stamps:
        return DayState.VERIFIED
    if day == today:
        return DayState.TODAY
    return DayState.MISSED if day < today else DayState.FUTURE


def _person(row: queries.Member, challenge: Challenge, known: Mapping[int, PublicUser], today: date) -> Person:
    rate = rules.success_rate(row.verified_days, start=challenge.start_date, due=challenge.due_date, today=today)
    return Person(row.id, known[row.user_id], rate, row.verified_days, row.user_id == challenge.host_id)


def _feed_row(row: Verification, known: Mapping[int, PublicUser]) -> FeedRow:
    return FeedRow(row.id, known[row.user_id], row.content, row.day, row.created_at)
