"""The rules of challenges on plain values: what time does, success rates, achievers, the division of the pot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from nene.challenge.terms import Status, Step
from nene.kernel.clock import seoul_date

ACHIEVE_PERCENT = 70
SETTLE_AFTER = timedelta(minutes=10)  # past midnight in Seoul (C12)


def days_between(first: date, last: date) -> int:
    """Days from one date to another, both counted."""
    return (last - first).days + 1


def due_step(
    status: Status, *, start: date, due: date, participants: int, min_participants: int, now: datetime
) -> Step | None:
    """What is due to a challenge by now (C9, C12), or nothing."""
    if status in {Status.WAITING, Status.READY} and seoul_date(now) >= start:
        return Step.START if participants >= min_participants else Step.CANCEL
    if status is Status.ONGOING and due < settle_before(now):
        return Step.SETTLE
    return None


def settle_before(now: datetime) -> date:
    """A challenge whose due date lies before this date is to be settled."""
    return seoul_date(now - SETTLE_AFTER)


def success_rate(verified: int, *, start: date, due: date, today: date) -> int | None:
    """Verified days of the days so far, in whole percent, rounded down (C11); none before the start."""
    if today < start:
        return None
    return 100 * verified // days_between(start, min(today, due))


def days_needed(days: int) -> int:
    """How many verified days make an achiever."""
    return -(-ACHIEVE_PERCENT * days // 100)


def has_achieved(verified: int, days: int) -> bool:
    """Whether these verified days of all days make an achiever (C13)."""
    return 100 * verified >= ACHIEVE_PERCENT * days


def split_pot(pot: int, people: int) -> list[int]:
    """Divide points evenly; what is left over goes one point each to the first (C14). The shares sum to the pot."""
    share, rest = divmod(pot, people)
    return [share + 1 if place < rest else share for place in range(people)]


@dataclass(frozen=True)
class Stake:
    """Somebody who staked: in settlement the only facts that count."""

    participant_id: int
    user_id: int
    verified: int
    has_quit: bool


@dataclass(frozen=True)
class Division:
    """A pot divided: shares by participant id, everybody who staked in them, in the order of joining."""

    pot: int
    achievers: int
    winners: int
    share: int
    remainder: int
    shares: dict[int, int]
    achieved: frozenset[int]


def divide(stakes: Sequence[Stake], *, pot: int, days: int) -> Division:
    """Divide a pot among the achievers, or, if there are none, among those who stayed to the end (C13, C14).

    `stakes` stand in the order of joining. Raises ValueError if nobody is left to whom the pot could go.
    """
    stayed = [stake for stake in stakes if not stake.has_quit]
    achievers = [stake for stake in stayed if has_achieved(stake.verified, days)]
    winners = achievers or stayed
    if not winners:
        message = "nobody stayed: the pot cannot be divided"
        raise ValueError(message)
    shares = dict.fromkeys((stake.participant_id for stake in stakes), 0)
    shares |= dict(zip((stake.participant_id for stake in winners), split_pot(pot, len(winners)), strict=True))
    share, remainder = divmod(pot, len(winners))
    achieved = frozenset(stake.participant_id for stake in achievers)
    return Division(pot, len(achievers), len(winners), share, remainder, shares, achieved)


@dataclass(frozen=True)
class WinRow:
    """What one achiever gets if `achievers` achieve, and how that differs from the fee; `now` marks the present state."""

    achievers: int
    share: int
    difference: int
    now: bool


def win_table(*, pot: int, fee: int, people: int, now: int | None = None) -> list[WinRow]:
    """A few rows from everybody down to one, the present number of likely achievers among them."""
    chosen = {people, 1, *(people * part // 4 for part in (1, 2, 3))} - {0}
    if now and now <= people:
        chosen.add(now)
    return [
        WinRow(number, pot // number, pot // number - fee, now=number == now) for number in sorted(chosen, reverse=True)
    ]
