"""PostgreSQL and Redis from wheels: they keep what they hold, and never outlive whoever started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from nene.kernel.embedded import NotStarted, Postgres, Redis

START_AND_DIE = """
import os, sys
from pathlib import Path
from nene.kernel.embedded import Postgres, Redis
servers = [Postgres(Path(sys.argv[1]) / "postgres"), Redis(Path(sys.argv[1]) / "redis")]
for server in servers:
    server.start()
print(*(server.process.pid for server in servers), flush=True)
os.kill(os.getpid(), 9)
"""


def test_postgres_keeps_its_data_over_a_restart(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres")
    with server, server.connect("nene") as database:
        database.execute("create table kept (n int)")
        database.execute("insert into kept values (7)")
    with server, server.connect("nene") as database:
        assert database.execute("select n from kept").fetchone() == (7,)


def test_redis_keeps_its_data_over_a_restart(tmp_path: Path) -> None:
    server = Redis(tmp_path / "redis")
    with server, redis.Redis.from_url(server.url()) as client:
        client.set("kept", "7")
    with server, redis.Redis.from_url(server.url()) as client:
        assert client.get("kept") == b"7"


def test_two_of_each_run_side_by_side(tmp_path: Path) -> None:
    with (
        Postgres(tmp_path / "a/postgres", durable=False) as one,
        Postgres(tmp_path / "b/postgres", durable=False) as other,
        Redis(tmp_path / "a/redis") as first,
        Redis(tmp_path / "b/redis") as second,
    ):
        assert one.url() != other.url()
        assert first.url() != second.url()


def test_a_deep_folder_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    with Postgres(deep / "postgres", durable=False) as server, server.connect("nene") as database:
        assert database.execute("select 1").fetchone() == (1,)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = Redis(tmp_path / "redis")
    with Redis(tmp_path / "other") as other:
        server.port = other.port
        with pytest.raises(NotStarted, match="in use"):
            server.start()


def test_a_paused_redis_stops_all_the_same(tmp_path: Path) -> None:
    server = Redis(tmp_path / "redis", durable=False)
    server.start()
    server.pause()
    server.stop()
    assert not server.running


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_no_server_outlives_a_starter_that_is_killed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START_AND_DIE, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    for pid in map(int, done.stdout.split()):
        deadline = time.monotonic() + 10
        while _is_running(pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_root_lends_postgres_its_keys_but_not_its_name(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has to become somebody else for PostgreSQL")
    closed = tmp_path / "closed"  # as /root is, with the product inside
    closed.mkdir(mode=0o700)
    server = Postgres(closed / "postgres", durable=False)
    package = server._programs.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):
        subprocess.run(["cp", "--archive", part, closed], check=True)
    server._programs = closed / server._programs.relative_to(package.parent)
    with server:
        assert server.process
        assert Path(f"/proc/{server.process.pid}").stat().st_uid != 0
    assert closed.stat().st_mode & 0o777 == 0o700
