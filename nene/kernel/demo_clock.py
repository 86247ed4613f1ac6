"""The demo clock: moves the business clock of all processes ahead, day by day; never in production (O6)."""

from datetime import datetime, timedelta

from sqlalchemy import CheckConstraint, Interval, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from nene.kernel import settings
from nene.kernel.clock import business, seoul_date, seoul_midnight, wall
from nene.kernel.db import Base, in_transaction, reading

NIGHT_JOBS_BY = timedelta(minutes=10)
_ahead = timedelta()


class DemoClock(Base):
    """How far the business clock runs ahead of the wall clock; one row at most."""

    __tablename__ = "demo_clock"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ahead: Mapped[timedelta] = mapped_column(Interval)


def start() -> None:
    """Let the business clock follow the demo clock in this process."""
    business.run_by(lambda: _ahead)


def refresh() -> None:
    """Read how far the clock was moved, at the beginning of a request or a job; nothing in production."""
    if settings.current().production:
        return
    with reading() as session:
        _keep(session.scalar(select(DemoClock.ahead)))


def next_day() -> datetime:
    """Move the clock one day ahead, past the hour of the night's jobs; gives the new business moment."""
    return in_transaction(_move)


def _move(session: Session) -> datetime:
    moved = session.scalar(select(DemoClock.ahead).with_for_update()) or timedelta()
    now = wall.now() + moved
    tomorrow = max(now + timedelta(days=1), seoul_midnight(seoul_date(now) + timedelta(days=1)) + NIGHT_JOBS_BY)
    ahead = tomorrow - wall.now()
    row = insert(DemoClock).values(id=1, ahead=ahead)
    session.execute(row.on_conflict_do_update(index_elements=["id"], set_={"ahead": ahead}))
    _keep(ahead)
    return tomorrow


def _keep(ahead: timedelta | None) -> None:
    global _ahead  # noqa: PLW0603 - one clock a process
    _ahead = ahead or timedelta()
