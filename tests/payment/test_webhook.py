"""M10: whoever knocks at the door of Toss's messages is believed nothing; an order of ours is looked at."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from nene.kernel.db import reading
from nene.kernel.outbox import Outbox
from nene.payment.gateway import Toss
from nene.payment.models import Webhook
from nene.payment.terms import Status
from tests.conftest import Clocks
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.tossed import PracticeToss

PATH = "/webhooks/toss"


def told(client: FlaskClient, body: Any, transmission_id: str = "t-1", **headers: str) -> int:
    text = body if isinstance(body, str) else json.dumps(body)
    sent = {"tosspayments-webhook-transmission-id": transmission_id, **headers}
    return client.post(PATH, data=text, headers=sent, content_type="application/json").status_code


def about(order_id: str, status: str = "DONE") -> dict[str, Any]:
    return {"eventType": "PAYMENT_STATUS_CHANGED", "data": {"orderId": order_id, "status": status}}


def kept() -> tuple[int, int]:
    """How many messages are noted, and how many looks wait."""
    with reading() as session:
        marks = session.scalar(select(func.count()).select_from(Webhook)) or 0
        looks = select(func.count()).select_from(Outbox).where(Outbox.name == "payment.look")
        return marks, session.scalar(looks) or 0


def test_a_message_approves_nothing_that_its_owner_has_not(
    client: FlaskClient, toss: PracticeToss, paying: Toss, kim: int
) -> None:
    order = stage.start(kim)
    toss.authenticate(order, AMOUNT)
    assert told(client, about(order)) == 200
    stage.work()
    assert stage.status(order) is Status.PENDING
    assert stage.balance(kim) == 0


def test_a_message_lets_a_lost_answer_be_found(client: FlaskClient, toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    toss.break_at("confirm", close=True, after=True)
    stage.confirm(toss, kim, order)
    assert stage.status(order) is Status.CONFIRMING
    assert told(client, about(order, status="ABORTED")) == 200  # what it says is not believed
    stage.work()
    assert stage.status(order) is Status.DONE
    assert stage.balance(kim) == AMOUNT


def test_a_message_about_an_order_that_ended_is_looked_into_once(
    client: FlaskClient, toss: PracticeToss, paying: Toss, kim: int, clock: Clocks
) -> None:
    order = stage.start(kim)
    clock.move(minutes=31)
    assert stage.reconciled(order) is Status.EXPIRED
    assert told(client, about(order)) == 200
    stage.work()
    assert toss.look()["calls"]["find"] == 2
    assert stage.row(order).ask_at is None


def test_the_same_message_is_taken_once(client: FlaskClient, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    assert [told(client, about(order)) for _time in range(3)] == [200] * 3
    assert kept() == (1, 1)
    stage.work()
    assert told(client, about(order)) == 200
    assert kept() == (1, 0)
    assert told(client, about(order), "t-2") == 200
    assert kept() == (2, 1)


def test_a_message_without_an_id_of_its_own_is_known_by_its_text(client: FlaskClient, paying: Toss, kim: int) -> None:
    order = stage.start(kim)
    for bad in ("", "x" * 101, "é\x80"):
        assert told(client, about(order), bad) == 200
    assert kept()[0] == 1


def test_a_deposit_names_its_order_outside(client: FlaskClient, paying: Toss, kim: int) -> None:
    assert told(client, {"orderId": stage.start(kim), "status": "DONE", "secret": "s"}) == 200
    assert kept() == (1, 1)


@pytest.mark.parametrize(
    "body",
    [
        about("nobody-knows-this-order"),
        {"data": {"orderId": 7}},
        {"data": {"orderId": "a\0b"}},
        {"data": {"orderId": "\ud800-order"}},
        "[" * 30_000,
        '{"data":' * 7_000,
        {"data": [1]},
        {},
        [],
        "null",
        "no json",
        "",
    ],
)
def test_what_is_not_ours_is_answered_and_forgotten(client: FlaskClient, committed: None, body: Any) -> None:
    assert told(client, body) == 200
    assert kept() == (0, 0)


def test_a_message_has_a_size(client: FlaskClient, paying: Toss, kim: int) -> None:
    body = about(stage.start(kim))
    assert told(client, {**body, "more": "x" * 64 * 1024}) == 413
    assert kept() == (0, 0)
    assert told(client, {**body, "more": "x" * 60 * 1024}) == 200


def test_it_needs_neither_sign_in_nor_token_and_only_a_post(client: FlaskClient) -> None:
    assert client.get(PATH).status_code == 405
    assert told(client, {}) == 200
