"""What people do with challenges: C1, C3, C4, C6 to C8, C10, C16, C19."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nene.challenge import service
from nene.challenge.errors import (
    AlreadyJoined,
    AlreadyVerified,
    CannotCancel,
    CannotClose,
    CannotQuit,
    ChallengeFull,
    FeedHidden,
    Frozen,
    HostCannotQuit,
    NotHost,
    NotOngoing,
    NotParticipant,
    NotWaiting,
    TermsChanged,
    TooFewParticipants,
    TooManyStakes,
)
from nene.challenge.models import Challenge, Participant
from nene.challenge.terms import Status
from nene.kernel import settings
from nene.kernel.errors import NotThere, Refusal
from nene.kernel.paging import Cursor
from nene.notification.models import Notification
from nene.notification.terms import Type
from nene.point import service as point
from nene.point.errors import NotEnoughPoints
from tests import world
from tests.world import NOW, START, noon

FEE = 1_000


@pytest.fixture
def host(session: Session) -> int:
    return world.member(session, 5_000)


@pytest.fixture
def guest(session: Session) -> int:
    return world.member(session, 5_000)


@pytest.fixture
def waiting(session: Session, host: int) -> int:
    return world.opened(session, host, fee=FEE)


def start(session: Session, challenge_id: int) -> None:
    """Let it begin."""
    from nene.challenge.service.advance import _advance_one

    _advance_one(session, challenge_id, noon(START))


def get(session: Session, challenge_id: int) -> Challenge:
    session.flush()
    session.expire_all()
    return session.get_one(Challenge, challenge_id)


def quit_(session: Session, challenge_id: int, user_id: int, now: object = NOW) -> int:
    return service.quit_challenge(session, challenge_id=challenge_id, user_id=user_id, now=now)  # type: ignore[arg-type]


def told(session: Session, user_id: int) -> list[Type]:
    return list(session.scalars(select(Notification.type).where(Notification.user_id == user_id)))


# C1


def test_opening_takes_the_hosts_stake_and_seats_the_host(session: Session, host: int, waiting: int) -> None:
    challenge = get(session, waiting)
    assert (challenge.status, challenge.participant_count, challenge.pot) == (Status.WAITING, 1, FEE)
    assert point.balance_of(session, host) == 5_000 - FEE
    assert point.full_escrows(session)[waiting] == FEE
    assert not world.faults(session)
    world.now_check(session)


def test_opening_without_the_points_makes_nothing(session: Session) -> None:
    poor = world.member(session, FEE - 1)
    with pytest.raises(NotEnoughPoints) as refusal, session.begin_nested():
        world.opened(session, poor, fee=FEE)
    assert refusal.value.missing == 1
    assert session.scalar(select(func.count()).select_from(Challenge)) == 0


# C3


def test_the_host_edits_while_alone(session: Session, host: int, waiting: int) -> None:
    changed = world.terms(name="저녁 달리기", max_participants=3)
    service.edit_challenge(session, challenge_id=waiting, user_id=host, terms=changed)
    challenge = get(session, waiting)
    assert (challenge.name, challenge.max_participants, challenge.version, challenge.fee) == ("저녁 달리기", 3, 2, FEE)


def test_the_rules_are_frozen_once_somebody_has_joined(session: Session, host: int, guest: int, waiting: int) -> None:
    world.joined(session, waiting, guest)
    with pytest.raises(Frozen):
        service.edit_challenge(session, challenge_id=waiting, user_id=host, terms=world.terms())


def test_nobody_else_edits(session: Session, guest: int, waiting: int) -> None:
    with pytest.raises(NotHost):
        service.edit_challenge(session, challenge_id=waiting, user_id=guest, terms=world.terms())


# C4


def test_joining_takes_a_seat_and_a_stake_and_tells_the_host(
    session: Session, host: int, guest: int, waiting: int
) -> None:
    world.joined(session, waiting, guest)
    challenge = get(session, waiting)
    assert (challenge.participant_count, challenge.pot) == (2, 2 * FEE)
    assert point.balance_of(session, guest) == 5_000 - FEE
    assert told(session, host) == [Type.CHALLENGE_JOINED]
    assert not world.faults(session)
    world.now_check(session)


def test_nobody_joins_twice(session: Session, guest: int, waiting: int) -> None:
    world.joined(session, waiting, guest)
    with pytest.raises(AlreadyJoined):
        world.joined(session, waiting, guest)
    assert point.balance_of(session, guest) == 5_000 - FEE


def test_a_full_challenge_takes_nobody(session: Session, host: int, guest: int) -> None:
    small = world.opened(session, host, max_participants=2)
    world.joined(session, small, guest)
    with pytest.raises(ChallengeFull):
        world.joined(session, small, world.member(session, 5_000))


def test_who_has_read_older_terms_is_shown_the_new_ones(session: Session, host: int, guest: int, waiting: int) -> None:
    service.edit_challenge(session, challenge_id=waiting, user_id=host, terms=world.terms(name="저녁 달리기"))
    with pytest.raises(TermsChanged):
        world.joined(session, waiting, guest)
    assert point.balance_of(session, guest) == 5_000


def test_nobody_joins_from_the_start_date_on(session: Session, guest: int, waiting: int) -> None:
    with pytest.raises(NotWaiting):
        world.joined(session, waiting, guest, now=noon(START))


def test_nobody_joins_once_recruiting_is_closed(session: Session, host: int, guest: int, waiting: int) -> None:
    world.joined(session, waiting, guest)
    service.close_recruiting(session, challenge_id=waiting, user_id=host)
    with pytest.raises(NotWaiting):
        world.joined(session, waiting, world.member(session, 5_000))


def test_open_stakes_have_a_limit(session: Session) -> None:
    limit = settings.current().max_open_stakes
    rich = world.member(session, 10 * limit)
    for _ in range(limit // 200_000):
        world.opened(session, rich, fee=200_000)
    rest = limit % 200_000
    world.opened(session, rich, fee=rest)
    with pytest.raises(TooManyStakes):
        world.opened(session, rich, fee=100)
    assert service.open_stakes(session, rich) == limit


def test_a_challenge_that_does_not_exist_is_not_there(session: Session, guest: int) -> None:
    with pytest.raises(NotThere):
        world.joined(session, -1, guest)


# C6


def test_quitting_while_waiting_gives_the_stake_back_and_frees_the_seat(
    session: Session, guest: int, waiting: int
) -> None:
    world.joined(session, waiting, guest)
    assert quit_(session, waiting, guest) == FEE
    challenge = get(session, waiting)
    assert (challenge.participant_count, challenge.pot) == (1, FEE)
    assert point.balance_of(session, guest) == 5_000
    world.joined(session, waiting, guest)  # a new stake, under a new key
    assert not world.faults(session)
    world.now_check(session)


def test_quitting_while_it_runs_leaves_the_stake_in_the_pot(session: Session, guest: int, waiting: int) -> None:
    world.joined(session, waiting, guest)
    start(session, waiting)
    assert quit_(session, waiting, guest, noon(START)) == 0
    challenge = get(session, waiting)
    assert (challenge.participant_count, challenge.pot) == (1, 2 * FEE)
    assert point.balance_of(session, guest) == 5_000 - FEE
    assert not world.faults(session)
    with pytest.raises(NotParticipant):
        quit_(session, waiting, guest, noon(START))


def test_the_host_cannot_quit(session: Session, host: int, waiting: int) -> None:
    with pytest.raises(HostCannotQuit):
        quit_(session, waiting, host)


def test_nobody_quits_while_ready(session: Session, host: int, guest: int, waiting: int) -> None:
    world.joined(session, waiting, guest)
    service.close_recruiting(session, challenge_id=waiting, user_id=host)
    with pytest.raises(CannotQuit):
        quit_(session, waiting, guest)


def test_nobody_quits_after_the_due_date(session: Session, guest: int, waiting: int) -> None:
    world.joined(session, waiting, guest)
    start(session, waiting)
    with pytest.raises(CannotQuit):
        quit_(session, waiting, guest, noon(START + timedelta(days=5)))


def test_who_does_not_take_part_cannot_quit(session: Session, guest: int, waiting: int) -> None:
    with pytest.raises(NotParticipant):
        quit_(session, waiting, guest)


# C7


def test_cancelling_gives_every_stake_back_and_tells_everybody(
    session: Session, host: int, guest: int, waiting: int
) -> None:
    world.joined(session, waiting, guest)
    service.cancel_challenge(session, challenge_id=waiting, user_id=host)
    assert get(session, waiting).status is Status.CANCELED
    assert [point.balance_of(session, user_id) for user_id in (host, guest)] == [5_000, 5_000]
    assert Type.CHALLENGE_CANCELED in told(session, guest)
    assert not world.faults(session)
    world.now_check(session)


def test_an_admin_cancels_a_running_one_and_quitters_get_their_stake_too(
    session: Session, host: int, guest: int, waiting: int
) -> None:
    other = world.member(session, 5_000)
    world.joined(session, waiting, guest, other)
    start(session, waiting)
    quit_(session, waiting, guest, noon(START))
    service.cancel_challenge(session, challenge_id=waiting, user_id=None, admin_id=host, why="운영 원칙에 어긋나요.")
    assert [point.balance_of(session, user_id) for user_id in (host, guest, other)] == [5_000] * 3
    assert not world.faults(session)


@pytest.mark.parametrize("by_host", [True, False])
def test_what_is_over_is_not_cancelled(session: Session, host: int, guest: int, waiting: int, by_host: bool) -> None:
    world.joined(session, waiting, guest)
    service.cancel_challenge(session, challenge_id=waiting, user_id=host)
    with pytest.raises(CannotCancel):
        service.cancel_challenge(session, challenge_id=waiting, user_id=host if by_host else None)


def test_the_host_does_not_cancel_a_running_one(session: Session, host: int, guest: int, waiting: int) -> None:
    world.joined(session, waiting, guest)
    start(session, waiting)
    with pytest.raises(CannotCancel):
        service.cancel_challenge(session, challenge_id=waiting, user_id=host)


# C8


def test_recruiting_closes_with_enough_people(session: Session, host: int, guest: int, waiting: int) -> None:
    with pytest.raises(TooFewParticipants) as refusal:
        service.close_recruiting(session, challenge_id=waiting, user_id=host)
    assert "1명" in refusal.value.message
    world.joined(session, waiting, guest)
    service.close_recruiting(session, challenge_id=waiting, user_id=host)
    assert get(session, waiting).status is Status.READY
    with pytest.raises(CannotClose):
        service.close_recruiting(session, challenge_id=waiting, user_id=host)


HOST_ONLY: dict[str, Callable[[Session, int, int], None]] = {
    "close": lambda session, one, who: service.close_recruiting(session, challenge_id=one, user_id=who),
    "cancel": lambda session, one, who: service.cancel_challenge(session, challenge_id=one, user_id=who),
}


@pytest.mark.parametrize("verb", HOST_ONLY)
def test_only_the_host_does_what_hosts_do(session: Session, guest: int, waiting: int, verb: str) -> None:
    world.joined(session, waiting, guest)
    with pytest.raises(NotHost) as refusal:
        HOST_ONLY[verb](session, waiting, guest)
    assert refusal.value.status == 403


# C10, C11, C19


def test_a_verification_counts_once_a_day(session: Session, guest: int, waiting: int) -> None:
    world.joined(session, waiting, guest)
    start(session, waiting)
    stamp = service.verify(session, challenge_id=waiting, user_id=guest, content="첫날", now=noon(START))
    assert (stamp.count, stamp.rate_before, stamp.rate) == (1, 0, 100)
    with pytest.raises(AlreadyVerified):
        world.verified(session, waiting, guest, START)
    world.verified(session, waiting, guest, START + timedelta(days=2))
    detail = service.show_challenge(session, challenge_id=waiting, viewer_id=guest, today=START + timedelta(days=2))
    assert detail.card is not None
    assert (detail.card.rate, detail.card.missing, detail.card.spare) == (66, 2, 0)
    assert [day.state for day in detail.card.days] == ["verified", "missed", "verified", "future", "future"]


@pytest.mark.parametrize(("days", "why"), [(-1, NotOngoing), (5, NotOngoing)])
def test_only_running_days_are_verified(
    session: Session, guest: int, waiting: int, days: int, why: type[Refusal]
) -> None:
    world.joined(session, waiting, guest)
    if days > 0:
        start(session, waiting)
    with pytest.raises(why):
        world.verified(session, waiting, guest, START + timedelta(days=days))


def test_who_quit_or_never_joined_does_not_verify(session: Session, guest: int, waiting: int) -> None:
    other = world.member(session, 5_000)
    world.joined(session, waiting, guest)
    start(session, waiting)
    quit_(session, waiting, guest, noon(START))
    for user_id in (guest, other):
        with pytest.raises(NotParticipant):
            world.verified(session, waiting, user_id, START)


def test_the_feed_is_for_participants_and_can_be_searched(
    session: Session, host: int, guest: int, waiting: int
) -> None:
    world.joined(session, waiting, guest)
    start(session, waiting)
    service.verify(session, challenge_id=waiting, user_id=host, content="100% 달렸어요", now=noon(START))
    service.verify(session, challenge_id=waiting, user_id=guest, content="걸었어요", now=noon(START))
    cursor = Cursor("feed", waiting, None)

    def contents(viewer: int, **asked: object) -> list[str]:
        _challenge, page = service.feed(session, challenge_id=waiting, viewer_id=viewer, cursor=cursor, **asked)  # type: ignore[arg-type]
        return [row.content for row in page]

    assert contents(guest) == ["걸었어요", "100% 달렸어요"]
    assert contents(guest, q="100%") == ["100% 달렸어요"]
    assert contents(guest, q="%") == ["100% 달렸어요"]
    assert contents(guest, user_id=guest) == ["걸었어요"]
    with pytest.raises(FeedHidden):
        contents(world.member(session))


# C16


def test_the_settlement_is_shown_to_those_who_staked_after_the_end(
    session: Session, host: int, guest: int, waiting: int
) -> None:
    world.joined(session, waiting, guest)
    start(session, waiting)
    world.verified(session, waiting, guest, *(START + timedelta(days=day) for day in range(4)))
    cursor = Cursor("settlement", waiting, None)
    with pytest.raises(NotThere):
        service.settlement_of(session, challenge_id=waiting, viewer_id=guest, cursor=cursor)
    from nene.challenge.service.advance import _advance_one

    _advance_one(session, waiting, world.night_after(START + timedelta(days=4)))
    page = service.settlement_of(session, challenge_id=waiting, viewer_id=guest, cursor=cursor)
    assert page.mine is not None
    assert (page.mine.points, page.mine.rate, page.mine.achieved) == (2 * FEE, 80, True)
    assert (page.settlement.pot, page.settlement.achievers, page.needed) == (2 * FEE, 1, 4)
    assert [row.points for row in page.rows] == [0, 2 * FEE]
    with pytest.raises(FeedHidden):
        service.settlement_of(session, challenge_id=waiting, viewer_id=world.member(session), cursor=cursor)
    assert session.scalar(select(func.count()).select_from(Participant)) == 2
