"""The demo's members, challenges and clock (O1, O6)."""

import re
from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from nene.challenge.models import Challenge, Settlement
from nene.challenge.terms import Status
from nene.home.service.demo import PASSWORD
from nene.kernel import demo_clock, settings
from nene.kernel.clock import business, seoul_date, wall
from nene.kernel.db import in_transaction, reading
from nene.point import service as point
from nene.user import service as user
from nene.user.models import User
from nene.user.terms import Role
from tests import world

POINTS = 200_000


@pytest.fixture(autouse=True)
def _clock_of_today(app: Flask, committed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test lets pass has not happened afterwards."""
    monkeypatch.setattr(demo_clock, "_ahead", timedelta())


@pytest.fixture
def _production(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_current", settings.current().model_copy(update={"env": "production"}))


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["demo", *arguments])


def log_ins(result: Result) -> list[tuple[str, str]]:
    assert result.exit_code == 0, result.output
    return [
        (email, password) for email, password in (line.split() for line in result.stdout.splitlines() if "@" in line)
    ]


def signs_in(app: Flask, email: str, password: str) -> FlaskClient:
    client = app.test_client()
    assert world.post(client, "/login", email=email, password=password).location == "/"
    return client


def count_users() -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(User)) or 0


# Members and challenges


def test_the_seed_is_sown_once(app: Flask) -> None:
    first = log_ins(run(app, "seed"))
    people = count_users()
    assert log_ins(run(app, "seed")) == first
    assert count_users() == people
    assert first == [*((f"demo{number}@nene.test", PASSWORD) for number in range(1, 6)), ("admin@nene.test", PASSWORD)]
    with reading() as session:
        assert set(session.scalars(select(Challenge.status))) == set(Status)
        for email, _password in first:
            member = user.find_by_email(session, email)
            assert member is not None
            assert member.role is (Role.ADMIN if email.startswith("admin") else Role.USER)
            assert point.balance_of(session, member.id) == POINTS
        assert not world.faults(session)
    page = signs_in(app, *first[0]).get("/").text
    assert "200,000P" in page


def test_the_seed_settles_to_the_point(app: Flask) -> None:
    log_ins(run(app, "seed"))
    with reading() as session:
        settled = session.scalars(select(Settlement)).one()
        assert (settled.pot, settled.achievers, settled.share, settled.remainder) == (50_005, 3, 16_668, 1)


def test_more_members_come_with_points(app: Flask) -> None:
    made = log_ins(run(app, "users", "3"))
    assert len(set(made)) == 3
    for email, password in made:
        assert "200,000P" in signs_in(app, email, password).get("/me").text
    assert len({*made, *log_ins(run(app, "users", "2"))}) == 5
    with reading() as session:
        assert not world.faults(session)


@pytest.mark.parametrize("count", ["0", "-1", "10001", "viele"])
def test_members_come_in_sensible_numbers(app: Flask, count: str) -> None:
    assert run(app, "users", "--", count).exit_code == 2
    assert count_users() == 0


@pytest.mark.usefixtures("_production")
@pytest.mark.parametrize("arguments", [("seed",), ("users", "1")])
def test_production_has_no_demo(app: Flask, arguments: tuple[str, ...]) -> None:
    result = run(app, *arguments)
    assert result.exit_code == 1
    assert "not for production" in result.output
    assert count_users() == 0


# The clock


def let_pass(client: FlaskClient, days: str | None, *, htmx: bool = False) -> TestResponse:
    return world.post(client, "/dev/clock", htmx=htmx, **({} if days is None else {"days": days}))


def shown_day(client: FlaskClient) -> date:
    """The day in the demo bar."""
    found = re.search(r'<aside class="demo".*?<time datetime="([\d-]+)"', client.get("/terms").text, re.DOTALL)
    assert found
    return date.fromisoformat(found[1])


@pytest.mark.parametrize(("days", "passed"), [(None, 1), ("1", 1), ("2", 2), ("30", 30)])
def test_days_pass(client: FlaskClient, days: str | None, passed: int) -> None:
    today = seoul_date(wall.now())
    assert let_pass(client, days).status_code == 303
    assert shown_day(client) == today + timedelta(days=passed)


@pytest.mark.parametrize("days", ["0", "31", "-1", "x", "1.5"])
def test_only_so_many_days_pass_at_once(client: FlaskClient, days: str) -> None:
    today = shown_day(client)
    assert let_pass(client, days).status_code == 422
    assert shown_day(client) == today


def test_the_clock_leads_back_to_the_page(client: FlaskClient) -> None:
    assert let_pass(client, "1").location == "/"
    token = world.token(client)
    back = client.post("/dev/clock", data={"csrf_token": token}, headers={"Referer": "http://localhost/challenges?q=a"})
    assert urlsplit(back.location).path == "/challenges"
    away = client.post("/dev/clock", data={"csrf_token": token}, headers={"Referer": "https://elsewhere.test/"})
    assert away.location == "/"
    assert let_pass(client, "1", htmx=True).headers["HX-Redirect"] == "/"


def test_a_page_of_another_site_moves_no_clock(client: FlaskClient) -> None:
    assert client.post("/dev/clock", data={"days": "1"}).status_code == 400


@pytest.mark.usefixtures("_production")
def test_production_has_no_such_clock(client: FlaskClient) -> None:
    assert let_pass(client, "1").status_code == 404


def soon(session: Session) -> tuple[int, int, int]:
    """A challenge of three days from tomorrow with two people, who is in it, and one that stays alone."""
    today = business.today()
    dates = {"start_date": today + timedelta(days=1), "due_date": today + timedelta(days=3)}
    host = world.member(session, 5_000)
    full = world.opened(session, host, now=business.now(), **dates)
    world.joined(session, full, world.member(session, 5_000), now=business.now())
    return full, host, world.opened(session, host, now=business.now(), **dates)


def statuses(*ids: int) -> list[Status]:
    with reading() as session:
        return [session.get_one(Challenge, one).status for one in ids]


def test_what_is_due_has_happened_before_the_answer(client: FlaskClient) -> None:
    full, host, lonely = in_transaction(soon)
    let_pass(client, "1")
    assert statuses(full, lonely) == [Status.ONGOING, Status.CANCELED]
    with reading() as session:
        assert point.balance_of(session, host) == 4_000
    let_pass(client, "2")
    assert statuses(full) == [Status.ONGOING]
    let_pass(client, "1")
    assert statuses(full) == [Status.FINISHED]
    with reading() as session:
        assert point.balance_of(session, host) == 5_000
        assert not world.faults(session)


def test_a_month_at_once_leaves_nothing_out(client: FlaskClient) -> None:
    full, host, lonely = in_transaction(soon)
    let_pass(client, "30")
    assert statuses(full, lonely) == [Status.FINISHED, Status.CANCELED]
    with reading() as session:
        settled = session.get_one(Settlement, full)
        assert seoul_date(settled.settled_at) == seoul_date(wall.now()) + timedelta(days=4)
        assert point.balance_of(session, host) == 5_000
        assert not world.faults(session)
