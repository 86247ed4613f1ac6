"""When the job is late, whoever acts first does what is due, and is answered as if the job had run (C9)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from nene.challenge.models import Challenge
from nene.challenge.terms import Status
from nene.kernel.clock import seoul_date, seoul_midnight
from nene.kernel.db import in_transaction, reading
from nene.point import service as point
from tests import world
from tests.challenge.stage import DUE, FEE, POINTS, Cast, reach
from tests.conftest import Clocks
from tests.world import START, night_after, noon

pytestmark = pytest.mark.usefixtures("committed")
LATER = {
    "name": "저녁 달리기",
    "category": "HEALTH",
    "description": "저녁마다 달려요.",
    "start_date": (DUE + timedelta(days=10)).isoformat(),
    "due_date": (DUE + timedelta(days=20)).isoformat(),
    "min_participants": "2",
    "max_participants": "10",
}
PRESSES: dict[str, tuple[str, dict[str, Any]]] = {  # who presses, and what is sent
    "join": ("stranger", {"version": "1"}),
    "quit": ("guest", {}),
    "ready": ("host", {}),
    "cancel": ("host", {}),
    "verifications": ("guest", {"content": "걸었어요"}),
    "edit": ("host", LATER),
}
PASSED = {**LATER, "start_date": START.isoformat(), "due_date": DUE.isoformat()}
STAKED = [POINTS - FEE, POINTS - FEE, POINTS]
BACK = [POINTS] * 3


def press(app: Flask, cast: Cast, verb: str, changed: dict[str, str] | None = None) -> int:
    who, fields = PRESSES[verb]
    browser = world.signed_in(app, getattr(cast, who))
    return world.post(browser, f"/challenges/{cast.id}/{verb}", **(changed or fields)).status_code


def standing(cast: Cast) -> tuple[Status, int, int, list[int]]:
    """Status, people and pot of the challenge, and the points of host, guest and stranger."""
    with reading() as session:
        assert not world.faults(session)
        challenge = session.get_one(Challenge, cast.id)
        points = [point.balance_of(session, user_id) for user_id in (cast.host, cast.guest, cast.stranger)]
        return challenge.status, challenge.participant_count, challenge.pot, points


def ask_for_three(session: Session) -> None:
    session.execute(text("UPDATE challenge SET min_participants = 3"))


def days_verified() -> list[object]:
    with reading() as session:
        return list(session.scalars(text("SELECT day FROM verification ORDER BY id")))


@pytest.mark.parametrize("moment", [seoul_midnight(START), noon(START + timedelta(days=1))], ids=["midnight", "day 2"])
@pytest.mark.parametrize("closed", [Status.WAITING, Status.READY])
@pytest.mark.parametrize("verb", PRESSES)
def test_with_enough_people_it_has_started(
    app: Flask, clock: Clocks, verb: str, closed: Status, moment: datetime
) -> None:
    """Who quits leaves the stake in the pot, who verifies gets the stamp; everything else is too late."""
    cast = reach(closed, clock)
    clock.stop_at(moment)
    assert press(app, cast, verb) == (303 if verb in {"quit", "verifications"} else 409)
    assert standing(cast) == (Status.ONGOING, 1 if verb == "quit" else 2, 2 * FEE, STAKED)
    assert days_verified() == ([seoul_date(moment)] if verb == "verifications" else [])


@pytest.mark.parametrize("verb", PRESSES)
def test_with_too_few_people_it_is_cancelled_and_every_stake_is_back(app: Flask, clock: Clocks, verb: str) -> None:
    cast = reach(Status.WAITING, clock)
    in_transaction(ask_for_three)
    clock.stop_at(seoul_midnight(START))
    assert press(app, cast, verb) == 409
    assert standing(cast) == (Status.CANCELED, 2, 2 * FEE, BACK)
    assert days_verified() == []


@pytest.mark.parametrize("before", [Status.WAITING, Status.ONGOING])
@pytest.mark.parametrize("verb", PRESSES)
def test_after_the_end_it_is_settled(app: Flask, clock: Clocks, verb: str, before: Status) -> None:
    """A job that has been away for the whole time is made up for as well."""
    cast = reach(before, clock)
    clock.stop_at(night_after(DUE))
    assert press(app, cast, verb) == 409
    assert standing(cast) == (Status.FINISHED, 2, 2 * FEE, BACK)
    assert days_verified() == []


@pytest.mark.parametrize("verb", PRESSES)
def test_until_ten_past_midnight_nothing_is_settled_and_nothing_can_be_done(
    app: Flask, clock: Clocks, verb: str
) -> None:
    cast = reach(Status.WAITING, clock)
    clock.stop_at(night_after(DUE) - timedelta(seconds=1))
    assert press(app, cast, verb) == 409
    assert standing(cast) == (Status.ONGOING, 2, 2 * FEE, STAKED)


@pytest.mark.parametrize("terms", [LATER, PASSED], ids=["later", "passed"])
def test_a_host_alone_cannot_put_off_the_start_once_it_has_come(
    app: Flask, clock: Clocks, terms: dict[str, str]
) -> None:
    """Terms that would not pass are answered the same: what is due comes before the form is read."""
    clock.stop_at(world.NOW)
    host = in_transaction(world.member, POINTS)
    cast = Cast(in_transaction(world.opened, host, fee=FEE), host, host, host)
    clock.stop_at(seoul_midnight(START))
    assert press(app, cast, "edit", terms) == 409
    assert standing(cast) == (Status.CANCELED, 1, FEE, BACK)
