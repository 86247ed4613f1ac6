"""Real servers for the tests: one PostgreSQL and one Redis for a whole run, and the real application in processes.

Elasticsearch, which takes its time to start, is there for whoever asked for it: `ELASTICSEARCH=embedded`.
The process that pytest was started as starts them, and its xdist workers find them by the environment. Each worker has
a database of its own, cloned from one that was migrated once, and a numbered database of Redis.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import psycopg
import redis
from honcho.environ import parse_procfile
from psycopg import sql

from nene.kernel.embedded import NotStarted, Postgres, Redis, free_port
from nene.kernel.embedded_elasticsearch import Elasticsearch

ROOT = Path(__file__).parent.parent
PROGRAMS = Path(sys.executable).parent
TEMPLATE = "nene_template"
POSTGRES, REDIS, FOLDER = "NENE_TEST_POSTGRES", "NENE_TEST_REDIS", "NENE_TEST_FOLDER"
ELASTICSEARCH = "NENE_TEST_ELASTICSEARCH_URL"
ELASTICSEARCH_IS_NOT_WANTED = "no Elasticsearch is wanted: set ELASTICSEARCH=embedded (Java 17 and Maven are needed)"
NOT_GIVEN = {"NENE_DATABASE_URL": "", "NENE_REDIS_URL": "", "NENE_ELASTICSEARCH_URL": ""}
PATIENCE = 60.0


class SharedServers:
    """PostgreSQL and Redis for every worker of this run, and Elasticsearch from the moment that it is wanted."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nene-test-"))
        self.postgres = Postgres(self.folder / "postgres", durable=False)
        self.redis = Redis(self.folder / "redis", durable=False)
        self.elasticsearch = SharedElasticsearch(self.folder)

    def start(self) -> None:
        self.postgres.start()
        self.redis.start()
        os.environ |= {
            POSTGRES: self.postgres.url("DATABASE"),
            REDIS: self.redis.url(),
            FOLDER: str(self.folder),
        }

    def stop(self) -> None:
        self.elasticsearch.stop()
        self.redis.stop()
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class SharedElasticsearch:
    """One Elasticsearch for every worker, started in the background: its address, or why there is none, is in a file.

    The thread that started it also ends it: to the kernel the end of that thread is the end of the server's parent.
    """

    def __init__(self, folder: Path) -> None:
        self.server = Elasticsearch(folder / "elasticsearch")
        self._answer = folder / "elasticsearch.answer"
        self._thread = threading.Thread(target=self._run)
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to start it; safe to call twice."""
        if not self._thread.ident:
            self._thread.start()

    def stop(self) -> None:
        """End it, or the attempt to start it."""
        self._ended.set()
        if self._thread.ident:
            if self.server.process and not self._answer.exists():
                self.server.process.kill()
            self._thread.join()

    def _run(self) -> None:
        try:
            with self.server:
                self._tell(self.server.url)
                self._ended.wait()
        except NotStarted as reason:
            self._tell(str(reason))

    def _tell(self, text: str) -> None:
        half = self._answer.with_suffix(".half")
        half.write_text(text)
        half.rename(self._answer)


def shared_elasticsearch() -> str:
    """The address of this run's Elasticsearch, as soon as it answers, or the reason why there is none."""
    answer = Path(os.environ[FOLDER]) / "elasticsearch.answer"
    deadline = time.monotonic() + 240
    while not answer.exists():
        assert time.monotonic() < deadline, "Elasticsearch has neither started nor said why not."
        time.sleep(0.1)
    return answer.read_text()


def is_elasticsearch_wanted() -> bool:
    """Whether whoever runs the tests asked for one of our own."""
    return os.environ.get("ELASTICSEARCH") == "embedded"


def database_url(name: str) -> str:
    """Where a database of the shared PostgreSQL is found."""
    return os.environ[POSTGRES].replace("/DATABASE?", f"/{name}?")


def redis_url(number: int) -> str:
    """Where a numbered database of the shared Redis is found."""
    return os.environ[REDIS].removesuffix("/0") + f"/{number}"


