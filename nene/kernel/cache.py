"""What takes long to find out and is the same for many readers, kept in Redis for a while (U12).

Redis only saves work: without it everybody finds out for themselves. So an entry may be older than the truth, by its
life at most, when Redis was away as it was dropped; what must never be shown again is not kept here, but looked up by
its id.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from secrets import token_hex
from time import monotonic, sleep
from typing import TypeVar, cast

import structlog
from sqlalchemy.orm import Session

from nene.kernel import redis
from nene.kernel.db import after_commit

WAIT = 0.05  # seconds for the one who builds; with a Redis that hangs meanwhile still under the 0.3 of R1
LOOK = 0.01
HOLD = timedelta(seconds=10)  # after which another may build, if who began has died
T = TypeVar("T")
log = structlog.get_logger(__name__)

# Who was dropped while building, or took longer than HOLD, has lost the place, and keeps nothing.
_STORE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
"""


def cached(key: str, life: timedelta, build: Callable[[], T]) -> T:
    """What is kept under the key, or what `build` gives, kept from then on; it must survive JSON unchanged.

    One process at a time builds to keep. The others wait for it a moment, then build for themselves: a slow one holds
    nobody up. Call it with no session open if `build` opens one.
    """
    place, mine = _places(key), token_hex(8)
    try:
        kept, is_mine = _find_or_begin(place, mine)
    except redis.RedisError:
        return build()
    if kept is not None:
        return cast("T", json.loads(kept))
    value = build()
    if is_mine:
        _store(place, mine, value, life)
    return value


def drop(session: Session, *keys: str) -> None:
    """Forget these once the session's step is committed; who is building one of them now does not keep it either."""
    if "cache_dropped" not in session.info:
        dropped = session.info["cache_dropped"] = set()
        after_commit(session, partial(_forget, dropped))
    session.info["cache_dropped"].update(keys)


def _places(key: str) -> tuple[str, str]:
    """Where the value is, and where who builds it says so."""
    return f"cache:{key}", f"cache:{key}:building"


def _find_or_begin(place: tuple[str, str], mine: str) -> tuple[bytes | None, bool]:
    """The value; or none, and whether it is for this caller to build and keep."""
    deadline = monotonic() + WAIT
    while True:
        kept = redis.client().get(place[0])
        if kept is not None:
            return cast("bytes", kept), False
        if redis.client().set(place[1], mine, nx=True, px=HOLD):
            return None, True
        if monotonic() >= deadline:
            return None, False
        sleep(LOOK)


def _store(place: tuple[str, str], mine: str, value: object, life: timedelta) -> None:
    milliseconds = int(life.total_seconds() * 1000)
    try:
        redis.client().eval(_STORE, 2, *place, mine, json.dumps(value), milliseconds)
    except redis.RedisError:
        log.info("cache.not_kept")


def _forget(keys: set[str]) -> None:
    try:
        redis.client().delete(*(name for key in keys for name in _places(key)))
    except redis.RedisError:
        log.warning("cache.not_dropped", keys=sorted(keys))
