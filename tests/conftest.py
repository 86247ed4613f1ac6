"""What every test may ask for: the application, a session that is undone, a client, clocks, the real thing, a browser."""

import contextvars
import os
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from elasticsearch import Elasticsearch
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

import standins
from nene.kernel import clock as clocks
from nene.kernel import demo_clock
from nene.kernel.db import db
from nene.kernel.embedded import NotStarted
from nene.kernel.settings import Settings
from tests import browser as browsers
from tests import servers

if TYPE_CHECKING:
    from tests.mailbox import Mailbox
    from tests.standins import OAuth
    from tests.tossed import PracticeToss

pytest_plugins = ["tests.groups", "tests.mailbox", "tests.standins", "tests.tossed"]

FAILURES = servers.ROOT / ".cache/failures"
as_started = {each: each._read for each in (clocks.wall, clocks.business)}  # how the clocks run
shared = pytest.StashKey[servers.SharedServers]()
failed = pytest.StashKey[bool]()


# The run as a whole


def pytest_configure(config: pytest.Config) -> None:
    """Forget the settings of whoever runs the tests; start the servers once, before xdist's workers."""
    if given := os.environ.get("NENE_ELASTICSEARCH_URL"):
        os.environ.setdefault(servers.ELASTICSEARCH, given)
    for name in [name for name in os.environ if name.startswith("NENE_") and not name.startswith("NENE_TEST_")]:
        del os.environ[name]
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        _start_servers(config)
        if servers.is_elasticsearch_wanted() and servers.ELASTICSEARCH not in os.environ:
            config.stash[shared].elasticsearch.start()  # it takes seconds, in which others need not wait


def pytest_unconfigure(config: pytest.Config) -> None:
    if shared in config.stash:
        config.stash[shared].stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.stash[failed] = report.failed
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what could not be run, and why."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.getreports("skipped"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")].append(report.nodeid)
    for reason, tests in sorted(reasons.items()):
        terminalreporter.section(f"not run: {len(tests)}, because {reason}", sep="-")
        for test in sorted(tests):
            terminalreporter.line(test)


def _start_servers(config: pytest.Config) -> None:
    config.stash[shared] = servers.SharedServers()
    try:
        config.stash[shared].start()
    except NotStarted as reason:
        pytest.exit(f"The tests need PostgreSQL and Redis. {reason}", returncode=1)


# The application and its data


@pytest.fixture(scope="session")
def shared_servers(request: pytest.FixtureRequest) -> None:
    """PostgreSQL and Redis of this run: those of the process that started us, or our own."""
    if servers.POSTGRES not in os.environ:
        _start_servers(request.config)


@dataclass(frozen=True)
class ElasticsearchForTests:
    """A real Elasticsearch that others use too: keep to index names that begin with `prefix`."""

    url: str
    prefix: str

    def clean(self) -> None:
        """Remove whatever has our prefix."""
        with closing(Elasticsearch(self.url)) as client:
            for name in client.indices.get(index=f"{self.prefix}*"):
                client.indices.delete(index=name)


@pytest.fixture(scope="session")
def elasticsearch_url(shared_servers: None, request: pytest.FixtureRequest) -> str:
    """The one whose address is given, or our own if it is wanted; else the tests that need one are named at the end."""
    if servers.ELASTICSEARCH in os.environ:
        return os.environ[servers.ELASTICSEARCH]
    _skip_unless_wanted()
    if shared in request.config.stash:
        request.config.stash[shared].elasticsearch.start()
    answer = servers.shared_elasticsearch()
    if not answer.startswith("http"):
        pytest.skip(answer)
    return answer


@pytest.fixture
def elasticsearch(elasticsearch_url: str, worker_id: str) -> ElasticsearchForTests:
    """A real Elasticsearch in which this worker has no index yet. It is not to be stopped: `own_elasticsearch` is."""
    one = ElasticsearchForTests(elasticsearch_url, f"nene-{worker_id}-")
    one.clean()
    return one


@pytest.fixture(scope="session")
def _second_elasticsearch(shared_servers: None, worker_id: str) -> Iterator[servers.Elasticsearch]:
    _skip_unless_wanted()
    server = servers.Elasticsearch(Path(os.environ[servers.FOLDER]) / f"elasticsearch-{worker_id}")
    try:
        server.start()
    except NotStarted as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


@pytest.fixture
def own_elasticsearch(_second_elasticsearch: servers.Elasticsearch) -> Iterator[servers.Elasticsearch]:
    """One that may be stopped and paused, with `start`, `stop`, `pause` and `resume`; empty, and running at the start."""
    server = _second_elasticsearch
    if not server.running:
        server.start()
    ElasticsearchForTests(server.url, "").clean()
    yield server
    server.resume()


def _skip_unless_wanted() -> None:
    if not servers.is_elasticsearch_wanted():
        pytest.skip(servers.ELASTICSEARCH_IS_NOT_WANTED)


@pytest.fixture(scope="session")
def settings(shared_servers: None, worker_id: str) -> Settings:
    """Of this worker: a database cloned from the migrated one, a numbered database of Redis, no rate limits to feel."""
    number = int(re.sub(r"\D", "", worker_id) or 0) % 16
    return Settings(
        _env_file=None,
        database_url=servers.make_database(f"nene_{worker_id}"),
        redis_url=servers.redis_url(number),
        rate_scale=1000,
    )


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    """The application, one for each worker, with its context pushed; a request of `client` has its own."""
    from app import create_app

    application = create_app(settings)
    application.testing = True
    application.test_client_class = Client
    as_started.update({each: each._read for each in as_started})
    with application.app_context():
        yield application
        db.engine.dispose()


