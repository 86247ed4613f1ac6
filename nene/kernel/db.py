"""The database: reading, and the one place that commits (R4)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Concatenate, ParamSpec, TypeVar

import structlog
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session

from nene.kernel.errors import OutcomeUnknown

P = ParamSpec("P")
R = TypeVar("R")
TRIES = 3
_TRY_AGAIN = {"40001", "40P01"}  # PostgreSQL's serialization_failure and deadlock_detected
_open: ContextVar[bool] = ContextVar("session_open", default=False)
log = structlog.get_logger(__name__)


class Base(DeclarativeBase):
    """What every table's class inherits."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(metadata=Base.metadata)
migrate = Migrate(db=db, compare_type=True)


@contextmanager
def reading(*, snapshot: bool = False) -> Iterator[Session]:
    """A session for looking: its transaction is READ ONLY, and the database refuses a change in it.

    With `snapshot` all its queries see the same moment.
    """
    engine = db.engine.execution_options(postgresql_readonly=True)
    if snapshot:
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with _only_one(), Session(engine, expire_on_commit=False) as session:
        yield session


def in_transaction(step: Callable[Concatenate[Session, P], R], *args: P.args, **values: P.kwargs) -> R:
    """Run one step and commit it; then let its hooks run (messages go out).

    A serialization failure or a deadlock runs the step anew, at most three times in all. Everything else, a refusal too,
    undoes the step and goes on to the caller. Raises OutcomeUnknown if the connection is lost while committing.
    """
    for attempt in range(1, TRIES + 1):
        with _only_one(), Session(db.engine, expire_on_commit=False) as session:
            try:
                result = step(session, *args, **values)
                _commit(session)
            except DBAPIError as error:
                if attempt == TRIES or not _is_passing(error):
                    raise
                log.info("transaction.again", step=step.__name__, attempt=attempt)
                continue
        for hook in session.info.get("after_commit", ()):
            hook()
        return result
    raise AssertionError  # the loop returns or raises


def after_commit(session: Session, hook: Callable[[], None]) -> None:
    """Call the hook once the session's step has been committed, and never if it is undone."""
    session.info.setdefault("after_commit", []).append(hook)


def _commit(session: Session) -> None:
    try:
        session.commit()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise OutcomeUnknown from error
        raise


@contextmanager
def _only_one() -> Iterator[None]:
    """Refuse a session inside a session: threads that hold one connection and wait for another would wait for ever."""
    if _open.get():
        message = "a session is open already; pass it on"
        raise RuntimeError(message)
    token = _open.set(True)
    try:
        yield
    finally:
        _open.reset(token)


def _is_passing(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _TRY_AGAIN
