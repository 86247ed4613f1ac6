"""The two clocks, the only place that asks the machine for the time.

The wall clock serves sign-in lifetimes, rate limits, locks, retries and whatever is measured against outsiders.
The business clock serves challenges, ages, statistics and limits in days; the demo clock moves it ahead (O6).
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SEOUL = ZoneInfo("Asia/Seoul")


def seoul_date(moment: datetime) -> date:
    """The calendar date in Seoul on which a moment falls."""
    return moment.astimezone(SEOUL).date()


def seoul_midnight(day: date) -> datetime:
    """The moment at which a Seoul date begins."""
    return datetime.combine(day, time(), SEOUL)


class Clock:
    """A clock that tests and the demo may move; moments are aware and in UTC."""

    def __init__(self) -> None:
        self._read: Callable[[], datetime] = _machine_time

    def now(self) -> datetime:
        """The present moment."""
        return self._read()

    def today(self) -> date:
        """The present date in Seoul."""
        return seoul_date(self.now())

    def stop_at(self, moment: datetime) -> None:
        """Stand still at a moment, for tests."""
        self._read = lambda: moment

    def run_by(self, offset: Callable[[], timedelta]) -> None:
        """Run ahead of the machine by an offset that is asked for each time."""
        self._read = lambda: _machine_time() + offset()

    def reset(self) -> None:
        """Show the machine's time again."""
        self._read = _machine_time


def _machine_time() -> datetime:
    return datetime.now(UTC)


wall = Clock()
business = Clock()