class Client(FlaskClient):
    """Answers each request in a context of its own, so that nothing (such as who is signed in) lives on in `g`."""

    def open(self, *args: Any, **values: Any) -> TestResponse:
        return contextvars.Context().run(super().open, *args, **values)


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """For service functions: whatever they do, commits too, is undone at the end of the test."""
    with db.engine.connect() as connection:
        undone = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield session
        undone.rollback()


@pytest.fixture
def committed(app: Flask, settings: Settings) -> Iterator[None]:
    """For tests that commit: afterwards the database is as the migrations left it, and Redis is empty."""
    yield
    db.session.remove()
    servers.clean_database(str(db.engine.url.database))
    servers.clean_redis(str(settings.redis_url))


@pytest.fixture
def client(app: Flask, committed: None) -> FlaskClient:
    """Somebody's browser without JavaScript or HTMX; `app.test_client()` is another one's."""
    return app.test_client()


Race = Callable[..., list[Any]]


@pytest.fixture
def race(app: Flask, committed: None) -> Race:
    """Call functions at the same moment, a thread each; gives their results, or what they raised, in order."""

    def run(*steps: Callable[[], Any]) -> list[Any]:
        gate = threading.Barrier(len(steps))

        def step_through(step: Callable[[], Any]) -> Any:
            with app.app_context():
                gate.wait(30)
                try:
                    return step()
                except Exception as error:  # noqa: BLE001 - handed to the test
                    return error

        with ThreadPoolExecutor(len(steps)) as threads:
            return list(threads.map(step_through, steps))

    return run


class Clocks:
    """The wall clock and the business clock, stood still or moved together."""

    wall, business = clocks.wall, clocks.business

    def stop_at(self, moment: datetime) -> None:
        for each in (self.wall, self.business):
            each.stop_at(moment)

    def move(self, **span: float) -> None:
        """Go on by a span, such as `days=1`."""
        self.stop_at(self.business.now() + timedelta(**span))


@pytest.fixture
def clock() -> Clocks:
    """Both clocks, to be set; afterwards they run as before."""
    return Clocks()


@pytest.fixture(autouse=True)
def _clocks_run_as_before() -> Iterator[None]:
    """Whatever a test does to the clocks of this process ends with it."""
    yield
    for each, read in as_started.items():
        each._read = read
    demo_clock._keep(None)


# The real thing


@pytest.fixture
def make_live(
    shared_servers: None, worker_id: str, request: pytest.FixtureRequest
) -> Iterator[Callable[..., servers.Live]]:
    """Makes applications for this test alone: `make_live("web", "worker", NENE_RATE_SCALE="1")`. No name: all parts."""
    made: list[servers.Live] = []

    def make(*parts: str, **environment: str) -> servers.Live:
        one = servers.Live(f"live_{worker_id}_{abs(hash(request.node.nodeid)) % 10**8}_{len(made)}", **environment)
        made.append(one)
        one.start(*parts)
        return one

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def live(
    shared_servers: None,
    mail_server: "Mailbox",
    oauth_process: "OAuth",
    toss_process: "PracticeToss",
    worker_id: str,
) -> Iterator[servers.Live]:
    """The application of the journeys: web, worker and scheduler, one for each worker of the run. Sign up who you need."""
    outside = {
        "NENE_SMTP_URL": mail_server.smtp_url,
        **standins.oauth_settings(oauth_process.port),
        **standins.toss_settings(toss_process.port),
    }
    one = servers.Live(f"live_{worker_id}", **outside)
    try:
        one.start()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; where there is none the tests that need it are named at the end, with the reason."""
    options = browsers.launch_options()
    if isinstance(options, str):
        pytest.skip(options)
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = browsers.node()
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(**options)
        yield chromium
        chromium.close()


@pytest.fixture
def make_context(
    browser: Browser, live: servers.Live, request: pytest.FixtureRequest
) -> Iterator[Callable[..., BrowserContext]]:
    """Makes people's browsers, phones unless told otherwise: `make_context(viewport=DESKTOP, color_scheme="dark")`.

    Afterwards no page may have raised an error or met the Content-Security-Policy; of a failed test there is a picture.
    """
    made: list[BrowserContext] = []
    faults: list[str] = []

    def make(**options: Any) -> BrowserContext:
        plain = {"base_url": live.url, "viewport": browsers.PHONE, "locale": "ko-KR", "timezone_id": "Asia/Seoul"}
        context = browser.new_context(**{**plain, **options})
        context.set_default_timeout(30_000)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        context.on("console", lambda message: faults.extend(_policy_faults(message)))
        made.append(context)
        return context

    yield make
    if request.node.stash.get(failed, False):
        _take_pictures(made, re.sub(r"\W+", "-", request.node.name))
    for context in made:
        context.close()
    assert not faults


@pytest.fixture
def page(make_context: Callable[..., BrowserContext]) -> Page:
    """A page on a phone, 390 by 844."""
    return make_context().new_page()


@pytest.fixture
def plain_page(make_context: Callable[..., BrowserContext]) -> Page:
    """The same with JavaScript off."""
    return make_context(java_script_enabled=False).new_page()


def _policy_faults(message: ConsoleMessage) -> list[str]:
    return [message.text] if "Content Security Policy" in message.text else []


def _take_pictures(contexts: list[BrowserContext], name: str) -> None:
    FAILURES.mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(page for context in contexts for page in context.pages):
        path: Path = FAILURES / f"{name}-{number}.png"
        page.screenshot(path=path, full_page=True)
        sys.stdout.write(f"A picture of {page.url}: {path}\n")
