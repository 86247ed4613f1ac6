"""Everything in the foreground, for `make run`: databases, migrations, demo data, then the parts of the Procfile."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

import standins
from nene.kernel.embedded import NotStarted, Postgres, Redis, Server, Standin
from nene.kernel.embedded_elasticsearch import Elasticsearch, is_fetched, java_program

HOME = Path(".nene")
ADDRESSES = HOME / "servers.env"
PROGRAMS = Path(sys.executable).parent
PASSWORD = "nene-demo-1!"  # noqa: S105 - printed for everybody: the demo's own
MEMBERS = [*(f"demo{number}@nene.test" for number in range(1, 6)), "admin@nene.test"]
LAST_PORT = 65535
PATIENCE = 10.0  # seconds that the parts have to finish what they are doing


class Stopped(Exception):
    """Somebody pressed Ctrl-C, or sent us a signal to end."""


class Failed(Exception):
    """A step or a part did not do what it should; the text says which."""


def main() -> int:
    """Run until told to stop (0), or until a part ends by itself (1)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    port = os.environ.get("PORT") or "8000"
    _adopt_orphans()
    try:
        _everything(port)
    except Stopped:
        return 0
    except (Failed, NotStarted) as failure:
        print(failure, file=sys.stderr)
        return 1


def _everything(port: str) -> NoReturn:
    with contextlib.ExitStack() as stack:
        stack.enter_context(_alone())
        environment, servers = stack.enter_context(_servers(port))
        _prepare(environment)
        _serve(environment, servers, port)


