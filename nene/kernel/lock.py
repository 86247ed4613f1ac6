"""Locks that keep a crowd off the database; correctness never depends on them (C5)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import structlog
from flask_babel import lazy_gettext as _
from redis.exceptions import LockError, LockNotOwnedError

from nene.kernel import redis
from nene.kernel.errors import Refusal

WAIT = 3.0  # seconds a person waits at most (C5)
HOLD = 10.0  # seconds after which a lock whose owner died is free again
log = structlog.get_logger(__name__)


class Crowded(Refusal):
    """Too many people press at once; nothing was done, and the button stays."""

    text: ClassVar = _("지금 참가자가 몰리고 있어요. 포인트는 그대로예요. 잠시 뒤 다시 눌러 주세요.")


@contextmanager
def crowd_lock(kind: str, key: int) -> Iterator[None]:
    """Let one at a time through for this key; raises Crowded after three seconds.

    With Redis away everybody is let through: the row lock alone decides. Take it outside of the transaction.
    """
    lock = redis.client().lock(f"lock:{kind}:{key}", timeout=HOLD, sleep=0.02, blocking_timeout=WAIT)
    try:
        taken = lock.acquire()
    except redis.RedisError:
        log.info("lock.redis_away", kind=kind)
        yield
        return
    if not taken:
        raise Crowded
    try:
        yield
    finally:
        try:
            lock.release()
        except (LockNotOwnedError, LockError, redis.RedisError):
            log.info("lock.lost", kind=kind)
