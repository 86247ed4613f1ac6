"""Redis with a breaker inside its connections, so that every client of it gives up early (R1).

Down or hung, Redis costs one time-out; afterwards each use fails at once, until a try, one in each pause, is answered.
"""

from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisSlow
from redis.retry import Retry

from nene.kernel.breaker import Breaker

__all__ = ["RedisAway", "RedisError", "client", "is_away", "start"]

TIMEOUT = 0.2  # seconds to connect, and to answer; R1 allows 0.3 in all
PATIENT = 2.0  # seconds, where nobody waits for us
PAUSE = 2.0
_breaker = Breaker(pause=PAUSE)
_client: redis.Redis | None = None


class _Watched(redis.connection.AbstractConnection):
    """Tells the breaker how each exchange went."""

    def connect(self) -> None:
        self._watch(super().connect)

    def send_packed_command(self, *args: Any, **values: Any) -> None:
        self._watch(super().send_packed_command, *args, **values)

    def read_response(self, *args: Any, **values: Any) -> Any:
        answer = self._watch(super().read_response, *args, **values)
        _breaker.answered()
        return answer

    def _watch(self, call: Any, *args: Any, **values: Any) -> Any:
        try:
            return call(*args, **values)
        except (RedisAway, RedisSlow):
            _breaker.failed()
            raise


class _Pool(redis.ConnectionPool):
    """Asks the breaker before it hands out a connection."""

    def get_connection(self, *args: Any, **values: Any) -> Any:
        if not _breaker.lets_through():
            message = "Redis did not answer a moment ago"
            raise RedisAway(message)
        return super().get_connection(*args, **values)


def start(url: str, timeout: float = TIMEOUT) -> redis.Redis:
    """Make this process's one client; nobody waits for a worker's, so it may be given more seconds. It connects late."""
    global _client  # noqa: PLW0603 - one client a process, like the engine
    kind = redis.connection.UnixDomainSocketConnection if url.startswith("unix:") else redis.connection.Connection
    pool = _Pool.from_url(
        url,
        connection_class=type("Watched", (_Watched, kind), {}),
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        max_connections=64,
    )
    _breaker.answered()
    _client = redis.Redis(connection_pool=pool)
    return _client


def client() -> redis.Redis:
    """The client that `start` made; its calls raise RedisError at once while Redis is away."""
    return cast("redis.Redis", _client)


def is_away() -> bool:
    """Whether Redis failed when it was last asked."""
    return _breaker.is_open
