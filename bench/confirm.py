"""How long people wait for a confirmation: charging points afterwards, as the product does, against charging at once.

300 confirmations by 300 people, 4 at a time (as many as may wait for Toss in one process), against a practice Toss that
takes 300 ms; once as it is, and once with a point side that takes 6 s. It starts its own servers on the loopback address
and ends them: `make bench BENCH=confirm`.
"""

import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from statistics import median, quantiles

import psycopg
from flask import Flask
from sqlalchemy.orm import Session

from app import create_app
from nene.kernel.db import in_transaction
from nene.kernel.settings import Settings
from nene.payment import queries, service
from tests import servers
from tests.crowd import Person, people, wait_until
from tests.servers import Live
from tests.tossed import PracticeToss

PAYMENTS, AT_ONCE, AMOUNT = 300, 4, 10_000
FEW = 24  # where each one takes more than six seconds
GATEWAY, SLOW = 0.3, 6  # seconds
SLOW_POINTS = f"""
CREATE FUNCTION bench_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep({SLOW}); RETURN NEW; END $$;
CREATE TRIGGER bench_slow BEFORE INSERT ON point_lot FOR EACH ROW EXECUTE FUNCTION bench_slow();
"""
QUICK_POINTS = "DROP TRIGGER bench_slow ON point_lot; DROP FUNCTION bench_slow();"
BUSY = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND wait_event = 'PgSleep'"
)
LINE = "| {:<12} | {:<10} | {:>3} | {:>8} | {:>8} | {:>8} | {:>8} | {:>8} | {:>10} | {:>6} |"
HEADS = ("median", "p95", "p99", "max", "own part", "throughput", "errors")
RULE = "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"


def synchronous() -> Flask:
    """The product as it would be if the answer waited for the points."""
    confirm = service.confirm

    @wraps(confirm)
    def confirm_and_charge(*, order_id: str, **values: object) -> None:
        confirm(order_id=order_id, **values)  # type: ignore[arg-type]
        in_transaction(_charge, order_id)

    service.confirm = confirm_and_charge
    return create_app()


def _charge(session: Session, order_id: str) -> None:
    payment = queries.find_payment(session, order_id)
    if payment is not None:
        service.charge(session, payment.id)


@dataclass(frozen=True)
class Row:
    """What is measured: how points are charged, and how the point side is."""

    way: str
    points: str
    payments: int = PAYMENTS

    @property
    def factory(self) -> str:
        """What the web serves."""
        return "app:create_app" if self.way == "asynchronous" else "bench.confirm:synchronous"


ROWS = (
    Row("asynchronous", "as it is"),
    Row("synchronous", "as it is"),
    Row("asynchronous", "6 s slow"),
    Row("synchronous", "6 s slow", FEW),
)


class Bench:
    """The running parts, and the people who pay."""

    def __init__(self, folder: Path) -> None:
        self.toss = PracticeToss(folder / "toss")
        self.toss.control(faults=[{"step": "confirm", "seconds": GATEWAY, "times": None}])
        names = {f"NENE_{name.upper()}": value for name, value in self.toss.settings.items()}
        self.live = Live("bench", **names)
        self.live.start("worker", "scheduler")
        urls = (self.live.environment[name] for name in ("NENE_DATABASE_URL", "NENE_REDIS_URL"))
        settings = Settings(**dict(zip(("database_url", "redis_url"), urls, strict=True)), _env_file=None)  # type: ignore[arg-type]
        self.crowd = people(create_app(settings), self.live, PAYMENTS + FEW)

    def close(self) -> None:
        """End everything."""
        self.live.close()
        self.toss.stop()

    def measure(self, row: Row) -> None:
        """Print a line of the table."""
        self.live.factory = row.factory
        self.live.start("web")
        crowd = self.crowd[-row.payments :] if row.payments == FEW else self.crowd[: row.payments]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            orders = list(threads.map(self.order_of, crowd))
        known = len(self.own_parts())
        with self.slow_points() if row.points != "as it is" else nullcontext(), ThreadPoolExecutor(AT_ONCE) as threads:
            began = time.perf_counter()
            told = list(threads.map(self.confirm, crowd, orders))
            took = time.perf_counter() - began
            self.live.stop("web")
        seconds = sorted(second for second, _is_done in told)
        errors = sum(not is_done for _second, is_done in told)
        cuts = quantiles(seconds, n=100, method="inclusive")
        own = median(self.own_parts()[known:])
        times = [f"{second * 1000:,.0f} ms" for second in (median(seconds), cuts[94], cuts[98], seconds[-1], own)]
        print(
            LINE.format(row.way, row.points, row.payments, *times, f"{row.payments / took:.1f}/s", errors), flush=True
        )

    def order_of(self, person: Person) -> tuple[str, str]:
        """An order to which its owner has agreed in the window, and the payment key."""
        person.look("/payments/new")
        order = person.press("/payments", amount=AMOUNT).headers["Location"].rsplit("/", 1)[1]
        return order, self.toss.authenticate(order, AMOUNT)

    def confirm(self, person: Person, order: tuple[str, str]) -> tuple[float, bool]:
        """Seconds until the answer, and whether the payment is done."""
        began = time.perf_counter()
        answer = person.press(f"/payments/{order[0]}/confirm", payment_key=order[1], amount=AMOUNT)
        return time.perf_counter() - began, answer.status_code == 303

    def own_parts(self) -> list[float]:
        """Seconds of each confirmation in the web, by its log, less those in which it waited for Toss."""
        lines = [json.loads(line) for line in self.live.log("web").splitlines() if line.startswith("{")]
        waited = {line["request_id"]: line["seconds"] for line in lines if line.get("event") == "toss.answered"}
        asked = [line for line in lines if line.get("event") == "request" and line["request_id"] in waited]
        return [line["seconds"] - waited[line["request_id"]] for line in asked]

    @contextmanager
    def slow_points(self) -> Iterator[None]:
        """Whoever charges points waits six seconds; the worker is ended before, for nobody waits for it here."""
        self.database(SLOW_POINTS)
        try:
            yield
        finally:
            self.live.kill("worker")
            wait_until(lambda: self.database(BUSY) == 0)
            self.database(QUICK_POINTS)
            self.live.start("worker")
            wait_until(lambda: self.database("SELECT count(*) FROM payment WHERE charged_at IS NULL") == 0)

    def database(self, command: str) -> object:
        """The first value of what it answers, if it does."""
        with psycopg.connect(self.live.environment["NENE_DATABASE_URL"].replace("+psycopg", "")) as database:
            answer = database.execute(command.encode())
            row = answer.fetchone() if answer.description else None
            return row and row[0]


def main() -> None:
    """Print the table."""
    shared = servers.SharedServers()
    try:
        shared.start()
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder))
            try:
                print(
                    f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}, {platform.python_version()}\n"
                )
                print(LINE.format("charge", "point side", "n", *HEADS))
                print(RULE)
                for row in ROWS:
                    bench.measure(row)
                print(f"\n{bench.live.flask('ledger', 'verify')}{bench.live.flask('payments', 'reconcile')}")
            finally:
                bench.close()
    finally:
        shared.stop()


if __name__ == "__main__":
    main()
