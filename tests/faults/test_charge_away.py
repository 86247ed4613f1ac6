"""The point side is stopped while fifty people pay: nobody waits for it, and all have their points once it is back (M7)."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import psycopg
from flask import Flask

from tests.crowd import Person, people, wait_until
from tests.servers import Live
from tests.tossed import PracticeToss

AMOUNT, CROWD, AT_ONCE = 10_000, 50, 4  # as many as may wait for Toss in one process
REDIS_BOUND = 0.3  # seconds that anybody ever waits for Redis


def order_of(person: Person) -> str:
    """An order whose window is open."""
    person.look("/payments/new")
    made = person.press("/payments", amount=AMOUNT)
    assert made.status_code == 303, made.text
    return made.headers["Location"].rsplit("/", 1)[1]


def confirm(toss: PracticeToss, person: Person, order: str) -> float:
    """Gives the seconds that the answer took."""
    key = toss.authenticate(order, AMOUNT)
    began = time.perf_counter()
    answer = person.press(f"/payments/{order}/confirm", payment_key=key, amount=AMOUNT)
    assert answer.status_code in {200, 303}, answer.text
    return time.perf_counter() - began


def confirm_all(toss: PracticeToss, crowd: list[Person]) -> list[float]:
    orders = [order_of(person) for person in crowd]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(confirm, [toss] * len(crowd), crowd, orders))


def test_fifty_people_pay_while_the_point_side_is_stopped(
    app: Flask, make_live: Callable[..., Live], toss: PracticeToss
) -> None:
    names = {f"NENE_{name.upper()}": value for name, value in toss.settings.items()}
    live = make_live("web", "worker", "scheduler", **names)
    crowd = people(app, live, CROWD)
    database = psycopg.connect(live.environment["NENE_DATABASE_URL"].replace("+psycopg", ""), autocommit=True)

    def counted() -> tuple[int, int]:
        """Payments that are done, and those whose points have come."""
        row = database.execute(
            "SELECT count(*) FILTER (WHERE status = 'DONE'), count(charged_at) FROM payment"
        ).fetchone()
        assert row
        return int(str(row[0])), int(str(row[1]))

    with database:
        before = confirm_all(toss, crowd[:25])
        wait_until(lambda: counted() == (25, 25))
        live.kill("worker")
        live.redis.stop()
        confirm(toss, crowd[0], order_of(crowd[0]))  # the first one finds out
        meanwhile = confirm_all(toss, crowd)
        assert counted() == (26 + CROWD, 25)
        assert median(meanwhile) < 2 * median(before) + 0.05
        assert max(meanwhile) < max(before) + REDIS_BOUND + 1
        live.redis.start()
        live.start("worker")
        wait_until(lambda: counted() == (26 + CROWD, 26 + CROWD))
    assert "sound" in live.flask("ledger", "verify")
    assert "as in Toss's books" in live.flask("payments", "reconcile")
