"""M7: a Toss that takes its time about each question holds few threads of the worker, so that points still come."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from flask import Flask

from nene.kernel import outbox
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction
from nene.payment import gateway, service
from nene.payment.gateway import Outcome, Toss
from nene.payment.terms import Status
from tasks import schedule
from tests.conftest import Clocks
from tests.crowd import wait_until
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.tossed import PracticeToss


def lost(toss: PracticeToss, user_id: int) -> str:
    """A payment whose answer was lost."""
    order = stage.start(user_id)
    toss.break_at("confirm", close=True, after=True)
    stage.confirm(toss, user_id, order)
    assert stage.status(order) is Status.CONFIRMING
    return order


def test_a_round_that_hangs_is_not_begun_beside_itself(app: Flask, toss: PracticeToss, paying: Toss, kim: int) -> None:
    orders = [lost(toss, kim) for _number in range(2)]
    gateway.use(Toss(toss.url, toss.settings["toss_secret_key"], read=30))
    paid = stage.start(kim)
    stage.confirm(toss, kim, paid)
    toss.break_at("find", seconds=5, times=1)
    in_transaction(stage.make_due)
    schedule.ask("payment.reconcile")
    (charge, _), (job_id, name) = stage.jobs()

    def perform() -> None:
        with app.app_context():
            outbox.perform(name, job_id)

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(perform)
        wait_until(lambda: toss.look()["calls"].get("find") == 1)
        for _copy in range(8):  # the relay sends it again while it takes so long
            outbox.perform(name, job_id)
        assert toss.look()["calls"]["find"] == 1
        outbox.perform("payment.charge", charge)
        assert stage.balance(kim) == AMOUNT
        assert not first.done()
        first.result()
    stage.work()
    assert {stage.status(order) for order in orders} == {Status.DONE}
    assert stage.balance(kim) == 3 * AMOUNT


def test_a_round_that_takes_long_leaves_the_rest_to_the_next(
    toss: PracticeToss, paying: Toss, kim: int, clock: Clocks
) -> None:
    class Slow(Toss):
        """Takes twenty seconds to answer."""

        def find(self, order_id: str) -> Outcome:
            clock.wall.stop_at(wall.now() + timedelta(seconds=20))
            return super().find(order_id)

    for _number in range(3):
        lost(toss, kim)
    clock.move(minutes=1)
    gateway.use(Slow(toss.url, toss.settings["toss_secret_key"]))
    assert (service.reconcile_due(), service.reconcile_due()) == (2, 1)
