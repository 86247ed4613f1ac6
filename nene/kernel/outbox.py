"""What must happen after a commit, as rows of that commit; messages are only hints to look at them sooner (R5).

`enqueue` writes a row, and the broker hears of it after the commit. The actor deletes the row in the transaction of its
effect. The relay sends again what is overdue, so that the broker may lose everything. What keeps failing becomes a
dead letter, which a person may revive.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import DramatiqError
from redis.exceptions import RedisError
from sqlalchemy import BigInteger, ColumnElement, Identity, Index, Text, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import DateTime

from nene.kernel import redis
from nene.kernel.breaker import NotAsked
from nene.kernel.clock import wall
from nene.kernel.db import Base, after_commit, in_transaction
from nene.kernel.errors import NotThere

RELAY_AFTER = timedelta(seconds=5)
RETRY_AFTER = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2))
BATCH = 500
LONGEST_PAUSE = timedelta(minutes=1)
F = TypeVar("F", bound=Callable[..., object])
_jobs: dict[str, Callable[[int], None]] = {}
_pauses: dict[str, Sequence[timedelta]] = {}
_last_words: dict[str, Callable[..., None]] = {}
_put_off: deque[tuple[int, str]] = deque(maxlen=1000)  # in this process; the relay knows all of them
log = structlog.get_logger(__name__)


class Outbox(Base):
    """A job that is still to be done."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "due_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text, comment="the actor: domain.verb")
    args: Mapped[list[Any]] = mapped_column(JSONB, comment="ids only")
    key: Mapped[str | None] = mapped_column(Text, unique=True, comment="at most one job with this key waits at a time")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="when the relay sends it again")
    sends: Mapped[int] = mapped_column(default=0, comment="how often the relay has sent it")
    failures: Mapped[int] = mapped_column(default=0)
    taken_until: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="till then one worker does it, and no other one"
    )


class DeadLetter(Base):
    """A job that failed too often, kept until a person decides."""

    __tablename__ = "dead_letter"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    args: Mapped[list[Any]] = mapped_column(JSONB)
    key: Mapped[str | None] = mapped_column(Text, comment="under which the job waited, and waits when it is revived")
    error: Mapped[str] = mapped_column(Text, comment="the kind of the last error, not its text: that may be personal")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="when the job was asked for")
    died_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


def start() -> RedisBroker:
    """Make this process's broker, on the Redis client of `redis.start`."""
    broker = RedisBroker(  # type: ignore[no-untyped-call]
        client=redis.client(),
        middleware=[dramatiq.middleware.TimeLimit(time_limit=600_000), dramatiq.middleware.ShutdownNotifications()],
    )
    dramatiq.set_broker(broker)
    return broker


def serve(broker: dramatiq.Broker) -> None:
    """Let a worker of this broker do the declared jobs."""
    for name, run in _jobs.items():
        dramatiq.actor(actor_name=name, broker=broker)(run)


def perform(name: str, job_id: int) -> None:
    """Do a job here and now, as a worker would."""
    _jobs[name](job_id)


def enqueue(session: Session, name: str, *args: int | str, key: str | None = None) -> None:
    """Ask for a job in the session's transaction. With a key, nothing is added while such a job waits already."""
    now = wall.now()
    row = insert(Outbox).values(
        name=name, args=list(args), key=key, created_at=now, due_at=now + RELAY_AFTER, sends=0, failures=0
    )
    job_id = session.scalar(row.on_conflict_do_nothing(index_elements=["key"]).returning(Outbox.id))
    if job_id is not None:
        after_commit(session, partial(_send, job_id, name))


def actor(
    name: str,
    *,
    alone_for: timedelta | None = None,
    retry_after: Sequence[timedelta] = RETRY_AFTER,
    died: Callable[..., None] | None = None,
) -> Callable[[F], F]:
    """Declare a job that opens its own transactions and may run twice: `run(*args)`. For `died` see step_actor.

    With `alone_for` it does not run twice at the same time, unless it takes longer than that. It runs again after its
    worker died, that much later. `retry_after` are the pauses after failures; the one after the last is its end.
    """

    def declare(run: F) -> F:
        def perform(job_id: int, mine: datetime | None) -> None:
            job = in_transaction(_take, job_id, name, mine) if mine else in_transaction(_find, job_id, name)
            if job is not None:
                run(*job)
                in_transaction(_done, job_id, name)

        _declare(name, perform, died, alone_for, retry_after)
        return run

    return declare


def step_actor(name: str, *, died: Callable[..., None] | None = None) -> Callable[[F], F]:
    """Declare a job that is one step: `step(session, *args)` and the end of its row commit together.

    `died(session, *args)` is called in the step that makes it a dead letter.
    """

    def declare(step: F) -> F:
        def once(session: Session, job_id: int) -> None:
            job = _done(session, job_id, name)
            if job is not None:
                step(session, *job)

        _declare(name, lambda job_id, _mine: in_transaction(once, job_id), died)
        return step

    return declare


