"""What time does to challenges: C9, C12 to C15, C20; and the job that may run at any moment."""

from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from nene.challenge import service
from nene.challenge.models import Challenge
from nene.challenge.terms import Status, Step
from nene.kernel.db import in_transaction, reading
from nene.notification.models import Notification
from nene.notification.terms import Type
from nene.point import service as point
from nene.user.models import User
from tests import world
from tests.conftest import Clocks, Race
from tests.world import START, night_after, noon

pytestmark = pytest.mark.usefixtures("committed")
DUE = START + timedelta(days=4)
SHARING = "SELECT count(*) FROM {} GROUP BY xmin::text"  # how many rows each transaction wrote
DAYS = [START + timedelta(days=number) for number in range(5)]


def do(step: Any, *args: Any, **values: Any) -> Any:
    return in_transaction(step, *args, **values)


def status(challenge_id: int) -> Status:
    with reading() as session:
        return session.get_one(Challenge, challenge_id).status


def balances(*people: int) -> list[int]:
    with reading() as session:
        return [point.balance_of(session, user_id) for user_id in people]


def sound() -> bool:
    with reading() as session:
        return not world.faults(session)


def a_challenge(session: Session, people: int = 2, *, fee: int = 1_000, **changed: Any) -> tuple[int, list[int]]:
    ids = [world.member(session, 20_000) for _ in range(people)]
    challenge_id = world.opened(session, ids[0], fee=fee, **changed)
    world.joined(session, challenge_id, *ids[1:])
    return challenge_id, ids


@pytest.mark.parametrize("closed", [True, False])
def test_it_starts_by_itself_when_the_day_begins(app: object, closed: bool) -> None:
    challenge_id, people = do(a_challenge)
    if closed:
        do(service.close_recruiting, challenge_id=challenge_id, user_id=people[0])
    assert service.advance(noon(START) - timedelta(hours=12, seconds=1)).steps == []
    assert service.advance(noon(START) - timedelta(hours=12)).steps == [(challenge_id, Step.START)]
    assert status(challenge_id) is Status.ONGOING
    with reading() as session:
        started = select(func.count()).where(Notification.type == Type.CHALLENGE_STARTED)
        assert session.scalar(started) == 2


def test_with_too_few_people_everybody_gets_the_stake_back(app: object) -> None:
    challenge_id, people = do(a_challenge, min_participants=3)
    assert service.advance(noon(START)).steps == [(challenge_id, Step.CANCEL)]
    assert status(challenge_id) is Status.CANCELED
    assert balances(*people) == [20_000, 20_000]
    assert sound()


def five_people(session: Session) -> tuple[int, list[int]]:
    """The worked example of docs/points.md, up to the last day."""
    challenge_id, people = a_challenge(session, 5, fee=10_001)
    return challenge_id, people


def live(challenge_id: int, people: list[int]) -> None:
    """The second quits on the third day, the fifth verifies three days of five, the others four or five."""
    service.advance(noon(START))
    for day in DAYS:
        for place, missed in ((0, ()), (1, DAYS[2:]), (2, DAYS[1:2]), (3, DAYS[4:]), (4, DAYS[:2])):
            if day not in missed:
                do(world.verified, challenge_id, people[place], day)
        if day == DAYS[2]:
            do(service.quit_challenge, challenge_id=challenge_id, user_id=people[1], now=noon(day))


def test_three_achievers_of_five_share_what_five_staked(app: object) -> None:
    challenge_id, people = do(five_people)
    live(challenge_id, people)
    assert service.advance(night_after(DUE)).steps == [(challenge_id, Step.SETTLE)]
    left = 20_000 - 10_001
    assert balances(*people) == [left + 16_669, left, left + 16_668, left + 16_668, left]
    with reading() as session:
        assert challenge_id not in point.full_escrows(session)
    assert sound()
    assert service.advance(night_after(DUE)).steps == []


