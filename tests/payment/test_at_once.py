"""M4, M8 over HTTP: browsers and messages of Toss at the same moment, as threads."""

from functools import partial

from flask import Flask

from nene.payment.terms import Status
from tests import world
from tests.conftest import Race
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.payment.test_webhook import about, told
from tests.tossed import PracticeToss


def test_six_browsers_and_four_messages_approve_and_charge_once(
    app: Flask, selling: None, toss: PracticeToss, kim: int, race: Race
) -> None:
    order = stage.start(kim)
    fields = {"payment_key": toss.authenticate(order, AMOUNT), "amount": AMOUNT}
    browsers = [world.signed_in(app, kim) for _ in range(6)]
    presses = [partial(world.post, browser, f"/payments/{order}/confirm", **fields) for browser in browsers]
    messages = [partial(told, app.test_client(), about(order), f"t-{number // 2}") for number in range(4)]
    answers = race(*presses, *messages, stage.work, stage.work)
    assert {answer.status_code for answer in answers[:6]} == {303}
    assert answers[6:10] == [200] * 4
    stage.reconcile()
    assert stage.status(order) is Status.DONE
    assert stage.balance(kim) == AMOUNT
    assert stage.entries("charge:") == 1
    assert len(toss.look()["movements"]) == 1
    assert stage.timeline(order) == [Status.PENDING, Status.CONFIRMING, Status.DONE]
    assert not stage.faults()


def test_six_browsers_and_a_message_give_back_once(
    app: Flask, selling: None, toss: PracticeToss, kim: int, race: Race
) -> None:
    order = stage.paid(toss, kim)
    browsers = [world.signed_in(app, kim) for _ in range(6)]
    presses = [partial(world.post, one, f"/payments/{order}/cancel", reason="마음이 바뀌었어요") for one in browsers]
    answers = race(*presses, partial(told, app.test_client(), about(order)), stage.work)
    assert {answer.status_code for answer in answers[:6]} <= {303, 409}
    stage.reconcile()
    assert stage.status(order) is Status.CANCELED
    assert stage.balance(kim) == 0
    assert stage.entries("charge_cancel:") == 1
    assert len(toss.payment(order)["cancels"]) == 1
    assert stage.agrees(toss, order)
    assert not stage.faults()
