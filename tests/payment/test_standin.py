"""M14: the practice Toss answers, fails and remembers like the real one."""

import json
import os
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from standins import TOSS_SECRET_KEY
from tests.crowd import wait_until
from tests.servers import ROOT
from tests.tossed import PracticeToss

ORDER = "order-0001"


def post(toss: PracticeToss, path: str, key: str = "", **body: Any) -> requests.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return requests.post(
        f"{toss.url}/v1/payments/{path}", json=body, headers=headers, auth=(TOSS_SECRET_KEY, ""), timeout=30
    )


def confirm(toss: PracticeToss, payment_key: str, key: str = "", order_id: str = ORDER) -> requests.Response:
    return post(toss, "confirm", key, paymentKey=payment_key, orderId=order_id, amount=10_000)


def get(toss: PracticeToss, path: str) -> requests.Response:
    return requests.get(f"{toss.url}/v1/{path}", auth=(TOSS_SECRET_KEY, ""), timeout=30)


def test_it_does_not_start_where_money_is_real() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "standins.toss", "--state", "nothing"],
        cwd=ROOT,
        env={**os.environ, "NENE_ENV": "production"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"production" in done.stderr
    assert not (ROOT / "nothing").exists()


@pytest.mark.parametrize("same_key", [True, False])
def test_an_order_is_approved_once_however_often_and_however_many_ask(toss: PracticeToss, same_key: bool) -> None:
    keys = [toss.authenticate(ORDER, 10_000) for _ in range(2)]
    gate = threading.Barrier(16)

    def press(number: int) -> tuple[int, str]:
        gate.wait(30)
        answer = confirm(toss, keys[0 if same_key else number % 2], "same" if same_key else f"key-{number}")
        return answer.status_code, answer.json().get("code") or answer.json()["status"]

    with ThreadPoolExecutor(16) as threads:
        heard = list(threads.map(press, range(16)))
    allowed = {(200, "DONE"), (409, "IDEMPOTENT_REQUEST_PROCESSING" if same_key else "")}
    assert set(heard) <= (allowed if same_key else {(200, "DONE"), (400, "ALREADY_PROCESSED_PAYMENT")})
    assert same_key or heard.count((200, "DONE")) == 1
    assert [one["amount"] for one in toss.look()["movements"]] == [10_000]


def test_a_key_gets_its_first_answer_also_when_the_body_differs(toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000)
    refused = post(toss, "confirm", "key", paymentKey=key, orderId=ORDER, amount=9_000)
    assert refused.status_code == 400
    assert confirm(toss, key, "key").json() == refused.json()
    assert confirm(toss, key, "other").json()["status"] == "DONE"
    assert confirm(toss, key, "other").json()["status"] == "DONE"
    assert post(toss, f"{key}/cancel", "other", cancelReason="x").json()["status"] == "CANCELED"


def test_a_key_is_busy_until_its_answer_is_given(toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000)
    toss.break_at("confirm", after=True, seconds=1.5)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(confirm, toss, key, "key")
        wait_until(lambda: toss.payment(ORDER)["status"] == "DONE")
        busy = confirm(toss, key, "key")
        assert (busy.status_code, busy.json()["code"]) == (409, "IDEMPOTENT_REQUEST_PROCESSING")
        assert first.result().status_code == 200
    assert confirm(toss, key, "key").json() == first.result().json()


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 403, "INCORRECT_BASIC_AUTH_FORMAT"),
        ({"Authorization": "Bearer x"}, 403, "INCORRECT_BASIC_AUTH_FORMAT"),
        ({"Authorization": "Basic x"}, 403, "INCORRECT_BASIC_AUTH_FORMAT"),
        (
            {"Authorization": "Basic " + b64encode(TOSS_SECRET_KEY.encode()).decode()},
            403,
            "INCORRECT_BASIC_AUTH_FORMAT",
        ),
        ({"Authorization": "Basic " + b64encode(b"test_gsk_x:").decode()}, 401, "UNAUTHORIZED_KEY"),
    ],
)
def test_strangers_are_refused(toss: PracticeToss, headers: dict[str, str], status: int, code: str) -> None:
    answer = requests.get(f"{toss.url}/v1/payments/orders/{ORDER}", headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_test_key_may_ask_for_an_error(toss: PracticeToss) -> None:
    wanted = {"TossPayments-Test-Code": "REJECT_CARD_COMPANY"}
    answer = requests.get(f"{toss.url}/v1/payments/x", headers=wanted, auth=(TOSS_SECRET_KEY, ""), timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (403, "REJECT_CARD_COMPANY")


def test_an_idempotency_key_has_an_end(toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000)
    refused = confirm(toss, key, "k" * 301)
    assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_IDEMPOTENCY_KEY")
    assert confirm(toss, key, "k" * 300).status_code == 200


def test_ten_minutes_after_the_window_there_is_nothing_to_confirm(toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000)
    toss.act(ORDER, "age", minutes=9)
    assert get(toss, f"payments/{key}").json()["status"] == "IN_PROGRESS"
    toss.act(ORDER, "age", minutes=1)
    late = confirm(toss, key)
    assert (late.status_code, late.json()["code"]) == (404, "NOT_FOUND_PAYMENT_SESSION")
    assert get(toss, f"payments/orders/{ORDER}").json()["status"] == "EXPIRED"


def test_another_order_finds_nothing_to_confirm(toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000)
    assert confirm(toss, key, order_id="order-0002").json()["code"] == "NOT_FOUND_PAYMENT_SESSION"
    assert confirm(toss, key).json()["status"] == "DONE"
    toss.act(ORDER, "age", minutes=60)
    assert get(toss, f"payments/{key}").json()["status"] == "DONE"


def test_a_declined_card_ends_the_payment(toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000, decline="REJECT_CARD_COMPANY")
    assert confirm(toss, key, "key").status_code == 403
    assert confirm(toss, key, "key").json()["code"] == "REJECT_CARD_COMPANY"
    found = get(toss, f"payments/orders/{ORDER}").json()
    assert (found["status"], found["failure"]["code"]) == ("ABORTED", "REJECT_CARD_COMPANY")
    assert toss.look()["movements"] == []


def test_a_virtual_account_waits_for_its_deposit(toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000, method="가상계좌")
    waiting = confirm(toss, key).json()
    assert (waiting["status"], waiting["approvedAt"]) == ("WAITING_FOR_DEPOSIT", None)
    assert toss.look()["movements"] == []
    assert toss.act(ORDER, "deposit")["status"] == "DONE"
    assert len(toss.look()["movements"]) == 1


def test_what_is_not_paid_yet_is_cancelled_without_money(toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000, method="가상계좌")
    early = post(toss, f"{key}/cancel", cancelReason="x")
    assert (early.status_code, early.json()["code"]) == (403, "NOT_CANCELABLE_PAYMENT")
    confirm(toss, key)
    assert post(toss, f"{key}/cancel", cancelReason="x").json()["status"] == "CANCELED"
    assert toss.look()["movements"] == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"cancelReason": "x", "cancelAmount": 10_001}, 403, "NOT_CANCELABLE_AMOUNT"),
        ({"cancelReason": "x", "refundableAmount": 9_999}, 400, "NOT_MATCHES_REFUNDABLE_AMOUNT"),
        ({"cancelReason": "x", "cancelAmount": 0}, 400, "INVALID_REQUEST"),
        ({"cancelReason": "x", "cancelAmount": 1.5}, 400, "INVALID_REQUEST"),
        ({"cancelReason": "x" * 201}, 400, "INVALID_REQUEST"),
        ({}, 400, "INVALID_REQUEST"),
    ],
)
def test_a_wrong_cancel_gives_nothing_back(toss: PracticeToss, body: dict[str, Any], status: int, code: str) -> None:
    key = toss.authenticate(ORDER, 10_000)
    confirm(toss, key)
    answer = post(toss, f"{key}/cancel", **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert toss.payment(ORDER)["balanceAmount"] == 10_000


def test_many_parts_never_exceed_the_whole(toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000)
    confirm(toss, key)
    with ThreadPoolExecutor(8) as threads:
        heard = list(
            threads.map(lambda n: post(toss, f"{key}/cancel", str(n), cancelReason="x", cancelAmount=3_000), range(8))
        )
    assert sorted(answer.status_code for answer in heard) == [200] * 3 + [403] * 5
    assert toss.payment(ORDER)["balanceAmount"] == 1_000


def test_the_console_cancels_without_us(toss: PracticeToss) -> None:
    confirm(toss, toss.authenticate(ORDER, 10_000))
    toss.act(ORDER, "cancel", amount=4_000)
    assert toss.payment(ORDER)["status"] == "PARTIAL_CANCELED"
    toss.act(ORDER, "cancel")
    assert (toss.payment(ORDER)["status"], toss.payment(ORDER)["balanceAmount"]) == ("CANCELED", 0)


def test_it_remembers_after_being_killed(make_toss: Callable[[], PracticeToss]) -> None:
    toss = make_toss()
    key = toss.authenticate(ORDER, 10_000)
    waiting = toss.authenticate("order-0002", 10_000)
    first = confirm(toss, key, "key").json()
    known = toss.look()
    toss.stop()
    toss.start()
    assert (toss.look()["payments"], toss.look()["movements"]) == (known["payments"], known["movements"])
    assert confirm(toss, key, "key").json() == first
    assert confirm(toss, key, "other").json()["code"] == "ALREADY_PROCESSED_PAYMENT"
    assert confirm(toss, waiting, order_id="order-0002").json()["status"] == "DONE"


@pytest.mark.parametrize(
    "fault", [{"close": True}, {"status": 503}, {"code": "COMMON_ERROR"}, {"seconds": 0.1, "close": True}]
)
@pytest.mark.parametrize(("after", "status"), [(False, "IN_PROGRESS"), (True, "DONE")])
def test_a_fault_comes_before_or_after_the_thing_is_done_and_then_the_key_works(
    toss: PracticeToss, fault: dict[str, Any], after: bool, status: str
) -> None:
    key = toss.authenticate(ORDER, 10_000)
    toss.break_at("confirm", after=after, **fault)
    with suppress(requests.ConnectionError):
        assert confirm(toss, key, "key").status_code >= 500
    assert toss.payment(ORDER)["status"] == status
    assert confirm(toss, key, "key").json()["status"] == "DONE"
    assert len(toss.look()["movements"]) == 1


def test_a_refusal_is_kept_under_its_key(toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000)
    toss.break_at("confirm", code="REJECT_CARD_COMPANY")
    assert [confirm(toss, key, "key").status_code for _ in range(2)] == [403, 403]
    assert confirm(toss, key, "other").status_code == 200


def heard_of(toss: PracticeToss, seed: int) -> list[int]:
    """The answers to forty confirmations in weather."""
    faults = [
        {"step": "confirm", "times": None, "probability": 0.2, "code": "COMMON_ERROR"},
        {"step": "confirm", "times": None, "probability": 0.2, "code": "TOO_MANY_REQUESTS", "after": True},
    ]
    toss.control(forget=True, seed=seed, faults=faults)
    orders = [f"order-{number:04}" for number in range(40)]
    keys = [toss.authenticate(order_id, 10_000) for order_id in orders]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda one: confirm(toss, one[0], order_id=one[1]), zip(keys, orders, strict=True)))
    return [answer.status_code for answer in answers]