def test_a_missed_night_is_made_up_by_the_next_run(app: object) -> None:
    one, _people = do(a_challenge)
    late = night_after(DUE + timedelta(days=40))
    assert service.advance(late).steps == [(one, Step.START), (one, Step.SETTLE)]
    assert status(one) is Status.FINISHED
    assert sound()


def test_an_action_first_applies_what_is_due(app: object) -> None:
    challenge_id, _people = do(a_challenge)
    service.catch_up(challenge_id, night_after(DUE))
    assert status(challenge_id) is Status.FINISHED


def test_nothing_is_done_in_a_preview(app: object) -> None:
    challenge_id, _people = do(a_challenge)
    assert list(service.preview(noon(START))) == [(challenge_id, Step.START)]
    assert status(challenge_id) is Status.WAITING


def test_one_that_fails_is_set_aside_and_does_not_hold_up_the_others(app: object, clock: Clocks) -> None:
    challenges = [do(a_challenge)[0] for _ in range(3)]
    broken = challenges[1]
    do(lambda session: session.execute(text("DELETE FROM participant WHERE challenge_id = :id"), {"id": broken}))
    do(lambda session: session.execute(text("UPDATE challenge SET status = 'ONGOING'")))
    done = service.advance(night_after(DUE))
    assert [challenge_id for challenge_id, _step in done.steps] == [challenges[0], challenges[2]]
    assert done.failed == [broken]
    assert service.advance(night_after(DUE)).failed == []
    clock.wall.stop_at(clock.wall.now() + timedelta(hours=2))
    assert service.advance(night_after(DUE)).failed == [broken]


def test_a_host_who_is_gone_does_not_strand_the_challenge(app: object) -> None:
    challenge_id, people = do(a_challenge)
    do(lambda session: session.get_one(User, people[0]).withdraw(world.NOW))
    service.advance(night_after(DUE))
    assert status(challenge_id) is Status.FINISHED
    assert sound()


def test_two_workers_settle_each_challenge_once(race: Race) -> None:
    challenges = [do(a_challenge, 3)[0] for _ in range(12)]
    service.advance(noon(START))
    runs = race(*[partial(service.advance, night_after(DUE))] * 4)
    settled = [challenge_id for run in runs for challenge_id, _step in run.steps]
    assert sorted(settled) == challenges
    assert sound()


def test_a_hundred_challenges_at_most_share_a_transaction(app: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three here; each row tells which transaction wrote it."""
    module = import_module("nene.challenge.service.advance")  # the package has a function of that name
    assert module.BATCH == 100
    monkeypatch.setattr(module, "BATCH", 3)
    challenges = [do(a_challenge)[0] for _ in range(7)]
    service.advance(noon(START))
    assert [status(challenge_id) for challenge_id in challenges] == [Status.ONGOING] * 7
    with reading() as session:
        assert sorted(session.scalars(text(SHARING.format("challenge")))) == [1, 3, 3]
    service.advance(night_after(DUE))
    with reading() as session:
        assert sorted(session.scalars(text(SHARING.format("settlement")))) == [1, 3, 3]


def test_a_verification_and_a_settlement_at_once_agree(race: Race) -> None:
    """At the edge of the day: either the stamp counted in the settlement, or it was refused."""
    for _ in range(8):
        challenge_id, people = do(a_challenge)
        service.advance(noon(START))
        for day in DAYS[:3]:
            do(world.verified, challenge_id, people[1], day)
        stamp, _run = race(
            partial(do, world.verified, challenge_id, people[1], DAYS[4]),
            partial(service.advance, night_after(DUE)),
        )
        service.advance(night_after(DUE))  # one that was being verified is passed over, and taken by the next run
        assert status(challenge_id) is Status.FINISHED
        with reading() as session:
            achieved = session.scalar(
                text("SELECT achieved FROM settlement_share WHERE challenge_id = :id AND verified_days = 4"),
                {"id": challenge_id},
            )
        assert (stamp is None) == bool(achieved)
    assert sound()
