"""The rules of challenges on plain values: C9, C11 to C15."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nene.challenge import rules
from nene.challenge.rules import Stake, divide, due_step, split_pot, success_rate, win_table
from nene.challenge.terms import Status, Step
from nene.kernel.clock import seoul_midnight

START, DUE = date(2026, 11, 9), date(2026, 11, 29)
AT_START = seoul_midnight(START)
AT_SETTLEMENT = seoul_midnight(DUE + timedelta(days=1)) + timedelta(minutes=10)
A_SECOND = timedelta(seconds=1)


def step(status: Status, now: datetime, participants: int = 4) -> Step | None:
    return due_step(status, start=START, due=DUE, participants=participants, min_participants=4, now=now)


@pytest.mark.parametrize("status", [Status.WAITING, Status.READY])
def test_it_starts_at_midnight_in_seoul(status: Status) -> None:
    assert step(status, AT_START - A_SECOND) is None
    assert step(status, AT_START) is Step.START


def test_too_few_people_cancel_it_at_the_start() -> None:
    assert step(Status.WAITING, AT_START, participants=3) is Step.CANCEL


def test_it_is_settled_ten_minutes_into_the_day_after() -> None:
    assert step(Status.ONGOING, AT_SETTLEMENT - A_SECOND) is None
    assert step(Status.ONGOING, AT_SETTLEMENT) is Step.SETTLE


@pytest.mark.parametrize("status", [Status.FINISHED, Status.CANCELED])
def test_nothing_is_due_to_what_is_over(status: Status) -> None:
    assert step(status, datetime(2030, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("verified", "today", "rate"),
    [
        (0, START - timedelta(days=1), None),
        (0, START, 0),
        (1, START, 100),
        (12, date(2026, 11, 23), 80),
        (2, date(2026, 11, 11), 66),
        (21, DUE + timedelta(days=30), 100),
        (14, DUE + timedelta(days=1), 66),
    ],
)
def test_the_rate_counts_the_days_so_far(verified: int, today: date, rate: int | None) -> None:
    assert success_rate(verified, start=START, due=DUE, today=today) == rate


@given(days=st.integers(2, 365))
def test_the_days_needed_are_the_fewest_that_achieve(days: int) -> None:
    needed = rules.days_needed(days)
    assert rules.has_achieved(needed, days)
    assert not rules.has_achieved(needed - 1, days)


@given(pot=st.integers(0, 2 * 10**9), people=st.integers(1, 10_000))
def test_every_point_of_a_pot_is_assigned_evenly(pot: int, people: int) -> None:
    shares = split_pot(pot, people)
    assert sum(shares) == pot
    assert shares == sorted(shares, reverse=True)
    assert shares[0] - shares[-1] <= 1


def stakes(*verified: int, quitters: tuple[int, ...] = ()) -> list[Stake]:
    return [Stake(10 + place, 100 + place, days, place in quitters) for place, days in enumerate(verified)]


def test_three_achievers_of_five_share_the_pot() -> None:
    division = divide(stakes(5, 4, 0, 4, 3, quitters=(2,)), pot=50_005, days=5)
    assert division.shares == {10: 16_669, 11: 16_668, 12: 0, 13: 16_668, 14: 0}
    assert (division.achievers, division.share, division.remainder) == (3, 16_668, 1)


def test_without_achievers_those_who_stayed_share() -> None:
    division = divide(stakes(0, 1, 5, quitters=(2,)), pot=301, days=5)
    assert division.shares == {10: 151, 11: 150, 12: 0}
    assert (division.achievers, division.winners) == (0, 2)


def test_who_quits_with_all_days_verified_gets_nothing() -> None:
    assert divide(stakes(4, 5, quitters=(1,)), pot=200, days=5).shares == {10: 200, 11: 0}


def test_a_pot_that_belongs_to_nobody_is_a_fault() -> None:
    with pytest.raises(ValueError, match="nobody stayed"):
        divide(stakes(5, quitters=(0,)), pot=100, days=5)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=40),
    st.integers(2, 30),
    st.integers(100, 200_000),
)
def test_a_division_gives_the_whole_pot_to_those_who_may_have_it(
    people: list[tuple[int, bool]], days: int, fee: int
) -> None:
    everybody = [Stake(0, 0, 0, has_quit=False)]  # the host cannot quit
    everybody += [Stake(place, place, done, left) for place, (done, left) in enumerate(people, 1)]
    division = divide(everybody, pot=fee * len(everybody), days=days)
    assert sum(division.shares.values()) == fee * len(everybody)
    assert all(division.shares[one.participant_id] == 0 for one in everybody if one.has_quit)
    if division.achievers:
        assert all(division.shares[one.participant_id] == 0 for one in everybody if 100 * one.verified < 70 * days)


def test_the_table_shows_what_each_number_of_achievers_brings() -> None:
    rows = win_table(pot=40_000, fee=5_000, people=7, now=6)
    assert [(row.achievers, row.share, row.difference) for row in rows][:2] == [(7, 5_714, 714), (6, 6_666, 1_666)]
    assert [row.achievers for row in rows if row.now] == [6]
    assert rows[-1].share == 40_000
