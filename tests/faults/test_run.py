"""`make run` as a person meets it: ready, found by other commands, and gone without a trace."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from nene.kernel.embedded import free_port
from nene.kernel.embedded_elasticsearch import VERSION
from tests.servers import ELASTICSEARCH_IS_NOT_WANTED, PROGRAMS, ROOT, is_elasticsearch_wanted

PATIENCE = 100.0
PARTS = ("app.py", "nene", "tasks", "standins", "migrations", "templates", "static", "Procfile")

# With these nobody outside has to be played, and the start is shorter by three processes.
OUTSIDE_IS_GIVEN = {
    "NENE_SMTP_URL": "smtp://localhost:9",
    "NENE_TOSS_SECRET_KEY": "given",
    **{f"NENE_OAUTH_{name}_CLIENT_ID": "given" for name in ("KAKAO", "NAVER", "GOOGLE")},
}


class Run:
    """One `make run`, less the set-up, in a folder that holds links to the product."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.output = folder / "output"
        self.process: subprocess.Popen[bytes] | None = None
        for part in PARTS:
            if (ROOT / part).exists():
                (folder / part).symlink_to(ROOT / part)

    def start(self, **environment: str) -> None:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nene.kernel.run"],
                cwd=self.folder,
                env={**self.environment, "PORT": str(self.port), **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE
        while "Ready: " not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def command(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith(("NENE_", "ELASTICSEARCH"))}

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def processes(self) -> set[int]:
        """Whatever runs in our folder now: the servers, the parts, and those in between."""
        found = set()
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdecimal() and (entry / "cwd").resolve().is_relative_to(self.folder):
                    found.add(int(entry.name))
            except OSError:
                continue  # it has ended meanwhile
        return found

    def pid_of(self, words: str) -> int:
        """The first of our processes whose command holds these words, as soon as there is one."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process and self.process.poll() is None:
            for pid in sorted(self.processes()):
                with contextlib.suppress(OSError):
                    if words in (Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")):
                        return pid
        raise AssertionError(words + self.said)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one run has kept, so that the others need not prepare a database anew."""
    one = Run(tmp_path_factory.mktemp("prepared"))
    one.start()
    assert one.end() == 0
    return one.folder / ".nene"


@pytest.fixture
def run(tmp_path: Path, prepared: Path) -> Iterator[Run]:
    subprocess.run(["cp", "--archive", prepared, tmp_path], check=True)
    one = Run(tmp_path)
    yield one
    if one.process and one.process.poll() is None:
        one.end()


def test_it_starts_on_what_it_kept_and_is_gone_without_a_trace(run: Run) -> None:
    run.start()
    with urllib.request.urlopen(f"http://127.0.0.1:{run.port}/healthz") as answer:
        assert answer.status == 200
    assert all(f"demo{number}@nene.test" in run.said for number in range(1, 6))
    assert run.command(PROGRAMS / "flask", "ledger", "verify").returncode == 0
    second = run.command(sys.executable, "-m", "nene.kernel.run", PORT=str(free_port()))
    assert (second.returncode, "runs already" in second.stderr) == (1, True)
    assert run.end(signal.SIGINT) == 0
    assert run.processes() == set()
    assert not (run.folder / ".nene/servers.env").exists()


@pytest.mark.parametrize("part", ["granian", "dramatiq", "tasks.schedule", "redis-server"])
def test_when_a_part_dies_it_says_so_and_stops(run: Run, part: str) -> None:
    run.start(**OUTSIDE_IS_GIVEN)
    os.kill(run.pid_of(part), signal.SIGKILL)
    assert run.process
    assert run.process.wait(PATIENCE) == 1
    assert "ended by itself" in run.said
    assert run.processes() == set()


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_that_is_none_is_refused(run: Run, port: str) -> None:
    done = run.command(sys.executable, "-m", "nene.kernel.run", PORT=port)
    assert done.returncode == 1
    assert "PORT" in done.stderr


def test_production_does_not_run_on_the_servers_of_the_demo(run: Run) -> None:
    done = run.command(sys.executable, "-m", "nene.kernel.run", PORT=str(run.port), NENE_ENV="production")
    assert done.returncode == 1
    assert "NENE_DATABASE_URL" in done.stderr


def test_elasticsearch_comes_and_goes_with_the_others_when_it_is_wanted(run: Run) -> None:
    if not is_elasticsearch_wanted():
        pytest.skip(ELASTICSEARCH_IS_NOT_WANTED)
    run.start(ELASTICSEARCH="embedded", **OUTSIDE_IS_GIVEN)
    given = dict(line.split("=", 1) for line in (run.folder / ".nene/servers.env").read_text().splitlines())
    address = given["NENE_ELASTICSEARCH_URL"]
    with urllib.request.urlopen(address) as answer:
        assert json.load(answer)["version"]["number"] == VERSION
    assert run.end() == 0
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(address)


def test_elasticsearch_without_its_java_stops_the_start_with_one_clear_line(run: Run) -> None:
    java = run.folder / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"24.0.1\"' >&2\n")
    java.chmod(0o755)
    path = f"{run.folder}{os.pathsep}{os.environ['PATH']}"
    done = run.command(sys.executable, "-m", "nene.kernel.run", PORT=str(run.port), ELASTICSEARCH="embedded", PATH=path)
    assert done.returncode == 1
    assert "Elasticsearch needs Java 17 to 23" in done.stderr
    assert "\n" not in (done.stdout + done.stderr).strip()
    assert run.processes() == set()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ELASTICSEARCH": "yes"}, "expected embedded"),
        (
            {
                "ELASTICSEARCH": "embedded",
                "NENE_ENV": "production",
                "NENE_DATABASE_URL": "postgresql+psycopg://nobody@localhost/none",
                "NENE_REDIS_URL": "redis://localhost/0",
            },
            "NENE_ELASTICSEARCH_URL",
        ),
    ],
)
def test_elasticsearch_that_cannot_be_meant_is_refused(run: Run, environment: dict[str, str], said: str) -> None:
    done = run.command(sys.executable, "-m", "nene.kernel.run", PORT=str(run.port), **environment)
    assert done.returncode == 1
    assert said in done.stderr
