"""A thousand payments at once with a Toss that fails at random: at the end money and points are the same."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import requests
from flask import Flask
from sqlalchemy import func, select

from nene.kernel.clock import seoul_date, wall
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NothingDone, Refusal
from nene.payment import gateway, service
from nene.payment.errors import Owing
from nene.payment.gateway import Toss
from nene.payment.models import Payment
from nene.payment.terms import Status
from nene.point import service as point
from nene.point.terms import HOUSE, Reason, Reference, wallet_of
from tests import world
from tests.conftest import Clocks
from tests.crowd import wait_until
from tests.payment import stage
from tests.payment.test_reconcile import hear
from tests.tossed import PracticeToss

SEED = 20_261_127
PEOPLE, PAYMENTS, THREADS = 50, 1_000, 6
UNKNOWN: Sequence[dict[str, object]] = (
    {"close": True},
    {"status": 502},
    {"code": "COMMON_ERROR"},
    {"code": "PROVIDER_ERROR"},
    {"code": "TOO_MANY_REQUESTS"},
    {"code": "UNAUTHORIZED_KEY"},
)
FAULTS = [
    *(
        {"step": step, "after": after, "times": None, "probability": share, **fault}
        for step, share in (("confirm", 0.01), ("cancel", 0.02), ("find", 0.005))
        for after in (False, True)
        for fault in UNKNOWN
    ),
    {"step": "confirm", "after": True, "times": None, "probability": 0.005, "seconds": 1.2},
    {"step": "confirm", "times": None, "probability": 0.02, "code": "REJECT_CARD_COMPANY"},
    {"step": "confirm", "after": True, "times": None, "probability": 0.01, "code": "NOT_FOUND_PAYMENT_SESSION"},
    {"step": "cancel", "times": None, "probability": 0.05, "code": "REFUND_REJECTED"},
]
ENDS = {Status.PENDING, Status.DONE, Status.FAILED, Status.EXPIRED, Status.CANCELED}


class Storm:
    """Everybody's doings, each payment's from a seed of its own."""

    def __init__(self, toss: PracticeToss) -> None:
        self.toss = toss
        self.done: Counter[str] = Counter()
        self.orders: dict[int, list[str]] = {in_transaction(world.member): [] for _ in range(PEOPLE)}
        self.people = list(self.orders)

    def pay(self, number: int) -> None:
        """One payment, and what somebody does beside it."""
        chance = random.Random(f"{SEED} {number}")
        user_id, order = self.start(number)
        if chance.random() < 0.02:
            return  # the window was closed
        key = self.toss.authenticate(order, stage.AMOUNT)
        for _press in range(chance.choice((1, 1, 1, 2))):
            values = {"user_id": user_id, "order_id": order, "payment_key": key, "amount": stage.AMOUNT}
            self.attempt("confirm", partial(service.confirm, **values))
        if chance.random() < 0.2:
            hear(order, f"t-{number}")
        beside = ((0.3, self.spend), (0.15, self.cancel), (0.02, self.cancel_at_toss), (0.02, self.refund_rests))
        for share, verb in beside:
            if chance.random() < share:
                self.attempt(verb.__name__, partial(verb, chance.choice(self.people), chance))

    def start(self, number: int) -> tuple[int, str]:
        """An order of the next person who owes nothing."""
        for user_id in self.people[number % PEOPLE :] + self.people:
            try:
                order = stage.start(user_id)
            except Owing:
                self.done["start, Owing"] += 1
                continue
            self.orders[user_id].append(order)
            return user_id, order
        raise AssertionError

    def attempt(self, name: str, verb: Callable[[], object]) -> None:
        """Whether it is done or refused is all the same: what counts is that nothing is lost."""
        try:
            verb()
        except (Refusal, NothingDone, requests.HTTPError) as refusal:
            name += f", {type(refusal).__name__}"
        self.done[name] += 1

    def spend(self, user_id: int, chance: random.Random) -> None:
        in_transaction(
            point.move,
            key=f"test:{chance.random()}",
            source=wallet_of(user_id),
            target=HOUSE,
            amount=chance.randint(1, 12_000),
            reason=Reason.PRODUCT_PURCHASE,
            about=Reference("test", "1", "시험"),
        )

    def cancel(self, user_id: int, chance: random.Random) -> None:
        for order in self.orders[user_id][-1:]:
            service.cancel(user_id=user_id, order_id=order, why="마음이 바뀌었어요")

    def cancel_at_toss(self, user_id: int, chance: random.Random) -> None:
        for order in self.orders[user_id][:1]:
            self.toss.act(order, "cancel", **chance.choice(({}, {"amount": 3_000})))
            hear(order, f"console-{chance.random()}")

    def refund_rests(self, user_id: int, _chance: random.Random) -> None:
        service.refund_rests(user_id=user_id, by=user_id, why="탈퇴")


def all_at_once(app: Flask, storm: Storm) -> None:
    """People on some threads, and the worker with the reconciler on another."""
    over = threading.Event()

    def work() -> None:
        with app.app_context():
            while not over.wait(0.2):
                service.reconcile_due()
                stage.work()

    def pay(number: int) -> None:
        with app.app_context():
            storm.pay(number)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(pay, range(PAYMENTS)))
    finally:
        over.set()
        worker.join()


def statuses() -> Counter[Status]:
    with reading() as session:
        rows = session.execute(select(Payment.status, func.count().label("number")).group_by(Payment.status))
        return Counter({one.status: one.number for one in rows})


def is_calm() -> bool:
    stage.reconcile()
    return set(statuses()) <= ENDS and not stage.jobs()


def test_after_the_storm_money_and_points_are_the_same(
    app: Flask, toss: PracticeToss, committed: None, clock: Clocks
) -> None:
    gateway.use(Toss(toss.url, toss.settings["toss_secret_key"], read=1.0, waiting=64, pause=0.2))
    storm, today = Storm(toss), seoul_date(wall.now())
    toss.control(seed=SEED, faults=FAULTS)
    all_at_once(app, storm)
    toss.control(faults=[])
    wait_until(is_calm)
    clock.move(days=1)
    service.compare(today)  # finds what Toss has denied and has approved all the same
    wait_until(is_calm)
    orders = [order for many in storm.orders.values() for order in many]
    assert len(orders) == PAYMENTS
    assert stage.agrees(toss, *orders)
    runner = app.test_cli_runner()
    assert runner.invoke(args=["ledger", "verify"]).exit_code == 0
    told = runner.invoke(args=["payments", "reconcile", "--from", f"{today}"])
    assert (told.exit_code, "as in Toss's books" in told.output) == (0, True), told.output
    assert storm.done["confirm"] > PAYMENTS / 2
    assert {"spend", "cancel", "cancel_at_toss", "refund_rests"} <= set(storm.done), storm.done
    assert statuses()[Status.DONE] > PAYMENTS / 2
    gateway.use(None)