def _stop(_number: int, _frame: FrameType | None) -> None:
    for further in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(further, signal.SIG_IGN)  # ending is under way; impatience must not leave a server behind
    raise Stopped


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Nobody else runs in this folder; the lock is let go by the kernel, however we end."""
    HOME.mkdir(exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"It runs already in {Path.cwd()}: stop that one first."
            raise Failed(message) from None
        yield


@contextlib.contextmanager
def _servers(port: str) -> Iterator[tuple[dict[str, str], list[Server]]]:
    """Start what the environment does not give, and leave all addresses for other commands."""
    _refuse_taken(port)
    given = {name: value for name, value in os.environ.items() if value}
    addresses = {name: given.get(name, "") for name in ("NENE_PUBLIC_URL", "NENE_DATABASE_URL", "NENE_REDIS_URL")}
    addresses["NENE_PUBLIC_URL"] = addresses["NENE_PUBLIC_URL"] or f"http://localhost:{port}"
    if given.get("NENE_ENV") == "production" and not all(addresses.values()):
        message = (
            "NENE_ENV=production needs NENE_DATABASE_URL and NENE_REDIS_URL: the embedded servers are for the demo."
        )
        raise Failed(message)
    with contextlib.ExitStack() as stack:
        servers: list[Server] = []
        if not addresses["NENE_DATABASE_URL"]:
            postgres = stack.enter_context(Postgres(HOME / "postgres"))
            addresses["NENE_DATABASE_URL"] = postgres.url()
            servers.append(postgres)
        if not addresses["NENE_REDIS_URL"]:
            redis = stack.enter_context(Redis(HOME / "redis"))
            addresses["NENE_REDIS_URL"] = redis.url()
            servers.append(redis)
        if _wants_elasticsearch(given):
            elasticsearch = stack.enter_context(Elasticsearch(HOME / "elasticsearch"))
            addresses["NENE_ELASTICSEARCH_URL"] = elasticsearch.url
            servers.append(elasticsearch)
        for standin, played in _standins(given, port):
            servers.append(stack.enter_context(standin))
            addresses |= played
        stack.callback(ADDRESSES.unlink, missing_ok=True)
        ADDRESSES.touch(mode=0o600)
        ADDRESSES.write_text("".join(f"{name}={value}\n" for name, value in addresses.items()))
        yield {**given, **addresses}, servers


def _wants_elasticsearch(given: dict[str, str]) -> bool:
    """Only on request, as it needs Java and Maven; without it search runs on PostgreSQL."""
    wanted = given.get("ELASTICSEARCH")
    if wanted not in {None, "embedded"}:
        message = f"ELASTICSEARCH: {wanted!r} is unknown; expected embedded, or nothing."
        raise Failed(message)
    if not wanted or "NENE_ELASTICSEARCH_URL" in given:
        return False
    if given.get("NENE_ENV") == "production":
        message = "ELASTICSEARCH=embedded is for the demo: NENE_ENV=production needs NENE_ELASTICSEARCH_URL instead."
        raise Failed(message)
    java_program()
    if not is_fetched():
        print("Fetching Elasticsearch, once: 0.9 GB.", flush=True)
    return True


def _standins(given: dict[str, str], port: str) -> Iterator[tuple[Standin, dict[str, str]]]:
    """What plays the outside world, but for what is given, with the settings that lead there; nothing in production."""
    if given.get("NENE_ENV") == "production":
        return
    oauth = Standin(HOME / "oauth", "--port")
    known = [name for name in standins.OAUTH_PATHS if f"NENE_OAUTH_{name.upper()}_CLIENT_ID" not in given]
    if known:
        yield oauth, standins.oauth_settings(oauth.ports[0], known)
    if "NENE_SMTP_URL" not in given:
        mail = Standin(HOME / "mail", "--port", "--page-port")
        yield mail, standins.mail_settings(mail.ports[0], mail.ports[1])
    if "NENE_TOSS_SECRET_KEY" not in given:
        toss = Standin(HOME / "toss", "--port", state=True, webhook_url=f"http://127.0.0.1:{port}/webhooks/toss")
        yield toss, standins.toss_settings(toss.ports[0])


def _refuse_taken(port: str) -> None:
    if not (port.isdecimal() and 0 < int(port) <= LAST_PORT):
        message = f"PORT: {port!r} is not a port; expected a number from 1 to {LAST_PORT}."
        raise Failed(message)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(port)))
        except OSError as error:
            message = f"Port {port} cannot be used ({error.strerror}): choose another, such as `PORT=8001 make run`."
            raise Failed(message) from None


def _prepare(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "nene.kernel.prepare"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"The database could not be prepared:\n{done.stdout}{done.stderr}"
        raise Failed(message)


def _serve(environment: dict[str, str], servers: list[Server], port: str) -> NoReturn:
    """Run the parts and watch them; raises Failed as soon as one is gone."""
    guard = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    command = [*guard, str(PROGRAMS / "honcho"), "start", "--env", os.devnull, "--port", port]
    path = f"{PROGRAMS}{os.pathsep}{environment.get('PATH', '')}"
    parts = subprocess.Popen(
        command, env={**environment, "PATH": path, "PYTHONUNBUFFERED": "1"}, start_new_session=True
    )
    try:
        ready = False
        while parts.poll() is None:
            for server in servers:
                if not server.running:
                    message = f"{server.name} ended by itself; its last words are in {server.log}."
                    raise Failed(message)
            if _orphans(parts, servers):
                message = "A part ended by itself and left processes behind, so all of it stops."
                raise Failed(message)
            if not ready and _answers(port):
                ready = True
                _announce(port, environment)
            time.sleep(0.5 if ready else 0.05)
        message = f"A part ended by itself (status {parts.returncode}, see above), so all of it stops."
        raise Failed(message)
    finally:
        _end(parts, servers)


def _answers(port: str) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).close()
    except (urllib.error.URLError, OSError):
        return False
    return True


def _announce(port: str, environment: dict[str, str]) -> None:
    print(f"\nReady: http://localhost:{port}", *MEMBERS, f"password of all: {PASSWORD}", sep="\n  ", flush=True)
    if "NENE_MAILBOX_URL" in environment:
        print(f"Mail that was sent: {environment['NENE_MAILBOX_URL']}", flush=True)


def _end(parts: subprocess.Popen[bytes], servers: list[Server]) -> None:
    """End the parts in good order, then, by force, whatever is left of them."""
    parts.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        parts.wait(PATIENCE)
    parts.kill()
    parts.wait()
    while left := _orphans(parts, servers):
        for pid in left:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _adopt_orphans() -> None:
    """A process whose parent has ended becomes our child, and so can be found (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _orphans(parts: subprocess.Popen[bytes], servers: list[Server]) -> set[int]:
    """Our children that we did not start: somebody in between has ended and left them to us."""
    listing = Path(f"/proc/self/task/{os.getpid()}/children")
    children = {int(pid) for pid in listing.read_text().split()} if listing.exists() else set()
    return children - {parts.pid} - {server.process.pid for server in servers if server.process}


if __name__ == "__main__":
    sys.exit(main())
