"""Elasticsearch on request: fetched once and whole, ours alone, and gone with whoever started it."""

import contextlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from elastic_transport import ConnectionTimeout
from elasticsearch import Elasticsearch as Client

from nene.kernel.embedded import NOBODY, NotStarted
from nene.kernel.embedded_elasticsearch import VERSION, Elasticsearch, fetch, is_fetched, java_program
from tests.crowd import wait_until

START_AND_DIE = """
import os, sys
from pathlib import Path
from nene.kernel.embedded_elasticsearch import Elasticsearch
one = Elasticsearch(Path(sys.argv[1]) / "elasticsearch")
one.start()
print(one.process.pid, one.server, flush=True)
os.kill(os.getpid(), 9)
"""
UNPACK = "d=${word#*=}/sonarqube-1/elasticsearch; mkdir -p $d; touch $d/fetched"


def test_elasticsearch_keeps_its_data_over_a_restart_on_the_same_address(
    own_elasticsearch: Elasticsearch,
) -> None:
    client = Client(own_elasticsearch.url, request_timeout=30)
    with contextlib.closing(client):
        client.indices.create(index="kept")
        client.index(index="kept", id="1", document={"n": 7})
        own_elasticsearch.stop()
        assert not own_elasticsearch.running
        own_elasticsearch.stop()
        own_elasticsearch.start()
        assert client.get(index="kept", id="1")["_source"] == {"n": 7}


def test_a_paused_elasticsearch_hangs_until_it_goes_on(own_elasticsearch: Elasticsearch) -> None:
    client = Client(own_elasticsearch.url, request_timeout=1, max_retries=0)
    with contextlib.closing(client):
        own_elasticsearch.pause()
        with pytest.raises(ConnectionTimeout):
            client.info()
        own_elasticsearch.resume()
        assert client.options(request_timeout=30).info()["version"]["number"] == VERSION


def test_elasticsearch_is_nobody_and_hears_nobody_else(own_elasticsearch: Elasticsearch) -> None:
    assert own_elasticsearch.server
    owner = Path(f"/proc/{own_elasticsearch.server}").stat().st_uid
    assert owner == (NOBODY if os.geteuid() == 0 else os.geteuid())
    with contextlib.closing(Client(own_elasticsearch.url)) as client:
        nodes = client.nodes.info(filter_path="nodes.*.*.bound_address")["nodes"].values()
    bound = [address for node in nodes for part in node.values() for address in part["bound_address"]]
    assert bound
    assert all(address.startswith("127.0.0.1:") for address in bound)


def test_elasticsearch_does_not_outlive_a_starter_that_is_killed(
    own_elasticsearch: Elasticsearch, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START_AND_DIE, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    for pid in map(int, done.stdout.split()):
        wait_until(lambda pid=pid: not _is_running(pid))


def test_two_at_once_fetch_once_and_what_was_left_half_is_not_taken(tmp_path: Path, programs: Path) -> None:
    calls, cache = tmp_path / "calls", tmp_path / "cache"
    _program(
        programs / "mvn", f"echo >> {calls}; for word; do case $word in -DoutputDirectory=*) {UNPACK};; esac; done"
    )
    half = cache / f"elasticsearch-{VERSION}.half/unpacked/sonarqube-1/elasticsearch"
    half.mkdir(parents=True)
    with ThreadPoolExecutor(2) as both:
        homes = list(both.map(lambda _: fetch(cache), range(2)))
    assert homes == [cache / f"elasticsearch-{VERSION}"] * 2
    assert (homes[0] / "fetched").exists()
    assert (homes[0] / "plugins").is_dir()
    assert calls.read_text().count("\n") == 1
    assert sorted(path.name for path in cache.iterdir()) == [f"elasticsearch-{VERSION}", "elasticsearch.lock"]


def test_a_fetch_that_fails_says_why_and_leaves_nothing_to_take(tmp_path: Path, programs: Path) -> None:
    _program(programs / "mvn", "echo no way to the registry; exit 1")
    with pytest.raises(NotStarted, match="no way to the registry"):
        fetch(tmp_path / "cache")
    assert not is_fetched(tmp_path / "cache")


@pytest.mark.parametrize("version", ["11", "16", "24"])
def test_a_java_that_cannot_run_it_is_named(programs: Path, version: str) -> None:
    _program(programs / "java", f"echo 'openjdk version \"{version}.0.1\"' >&2")
    with pytest.raises(NotStarted, match=f"needs Java 17 to 23, and .* is {version}:"):
        java_program()


def test_without_java_or_maven_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotStarted, match="there is no java here"):
        java_program()
    with pytest.raises(NotStarted, match="there is no mvn here"):
        fetch(tmp_path / "cache")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose programs are found before all others."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def _is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
