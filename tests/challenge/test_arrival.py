"""What counts is when a request arrived, however long it then waited (C10); and who need not wait at all (C5)."""

from datetime import date, timedelta
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import select

from nene.challenge import service
from nene.challenge.models import Verification
from nene.challenge.terms import Status
from nene.kernel import auth, lock
from nene.kernel.clock import seoul_date, seoul_midnight
from nene.kernel.db import in_transaction, reading
from nene.kernel.lock import crowd_lock
from tests import world
from tests.challenge.stage import DUE, FEE, POINTS, Cast, reach
from tests.conftest import Clocks, Race
from tests.held import hold, let_go
from tests.world import NOW, START, noon

pytestmark = pytest.mark.usefixtures("committed")


@pytest.mark.parametrize(
    ("status", "day"),
    [(Status.ONGOING, DUE - timedelta(days=1)), (Status.ONGOING, DUE), (Status.WAITING, START)],
    ids=["last day but one", "last day", "first day without the job"],
)
def test_a_verification_that_had_to_wait_counts_for_the_day_on_which_it_arrived(
    app: Flask, clock: Clocks, race: Race, status: Status, day: date
) -> None:
    cast = reach(status, clock)
    midnight = seoul_midnight(day + timedelta(days=1))
    clock.stop_at(midnight - timedelta(seconds=1))
    browser = world.signed_in(app, cast.guest)
    held = hold("challenge", id=cast.id)
    answer, _released = race(
        partial(world.post, browser, f"/challenges/{cast.id}/verifications", content="겨우 했어요"),
        partial(let_go, held, once_wait=1, then=partial(clock.stop_at, midnight + timedelta(seconds=1))),
    )
    assert answer.status_code == 303
    with reading() as session:
        [row] = session.scalars(select(Verification))
    assert (row.day, seoul_date(row.created_at)) == (day, day)
    assert seoul_date(clock.business.now()) == day + timedelta(days=1)


def test_a_request_that_had_to_wait_for_its_sign_in_counts_for_that_day_too(
    app: Flask, clock: Clocks, race: Race
) -> None:
    """Before the route is reached already: the access token is gone, and the session's row is held."""
    cast = reach(Status.ONGOING, clock)
    midnight = seoul_midnight(START + timedelta(days=1))
    clock.stop_at(midnight - timedelta(seconds=1))
    browser = world.signed_in(app, cast.guest)
    token = world.token(browser)
    browser.delete_cookie(auth.ACCESS)
    path, data = f"/challenges/{cast.id}/verifications", {"csrf_token": token, "content": "겨우 했어요"}
    held = hold("user_session", user_id=cast.guest)
    answer, _released = race(
        partial(browser.post, path, data=data),
        partial(let_go, held, once_wait=1, then=partial(clock.stop_at, midnight + timedelta(seconds=1))),
    )
    assert answer.status_code == 303
    with reading() as session:
        assert session.scalars(select(Verification.day)).all() == [START]


@pytest.fixture
def full(app: Flask, clock: Clocks) -> Cast:
    """A challenge without a free seat."""
    clock.stop_at(NOW)
    host, guest, stranger = (in_transaction(world.member, POINTS) for _ in range(3))
    challenge_id = in_transaction(world.opened, host, fee=FEE, max_participants=2)
    in_transaction(world.joined, challenge_id, guest)
    return Cast(challenge_id, host, guest, stranger)


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever queues gives up soon, and is told of the crowd instead of their own reason."""
    monkeypatch.setattr(lock, "WAIT", 0.2)


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("stranger", "자리가 다 찼어요."),
        ("guest", "이미 참가 중이에요."),
        ("host", "이미 참가 중이에요."),
    ],
)
def test_who_has_no_chance_is_told_why_without_queueing(
    app: Flask, full: Cast, short_wait: None, who: str, reason: str
) -> None:
    browser = world.signed_in(app, getattr(full, who))
    with crowd_lock("challenge", full.id):
        answer = world.post(browser, f"/challenges/{full.id}/join", version="1")
    assert answer.status_code == 409
    assert reason in answer.text
    assert "몰리고 있어요" not in answer.text


def test_who_has_quit_is_told_so_without_queueing(app: Flask, clock: Clocks, short_wait: None) -> None:
    cast = reach(Status.ONGOING, clock)
    in_transaction(service.quit_challenge, challenge_id=cast.id, user_id=cast.guest, now=noon(START))
    browser = world.signed_in(app, cast.guest)
    with crowd_lock("challenge", cast.id):
        answer = world.post(browser, f"/challenges/{cast.id}/join", version="1")
    assert answer.status_code == 409
    assert "그만둔 챌린지에는 다시 참가할 수 없어요." in answer.text


def test_who_has_a_chance_queues_and_others_are_not_in_the_way(app: Flask, clock: Clocks, short_wait: None) -> None:
    """The lock is of one challenge; with it held nothing is done, and the button works again afterwards."""
    cast = reach(Status.WAITING, clock)
    browser = world.signed_in(app, cast.stranger)
    with crowd_lock("challenge", cast.id):
        crowded = world.post(browser, f"/challenges/{cast.id}/join", version="1")
    assert crowded.status_code == 409
    assert "몰리고 있어요" in crowded.text
    with crowd_lock("challenge", cast.id + 1):
        assert world.post(browser, f"/challenges/{cast.id}/join", version="1").status_code == 303