def test_chance_is_the_same_for_the_same_seed(toss: PracticeToss) -> None:
    first = heard_of(toss, seed=7)
    approved = sum(payment["status"] == "DONE" for payment in toss.look()["payments"])
    assert approved == first.count(200) + first.count(429)
    assert set(first) == {200, 429, 500}
    assert heard_of(toss, seed=7) == first
    assert heard_of(toss, seed=8) != first


@dataclass
class Shop:
    """Somebody who takes webhooks, after refusing the first ones."""

    url: str = ""
    refusals: int = 0
    heard: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def shop() -> Iterator[Shop]:
    kept = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.heard.append(({name.lower(): value for name, value in self.headers.items()}, json.loads(body)))
            self.send_response(500 if len(kept.heard) <= kept.refusals else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/toss"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield kept
        server.shutdown()


def test_every_change_is_told_as_often_as_wanted(toss: PracticeToss, shop: Shop) -> None:
    key = toss.authenticate(ORDER, 10_000, method="가상계좌")
    toss.control(webhook_url=shop.url, webhook_repeats=2)
    waiting = confirm(toss, key).json()
    wait_until(lambda: len(shop.heard) == 2)
    headers, body = shop.heard[0]
    assert (body["eventType"], body["data"]["status"]) == ("PAYMENT_STATUS_CHANGED", "WAITING_FOR_DEPOSIT")
    assert "+" not in body["createdAt"]
    assert headers["tosspayments-webhook-transmission-time"]
    names = [headers["tosspayments-webhook-transmission-id"] for headers, _body in shop.heard]
    assert names[0] == names[1]
    toss.act(ORDER, "deposit")
    wait_until(lambda: len(shop.heard) == 6)
    deposits = [body for _headers, body in shop.heard if "eventType" not in body]
    assert len(deposits) == 2
    assert (deposits[0]["secret"], deposits[0]["status"], deposits[0]["orderId"]) == (waiting["secret"], "DONE", ORDER)


def test_a_webhook_that_is_not_taken_comes_again(toss: PracticeToss, shop: Shop) -> None:
    confirm(toss, toss.authenticate(ORDER, 10_000))
    shop.refusals = 1
    toss.act(ORDER, "webhook", url=shop.url, id="the-same")
    wait_until(lambda: len(toss.look()["webhooks"]) == 2)
    prefix = "tosspayments-webhook-transmission"
    told = [(headers[f"{prefix}-id"], headers[f"{prefix}-retried-count"]) for headers, _body in shop.heard]
    assert told == [("the-same", "0"), ("the-same", "1")]
    assert [one["status"] for one in toss.look()["webhooks"]] == [500, 200]
