"""Redis that is down or hung costs one short wait, not one for each use (R1, C5)."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from nene.kernel import redis
from nene.kernel.breaker import Breaker
from nene.kernel.embedded import Redis
from nene.kernel.lock import crowd_lock
from nene.kernel.settings import Settings


@pytest.fixture
def server(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """A Redis of this test's own; afterwards the process is back on the shared one."""
    monkeypatch.setattr(redis, "PAUSE", 0.3)
    with Redis(tmp_path / "redis", durable=False) as made:
        redis.start(made.url())
        yield made
    redis.start(str(settings.redis_url))


def seconds(uses: int) -> float:
    """How long so many uses take while they all fail."""
    began = monotonic()
    for _ in range(uses):
        with pytest.raises(redis.RedisError):
            redis.client().get("x")
    return monotonic() - began


@pytest.mark.parametrize("way", ["pause", "stop"])
def test_a_server_that_is_away_costs_one_wait(server: Redis, way: str) -> None:
    assert redis.client().get("x") is None
    getattr(server, way)()
    assert seconds(1) < 0.3
    assert redis.is_away()
    assert seconds(50) < 0.1


def test_it_is_used_again_by_itself(server: Redis) -> None:
    server.pause()
    seconds(1)
    server.resume()
    deadline = monotonic() + 5
    while redis.is_away() and monotonic() < deadline:
        try:
            redis.client().ping()
        except redis.RedisError:
            continue
    assert not redis.is_away()


@pytest.mark.parametrize("way", ["pause", "stop"])
def test_without_redis_the_crowd_lock_lets_everybody_through(server: Redis, way: str) -> None:
    getattr(server, way)()
    with crowd_lock("challenge", 1), crowd_lock("challenge", 1):
        began = monotonic()
    with crowd_lock("challenge", 1):
        assert monotonic() - began < 0.3


def test_a_lock_whose_redis_goes_away_meanwhile_harms_nobody(server: Redis) -> None:
    done = []
    with crowd_lock("challenge", 1):
        server.stop()
        done.append("what the lock was for")
    assert done
    assert redis.is_away()


def test_one_caller_in_each_pause_tries_an_open_breaker() -> None:
    now = 0.0
    breaker = Breaker(pause=2.0, read=lambda: now)
    assert breaker.lets_through()
    breaker.failed()
    assert [breaker.lets_through(), breaker.is_open] == [False, True]
    now = 2.0
    assert [breaker.lets_through(), breaker.lets_through()] == [True, False]
    breaker.answered()
    assert [breaker.lets_through(), breaker.is_open] == [True, False]
