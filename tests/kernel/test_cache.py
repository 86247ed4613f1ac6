"""What is kept for a while: built by one at a time, dropped with the commit, and never missed when Redis is away (U12)."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from nene.kernel import cache, redis
from nene.kernel.cache import cached
from nene.kernel.db import in_transaction
from nene.kernel.embedded import Redis
from nene.kernel.settings import Settings
from tests.conftest import Race
from tests.crowd import wait_until

LIFE = timedelta(minutes=5)


@pytest.fixture
def server(tmp_path: Path, settings: Settings, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """A Redis of this test's own; afterwards the process is back on the shared one."""
    monkeypatch.setattr(redis, "PAUSE", 0.3)
    with Redis(tmp_path / "redis", durable=False) as made:
        redis.start(made.url())
        yield made
    redis.start(str(settings.redis_url))


class Truth:
    """Something that changes, and how often it was looked at."""

    def __init__(self) -> None:
        self.value = 1
        self.looks = 0
        self.most_at_once = 0
        self._looking = 0
        self._lock = threading.Lock()

    def look(self, meanwhile: Callable[[], object] = lambda: None) -> int:
        with self._lock:
            self.looks += 1
            self._looking += 1
            self.most_at_once = max(self.most_at_once, self._looking)
        found = self.value
        meanwhile()
        with self._lock:
            self._looking -= 1
        return found


def drop(key: str) -> None:
    in_transaction(lambda session: cache.drop(session, key))


def test_it_is_built_once_and_kept_for_its_life(server: Redis) -> None:
    truth = Truth()
    assert [cached("x", LIFE, truth.look) for _ in range(3)] == [1, 1, 1]
    assert truth.looks == 1
    assert cached("y", timedelta(milliseconds=50), truth.look) == 1
    truth.value = 2
    wait_until(lambda: cached("y", LIFE, truth.look) == 2)
    assert cached("x", LIFE, truth.look) == 1


@pytest.mark.parametrize("value", [None, [], {"ids": [3, 2], "next": None}, "가", 0])
def test_whatever_is_built_comes_back_as_it_was(server: Redis, value: object) -> None:
    builds: list[object] = []

    def build() -> object:
        builds.append(value)
        return value

    assert [cached("x", LIFE, build) for _ in range(2)] == [value, value]
    assert len(builds) == 1


def test_a_crowd_lets_one_build_and_takes_what_it_built(
    server: Redis, race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "WAIT", 30)  # a busy machine is not what is tested here
    truth = Truth()

    def until_everybody_has_looked() -> None:
        wait_until(lambda: redis.client().info("commandstats")["cmdstat_get"]["calls"] >= 20)

    found = race(*[lambda: cached("x", LIFE, lambda: truth.look(until_everybody_has_looked))] * 20)
    assert found == [1] * 20
    assert truth.most_at_once == 1


def test_nobody_waits_long_for_one_who_builds_slowly(server: Redis, race: Race) -> None:
    others_are_done, building = threading.Event(), threading.Event()

    def slowly() -> str:
        building.set()
        assert others_are_done.wait(30)
        return "slow"

    def another() -> tuple[str, float]:
        assert building.wait(30)
        began = monotonic()
        found = cached("x", LIFE, lambda: "own")
        others_are_done.set()
        return found, monotonic() - began

    slow, (own, seconds) = race(lambda: cached("x", LIFE, slowly), another)
    assert [slow, own] == ["slow", "own"]
    assert seconds < 0.3
    assert cached("x", LIFE, lambda: "anew") == "slow"


def test_what_is_dropped_is_built_anew(server: Redis) -> None:
    truth = Truth()
    cached("x", LIFE, truth.look)
    truth.value = 2
    drop("x")
    assert cached("x", LIFE, truth.look) == 2


def test_redis_is_told_once_however_often_a_step_drops(server: Redis) -> None:
    def step(session: Session) -> None:
        for _ in range(100):
            cache.drop(session, "x")
        cache.drop(session, "y")

    for key in ("x", "y"):
        cached(key, LIFE, lambda: 1)
    redis.client().config_resetstat()
    in_transaction(step)
    assert redis.client().info("commandstats")["cmdstat_del"]["calls"] == 1
    assert [cached(key, LIFE, lambda: 2) for key in ("x", "y")] == [2, 2]


def test_a_step_that_is_undone_drops_nothing(server: Redis) -> None:
    def step(session: Session) -> None:
        cache.drop(session, "x")
        raise ZeroDivisionError

    truth = Truth()
    cached("x", LIFE, truth.look)
    with pytest.raises(ZeroDivisionError):
        in_transaction(step)
    assert cached("x", LIFE, truth.look) == 1
    assert truth.looks == 1


def test_what_was_dropped_while_it_was_built_is_not_kept(server: Redis, race: Race) -> None:
    looked, dropped = threading.Event(), threading.Event()
    truth = Truth()

    def meanwhile() -> None:
        looked.set()
        assert dropped.wait(30)

    def change() -> None:
        assert looked.wait(30)
        truth.value = 2
        drop("x")
        dropped.set()

    assert race(lambda: cached("x", LIFE, lambda: truth.look(meanwhile)), change)[0] == 1
    assert cached("x", LIFE, truth.look) == 2


def test_what_another_began_after_the_drop_is_not_overwritten_by_the_old(server: Redis, race: Race) -> None:
    looked, newer = threading.Event(), threading.Event()
    truth = Truth()

    def meanwhile() -> None:
        looked.set()
        assert newer.wait(30)

    def change() -> int:
        assert looked.wait(30)
        truth.value = 2
        drop("x")
        found = cached("x", LIFE, truth.look)
        newer.set()
        return found

    assert race(lambda: cached("x", LIFE, lambda: truth.look(meanwhile)), change) == [1, 2]
    assert cached("x", LIFE, truth.look) == 2


def test_a_build_that_fails_keeps_nothing_and_harms_nobody(server: Redis) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cached("x", LIFE, fail)
    assert cached("x", LIFE, lambda: 1) == 1


@pytest.mark.parametrize("way", ["pause", "stop"])
def test_without_redis_everybody_builds_and_nobody_waits_long(server: Redis, way: str) -> None:
    truth = Truth()
    cached("x", LIFE, truth.look)
    getattr(server, way)()
    truth.value = 2
    began = monotonic()
    assert cached("x", LIFE, truth.look) == 2
    assert monotonic() - began < 0.3
    began = monotonic()
    drop("x")
    assert [cached("x", LIFE, truth.look) for _ in range(20)] == [2] * 20
    assert monotonic() - began < 0.3


@pytest.mark.parametrize("way", ["pause", "stop"])
def test_redis_that_goes_away_while_building_costs_one_wait(server: Redis, way: str) -> None:
    def build() -> float:
        getattr(server, way)()
        return monotonic()

    gone_at = cached("x", LIFE, build)
    assert monotonic() - gone_at < 0.3


def test_redis_that_hangs_while_waiting_for_another_costs_one_wait(server: Redis, race: Race) -> None:
    building, done = threading.Event(), threading.Event()

    def slowly() -> int:
        building.set()
        assert done.wait(30)
        return 1

    def another() -> float:
        assert building.wait(30)
        pause = threading.Timer(cache.WAIT / 2, server.pause)
        pause.start()
        began = monotonic()
        cached("x", LIFE, lambda: 2)
        seconds = monotonic() - began
        pause.join()
        done.set()
        return seconds

    assert race(lambda: cached("x", LIFE, slowly), another)[1] < 0.3