def waits_with(key: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a job with this key waits, as a condition of a query."""
    return select(Outbox.id).where(Outbox.key == key).exists()


def relay() -> int:
    """Send what is overdue again; gives the number sent. Called every few seconds by the scheduler."""
    return in_transaction(_resend)


def lag(session: Session) -> timedelta:
    """How long the oldest job has been waiting."""
    oldest = session.scalar(select(func.min(Outbox.created_at)))
    return wall.now() - oldest if oldest else timedelta()


def list_dead(session: Session) -> list[DeadLetter]:
    """The dead letters, newest first."""
    return list(session.scalars(select(DeadLetter).order_by(DeadLetter.id.desc()).limit(BATCH)))


def revive(session: Session, dead_id: int) -> None:
    """Ask for a dead job again. Raises NotThere."""
    dead = session.scalar(delete(DeadLetter).where(DeadLetter.id == dead_id).returning(DeadLetter))
    if dead is None:
        raise NotThere
    enqueue(session, dead.name, *dead.args, key=dead.key)


def forget_dead(session: Session, name: str, *args: int | str) -> None:
    """Throw the dead letters of a job away, for it is asked for anew."""
    session.execute(delete(DeadLetter).where(DeadLetter.name == name, DeadLetter.args == list(args)))


def _declare(
    name: str,
    perform: Callable[[int, datetime | None], None],
    died: Callable[..., None] | None,
    alone_for: timedelta | None = None,
    retry_after: Sequence[timedelta] = RETRY_AFTER,
) -> None:
    def guarded(job_id: int) -> None:
        mine = wall.now() + alone_for if alone_for else None  # until when this worker holds the job
        try:
            perform(job_id, mine)
            _remind()
        except NotAsked:
            in_transaction(_free, job_id, mine)
            _put_off.append((job_id, name))
            log.info("job.put_off", job=name, job_id=job_id)  # no failure: the next job that is done reminds of it
        except Exception as error:
            log.exception("job.failed", job=name, job_id=job_id)
            in_transaction(_failed, job_id, type(error).__name__, mine)

    _jobs[name] = guarded
    _pauses[name] = retry_after
    if died is not None:
        _last_words[name] = died


def _send(job_id: int, name: str) -> None:
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name="default", actor_name=name, args=(job_id,), kwargs={}, options={}
    )
    try:
        dramatiq.get_broker().enqueue(message)
    except (RedisError, DramatiqError):
        log.info("outbox.not_sent", job=name, job_id=job_id)  # the row stays, and the relay sends it


def _remind() -> None:
    """Ask for one more of the jobs that were put off: a seat may be free now, and the relay would take its time."""
    with suppress(IndexError):
        _send(*_put_off.popleft())


def _find(session: Session, job_id: int, name: str) -> list[Any] | None:
    return session.scalar(select(Outbox.args).where(Outbox.id == job_id, Outbox.name == name))


def _take(session: Session, job_id: int, name: str, until: datetime) -> list[Any] | None:
    free = or_(Outbox.taken_until.is_(None), Outbox.taken_until <= wall.now())
    taken = update(Outbox).where(Outbox.id == job_id, Outbox.name == name, free).values(taken_until=until)
    return session.scalar(taken.returning(Outbox.args))


def _held(job_id: int, mine: datetime | None) -> ColumnElement[bool]:
    """The job, unless this worker took too long and another one has it by now, who says how it went."""
    return (Outbox.id == job_id) & Outbox.taken_until.is_not_distinct_from(mine)


def _free(session: Session, job_id: int, mine: datetime | None) -> None:
    session.execute(update(Outbox).where(_held(job_id, mine)).values(taken_until=None))


def _done(session: Session, job_id: int, name: str) -> list[Any] | None:
    # The name too: a message that is older than a restored database may carry the id of another job.
    return session.scalar(delete(Outbox).where(Outbox.id == job_id, Outbox.name == name).returning(Outbox.args))


def _failed(session: Session, job_id: int, error: str, mine: datetime | None) -> None:
    job = session.scalar(select(Outbox).where(_held(job_id, mine)).with_for_update())
    if job is None:
        return
    pauses = _pauses.get(job.name, RETRY_AFTER)
    if job.failures >= len(pauses):
        about = {"name": job.name, "args": job.args, "key": job.key, "created_at": job.created_at}
        session.add(DeadLetter(**about, error=error, died_at=wall.now()))
        session.delete(job)
        if job.name in _last_words:
            _last_words[job.name](session, *job.args)
        log.error("job.dead", job=job.name, job_id=job_id)
    else:
        job.due_at = wall.now() + pauses[job.failures]
        job.failures += 1
        job.taken_until = None


def _resend(session: Session) -> int:
    now = wall.now()
    due = select(Outbox).where(Outbox.due_at <= now).order_by(Outbox.due_at).limit(BATCH)
    jobs = session.scalars(due.with_for_update(skip_locked=True)).all()
    for job in jobs:
        job.due_at = now + min(RELAY_AFTER * 2 ** min(job.sends, 10), LONGEST_PAUSE)
        job.sends += 1
        after_commit(session, partial(_send, job.id, job.name))
    return len(jobs)
