"""Two hundred people press "join" for the last five seats: with Redis, without it, and with a Redis that hangs (C4, C5, R1)."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import psycopg
import requests
from flask import Flask

from nene.kernel.clock import business
from tests.crowd import Person, people, together, wait_until
from tests.servers import Live

CROWD = 200
SEATS = 5
FEE = 1_000
REASONS = ("자리가 다 찼어요", "지금 참가자가 몰리고 있어요")


def host_a_challenge(host: Person) -> str:
    """Through the form, with seats for the host and five more; gives its path."""
    host.look("/points")
    start = business.today() + timedelta(days=3)
    made = host.press(
        "/challenges",
        name="다섯 자리 챌린지",
        description="빨리 누른 다섯 사람만 함께해요.",
        category="HABIT",
        min_participants=2,
        max_participants=SEATS + 1,
        fee=FEE,
        start_date=start.isoformat(),
        due_date=(start + timedelta(days=6)).isoformat(),
    )
    assert made.status_code == 303, made.text
    return made.headers["Location"]


def money(live: Live, challenge_id: str) -> tuple[int, int, int]:
    """Members, stakes, and what the escrow holds."""
    with psycopg.connect(live.environment["NENE_DATABASE_URL"].replace("+psycopg", "")) as database:
        row = database.execute(
            "SELECT (SELECT count(*) FROM participant WHERE challenge_id = %(id)s),"
            " (SELECT count(*) FROM point_posting WHERE kind = 'ESCROW' AND owner_id = %(id)s AND amount > 0),"
            " (SELECT balance FROM point_account WHERE kind = 'ESCROW' AND owner_id = %(id)s)",
            {"id": int(challenge_id)},
        ).fetchone()
    assert row is not None
    members, stakes, held = row
    return int(str(members)), int(str(stakes)), int(str(held))


def test_the_last_five_seats_of_two_hundred(app: Flask, make_live: Callable[..., Live]) -> None:
    live = make_live("web")
    host, *crowd = people(app, live, CROWD + 1)
    for person in crowd:
        assert person.look("/points").status_code == 200
    for state in ("up", "stopped", "hung"):
        path = host_a_challenge(host)
        if state == "stopped":
            live.redis.stop()
        if state == "hung":
            live.redis.start()
            wait_until(lambda: requests.get(f"{live.url}/readyz", timeout=5).json()["redis"] == "ok")
            live.redis.pause()
        answers = together(crowd, f"{path}/join", version=1)
        counts = Counter(answer.status_code for answer in answers)
        assert counts == {303: SEATS, 409: CROWD - SEATS}, (state, counts)
        refusals = [answer.text for answer in answers if answer.status_code == 409]
        assert all(any(reason in text for reason in REASONS) for text in refusals)
        assert money(live, path.rsplit("/", 1)[1]) == (SEATS + 1, SEATS + 1, (SEATS + 1) * FEE)
    assert "sound" in live.flask("ledger", "verify")