def connect(name: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
    """A plain connection to a database of the shared PostgreSQL, as the owner of everything."""
    return psycopg.connect(database_url(name).replace("+psycopg", ""), autocommit=True)


def make_database(name: str) -> str:
    """Clone the migrated template under a name; gives its address."""
    with connect() as server:
        server.execute("select pg_advisory_lock(1)")  # the first worker migrates, the others wait for it
        if not server.execute("select 1 from pg_database where datname = %s", [TEMPLATE]).fetchone():
            server.execute(sql.SQL("create database {}").format(sql.Identifier(f"{TEMPLATE}_half")))
            flask("db", "upgrade", environment={"NENE_DATABASE_URL": database_url(f"{TEMPLATE}_half")})
            _remember_rows(f"{TEMPLATE}_half")
            server.execute(
                sql.SQL("alter database {} rename to {}").format(
                    sql.Identifier(f"{TEMPLATE}_half"), sql.Identifier(TEMPLATE)
                )
            )
        server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        server.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
    return database_url(name)


def clean_database(name: str) -> None:
    """Empty every table that holds anything, but for the rows that the migrations put there. Triggers and keys sleep."""
    with connect(name) as database, database.transaction():
        database.execute("set local session_replication_role = replica")
        filled = _filled_tables(database)
        for table in filled:
            database.execute(sql.SQL("delete from public.{}").format(sql.Identifier(table)))
        for table in _tables(database, "migrated"):
            database.execute(
                sql.SQL("insert into public.{0} overriding system value select * from migrated.{0}").format(
                    sql.Identifier(table)
                )
            )


def clean_redis(url: str) -> None:
    """Forget whatever a numbered database of Redis holds."""
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        client.flushdb()


def flask(*arguments: str, environment: dict[str, str]) -> str:
    """Run a command of the application in a process of its own; gives what it printed, fails with it."""
    done = subprocess.run(
        [PROGRAMS / "flask", *arguments],
        env=_environment(environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"flask {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


class Live:
    """The real application: the commands of the Procfile on a free port, a database and a Redis of its own."""

    factory = "app:create_app"  # what the web serves

    def __init__(self, name: str, **environment: str) -> None:
        self.folder = Path(os.environ[FOLDER]) / name
        self.folder.mkdir()
        self.redis = Redis(self.folder / "redis", durable=False)
        self.redis.start()
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.database = name
        self.environment = {
            "PORT": str(self.port),
            "NENE_PUBLIC_URL": self.url,
            "NENE_DATABASE_URL": make_database(name),
            "NENE_REDIS_URL": self.redis.url(),
            "NENE_RATE_SCALE": "1000",
            **environment,
        }
        self.parts: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *parts: str) -> None:
        """Start `web`, `worker` and `scheduler`, or the named ones, and wait until the web answers."""
        commands = parse_procfile((ROOT / "Procfile").read_text()).processes
        for part in parts or commands:
            with (self.folder / f"{part}.log").open("ab") as log:
                self.parts[part] = subprocess.Popen(
                    commands[part].replace("app:create_app", self.factory),
                    shell=True,  # as honcho does
                    env=_environment(self.environment),
                    cwd=ROOT,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        if "web" in self.parts:
            self._wait_until_it_answers()

    def stop(self, *parts: str, by: signal.Signals = signal.SIGTERM) -> None:
        """End parts in good order, or with SIGKILL all of their processes at once."""
        named = parts or tuple(self.parts)
        for part in named:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.parts[part].pid, by)
        for part in named:
            process = self.parts.pop(part)
            try:
                process.wait(PATIENCE)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def kill(self, *parts: str) -> None:
        """As kill -9 would, with no time to finish anything."""
        self.stop(*parts, by=signal.SIGKILL)

    def flask(self, *arguments: str) -> str:
        """Run a command on the same database and Redis; gives what it printed."""
        return flask(*arguments, environment=self.environment)

    def log(self, part: str) -> str:
        """What a part has written so far."""
        return (self.folder / f"{part}.log").read_text(errors="replace")

    def close(self) -> None:
        """End everything."""
        self.stop()
        self.redis.stop()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{self.url}/healthz"):
                return
            assert self.parts["web"].poll() is None, self.log("web")
            assert time.monotonic() < deadline, self.log("web")
            time.sleep(0.05)


def _environment(own: dict[str, str]) -> dict[str, str]:
    """Ours without any setting of the product, and with those given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NENE_") and name != "PORT"}
    path = f"{PROGRAMS}{os.pathsep}{inherited.get('PATH', '')}"
    return {**inherited, "PATH": path, "PYTHONUNBUFFERED": "1", **NOT_GIVEN, **own}


def _remember_rows(name: str) -> None:
    """Copy what the migrations put into tables, so that cleaning can put it back."""
    with connect(name) as database:
        database.execute("create schema migrated")
        for table in _filled_tables(database):
            database.execute(sql.SQL("create table migrated.{0} as table public.{0}").format(sql.Identifier(table)))


def _filled_tables(database: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    tables = [table for table in _tables(database, "public") if table != "alembic_version"]
    if not tables:
        return []
    probes = (
        sql.SQL("select {} where exists (select from public.{})").format(sql.Literal(table), sql.Identifier(table))
        for table in tables
    )
    return [str(name) for (name,) in database.execute(sql.SQL(" union all ").join(probes))]


def _tables(database: psycopg.Connection[tuple[object, ...]], schema: str) -> list[str]:
    found = database.execute("select tablename from pg_tables where schemaname = %s order by 1", [schema])
    return [str(name) for (name,) in found]
