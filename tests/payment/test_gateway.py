"""M13: what each answer of Toss, and each way not to answer, comes to."""

import re
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest

from nene.kernel import logging
from nene.kernel.clock import wall
from nene.kernel.embedded import free_port
from nene.kernel.settings import Settings
from nene.payment import gateway as gateways
from nene.payment.errors import CHECKING, GatewayAway, explain
from nene.payment.gateway import Outcome, Toss, Verdict
from standins import TOSS_SECRET_KEY
from tests.crowd import wait_until
from tests.servers import ROOT
from tests.tossed import PracticeToss

ORDER = "order-0001"
DECLINED = [
    "INVALID_CARD_NUMBER",
    "INVALID_CARD_EXPIRATION",
    "INVALID_STOPPED_CARD",
    "INVALID_REJECT_CARD",
    "INVALID_CARD_LOST_OR_STOLEN",
    "EXCEED_MAX_AMOUNT",
    "EXCEED_MAX_PAYMENT_AMOUNT",
    "EXCEED_MAX_DAILY_PAYMENT_COUNT",
    "BELOW_MINIMUM_AMOUNT",
    "NOT_AVAILABLE_PAYMENT",
    "REJECT_CARD_PAYMENT",
    "REJECT_CARD_COMPANY",
    "REJECT_ACCOUNT_PAYMENT",
    "EXCEED_MAX_AUTH_COUNT",
    "EXCEED_MAX_ONE_DAY_AMOUNT",
    "FDS_ERROR",
    "INVALID_PASSWORD",
]
NOT_CHARGED = ["NOT_FOUND_PAYMENT_SESSION", "NOT_FOUND_PAYMENT"]
MISCONFIGURED = ["UNAUTHORIZED_KEY", "INVALID_API_KEY", "INCORRECT_BASIC_AUTH_FORMAT", "FORBIDDEN_REQUEST"]
ALREADY = ["ALREADY_CANCELED_PAYMENT", "ALREADY_REFUND_PAYMENT", "NOT_MATCHES_REFUNDABLE_AMOUNT"]
REFUSED = [
    *("NOT_CANCELABLE_AMOUNT", "NOT_CANCELABLE_PAYMENT", "EXCEED_MAX_REFUND_DUE", "NOT_ALLOWED_PARTIAL_REFUND"),
    *("REFUND_REJECTED", "INVALID_REFUND_ACCOUNT_INFO"),
]
ASK_FIRST = ["PROVIDER_ERROR", "ALREADY_PROCESSED_PAYMENT", "IDEMPOTENT_REQUEST_PROCESSING", "TOO_MANY_REQUESTS"]
BROKEN = ["FAILED_REFUND_PROCESS", "FAILED_METHOD_HANDLING_CANCEL", "COMMON_ERROR"]
STRANGE = ["INVALID_REQUEST", "SOMETHING_NEW"]
TABLE = [
    *(("confirm", code, Verdict.DECLINED) for code in DECLINED),
    *(("confirm", code, Verdict.NOT_CHARGED) for code in NOT_CHARGED),
    *(("confirm", code, Verdict.MISCONFIGURED) for code in MISCONFIGURED),
    *(("confirm", code, Verdict.UNKNOWN) for code in ASK_FIRST + BROKEN + STRANGE + ALREADY + REFUSED),
    *(("cancel", code, Verdict.ALREADY) for code in ALREADY),
    *(("cancel", code, Verdict.REFUSED) for code in REFUSED),
    *(("cancel", code, Verdict.MISCONFIGURED) for code in MISCONFIGURED),
    *(("cancel", code, Verdict.UNKNOWN) for code in ASK_FIRST + BROKEN + STRANGE + DECLINED + NOT_CHARGED),
    *(("find", code, Verdict.NOT_CHARGED) for code in NOT_CHARGED),
    *(("find", code, Verdict.MISCONFIGURED) for code in MISCONFIGURED),
    *(("find", code, Verdict.UNKNOWN) for code in ASK_FIRST + BROKEN + STRANGE + DECLINED),
]


@pytest.fixture
def gateway(toss: PracticeToss) -> Toss:
    """Ours, which waits for five seconds at most."""
    return Toss(toss.url, TOSS_SECRET_KEY, read=5)


def approve(gateway: Toss, payment_key: str, *, order_id: str = ORDER, key: str = "confirm-1") -> Outcome:
    return gateway.approve(payment_key=payment_key, order_id=order_id, amount=10_000, idempotency_key=key)


def cancel(
    gateway: Toss, payment_key: str, *, amount: int | None = None, left: int | None = None, key: str = "1"
) -> Outcome:
    return gateway.cancel(
        payment_key=payment_key, reason="마음이 바뀜", amount=amount, refundable=left, idempotency_key=key
    )


def ask(gateway: Toss, toss: PracticeToss, call: str) -> Outcome:
    """Each of the three questions about one payment."""
    key = toss.authenticate(ORDER, 10_000)
    asked = {
        "confirm": lambda: approve(gateway, key),
        "cancel": lambda: cancel(gateway, key),
        "find": lambda: gateway.find(ORDER),
    }
    return asked[call]()


def test_an_approval_tells_everything(gateway: Toss, toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000, method="간편결제")
    outcome = approve(gateway, key)
    payment = outcome.payment
    assert outcome.verdict is Verdict.OK
    assert payment is not None
    assert (payment.payment_key, payment.order_id, payment.status, payment.method) == (key, ORDER, "DONE", "간편결제")
    assert (payment.total, payment.balance, payment.cancels) == (10_000, 10_000, ())
    assert payment.approved_at is not None
    assert abs(payment.approved_at - wall.now()) < timedelta(minutes=1)
    assert payment.receipt_url == f"http://localhost:{toss.port}/receipt/{key}"
    assert gateway.find(ORDER) == outcome


@pytest.mark.parametrize(("call", "code", "verdict"), TABLE)
def test_every_code_has_one_meaning(gateway: Toss, toss: PracticeToss, call: str, code: str, verdict: Verdict) -> None:
    toss.break_at(call, code=code)
    outcome = ask(gateway, toss, call)
    assert (outcome.verdict, outcome.code, outcome.payment) == (verdict, code, None)
    assert outcome.text
    assert "연습용" not in outcome.text
    assert outcome.text == (str(CHECKING) if verdict is Verdict.UNKNOWN else explain(code))


@pytest.mark.parametrize("status", [409, 429, 500, 502, 503, 301])
@pytest.mark.parametrize("code", ["REJECT_CARD_COMPANY", "NOT_FOUND_PAYMENT"])
def test_a_code_counts_only_in_an_answer_that_decides(
    gateway: Toss, toss: PracticeToss, status: int, code: str
) -> None:
    toss.break_at("confirm", code=code, status=status)
    assert ask(gateway, toss, "confirm").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "fault",
    [
        {"close": True},
        {"close": True, "after": True},
        {"status": 500},
        {"status": 503, "after": True, "body": "<h1>점검 중</h1>"},
        {"status": 200, "body": "<h1>안녕하세요</h1>"},
        {"status": 400, "body": "<h1>REJECT_CARD_COMPANY</h1>"},
        {"status": 204, "body": ""},
        {"status": 200, "body": "[]"},
        {"status": 200, "body": "null"},
        {"status": 200, "body": '"DONE"'},
        {"status": 200, "body": "{}"},
        {"status": 200, "body": '{"code": "REJECT_CARD_COMPANY"}'},
        {"status": 400, "body": '{"code": ["REJECT_CARD_COMPANY"]}'},
        {"status": 200, "body": "[" * 100_000},
        {"status": 200, "body": "9" * 10_000},
    ],
)
@pytest.mark.parametrize("call", ["confirm", "cancel", "find"])
def test_whatever_is_no_answer_is_unknown(gateway: Toss, toss: PracticeToss, call: str, fault: dict[str, Any]) -> None:
    toss.break_at(call, **fault)
    assert ask(gateway, toss, call).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "patch",
    [
        *({"totalAmount": wrong} for wrong in (10_000.0, "10000", True, -1, None)),
        *({"balanceAmount": wrong} for wrong in (10_000.0, 10_001, "10000", None)),
        *({"approvedAt": wrong} for wrong in ("2026-11-25T10:00:00", "gestern", 20261125)),
        *({"status": wrong} for wrong in (None, "", 200, "D" * 301)),
        *({"cancels": wrong} for wrong in ([{}], ["x"], 1, [{"transactionKey": "x", "cancelAmount": 1.5}])),
        *({"orderId": wrong} for wrong in ("order-0002", "order-0001\0", None)),
        {"receipt": "https://example.com/receipt"},
        {"failure": ["x"]},
    ],
)
def test_a_payment_of_wrong_types_is_unknown(gateway: Toss, toss: PracticeToss, patch: dict[str, Any]) -> None:
    toss.break_at("confirm", after=True, patch=patch)
    assert ask(gateway, toss, "confirm").verdict is Verdict.UNKNOWN
    assert gateway.find(ORDER).verdict is Verdict.OK


def test_an_answer_about_another_payment_is_unknown(gateway: Toss, toss: PracticeToss) -> None:
    toss.break_at("confirm", after=True, patch={"paymentKey": "another"})
    assert ask(gateway, toss, "confirm").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//example.com", "", 7, None])
def test_a_receipt_is_linked_only_where_a_link_is_safe(gateway: Toss, toss: PracticeToss, url: object) -> None:
    toss.break_at("confirm", after=True, patch={"receipt": {"url": url}, "method": None, "news": [1]})
    outcome = ask(gateway, toss, "confirm")
    assert outcome.payment is not None
    assert (outcome.payment.receipt_url, outcome.payment.method) == (None, "")


def test_nobody_is_sent_elsewhere(gateway: Toss, toss: PracticeToss) -> None:
    elsewhere = f"{toss.url}/v1/payments/orders/{ORDER}"
    toss.break_at("confirm", status=303, body="", headers={"Location": elsewhere})
    assert ask(gateway, toss, "confirm").verdict is Verdict.UNKNOWN
    assert toss.look()["calls"] == {"confirm": 1}


def test_what_took_too_long_is_found_and_not_taken_twice(toss: PracticeToss) -> None:
    gateway = Toss(toss.url, TOSS_SECRET_KEY, read=0.3)
    key = toss.authenticate(ORDER, 10_000)
    toss.break_at("confirm", after=True, seconds=1)
    assert approve(gateway, key).verdict is Verdict.UNKNOWN
    found = gateway.find(ORDER)
    assert found.payment is not None
    assert found.payment.status == "DONE"
    wait_until(lambda: approve(gateway, key).verdict is Verdict.OK)
    assert len(toss.look()["movements"]) == 1


@pytest.mark.parametrize(("size", "verdict"), [(gateways.LARGEST, Verdict.UNKNOWN), (1_000_000, Verdict.OK)])
def test_a_huge_answer_is_not_read_to_its_end(gateway: Toss, toss: PracticeToss, size: int, verdict: Verdict) -> None:
    toss.break_at("confirm", after=True, patch={"more": "x" * size})
    assert ask(gateway, toss, "confirm").verdict is verdict


def test_an_answer_in_drops_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            caller, _address = server.accept()
            with caller, suppress(OSError):
                caller.recv(65_536)
                caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while True:
                    caller.sendall(b" ")
                    threading.Event().wait(0.05)

        threading.Thread(target=drip, daemon=True).start()
        began = monotonic()
        gateway = Toss(f"http://127.0.0.1:{server.getsockname()[1]}", TOSS_SECRET_KEY, read=0.5)
        assert gateway.find(ORDER).verdict is Verdict.UNKNOWN
        assert monotonic() - began < 5


def test_the_same_key_gets_the_same_answer_and_another_one_does_not_take_twice(
    gateway: Toss, toss: PracticeToss
) -> None:
    key = toss.authenticate(ORDER, 10_000)
    assert approve(gateway, key, key="confirm-1") == approve(gateway, key, key="confirm-1")
    again = approve(gateway, key, key="confirm-2")
    assert (again.verdict, again.code) == (Verdict.UNKNOWN, "ALREADY_PROCESSED_PAYMENT")
    assert len(toss.look()["movements"]) == 1


def test_a_part_goes_back_and_then_the_rest(gateway: Toss, toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000)
    approve(gateway, key)
    part = cancel(gateway, key, amount=3_000, left=10_000, key="cancel-1")
    assert part.payment is not None
    assert (part.payment.status, part.payment.balance) == ("PARTIAL_CANCELED", 7_000)
    assert [(one.amount, one.reason) for one in part.payment.cancels] == [(3_000, "마음이 바뀜")]
    assert cancel(gateway, key, amount=3_000, left=10_000, key="cancel-1") == part
    stale = cancel(gateway, key, amount=3_000, left=10_000, key="cancel-2")
    assert (stale.verdict, stale.code) == (Verdict.ALREADY, "NOT_MATCHES_REFUNDABLE_AMOUNT")
    rest = cancel(gateway, key, key="cancel-3")
    assert rest.payment is not None
    assert (rest.payment.status, rest.payment.balance, rest.payment.total) == ("CANCELED", 0, 10_000)
    assert cancel(gateway, key, key="cancel-4").verdict is Verdict.ALREADY


def test_a_long_reason_is_cut(gateway: Toss, toss: PracticeToss) -> None:
    key = toss.authenticate(ORDER, 10_000)
    approve(gateway, key)
    outcome = gateway.cancel(
        payment_key=key, reason="가" * 300, amount=None, refundable=None, idempotency_key="cancel-1"
    )
    assert outcome.payment is not None
    assert outcome.payment.cancels[0].reason == "가" * 200


def test_an_order_that_nobody_paid_is_not_charged(gateway: Toss) -> None:
    assert gateway.find("order-nobody").verdict is Verdict.NOT_CHARGED


def test_a_path_is_not_left_by_a_name(gateway: Toss, toss: PracticeToss) -> None:
    assert gateway.find("../../transactions?startDate=1").verdict is Verdict.UNKNOWN
    assert toss.look()["calls"] == {}


def test_a_wrong_key_is_our_fault(toss: PracticeToss) -> None:
    assert ask(Toss(toss.url, "test_gsk_wrong"), toss, "confirm").verdict is Verdict.MISCONFIGURED
    assert toss.look()["movements"] == []


def test_who_does_not_answer_is_left_alone_for_a_while() -> None:
    port = free_port()
    gateway = Toss(f"http://127.0.0.1:{port}", TOSS_SECRET_KEY, read=0.2, pause=0.5)
    for _ in range(gateways.FAILURES):
        assert gateway.ready()
        assert approve(gateway, "key").verdict is Verdict.UNKNOWN
    assert not gateway.ready()
    with socket.create_server(("127.0.0.1", port)) as server:
        for step in (lambda: approve(gateway, "key"), lambda: cancel(gateway, "key")):
            with pytest.raises(GatewayAway):
                step()
        assert gateway.find(ORDER).verdict is Verdict.UNKNOWN
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
    wait_until(gateway.ready)


def test_one_tries_again_and_lets_the_others_in(make_toss: Callable[[], PracticeToss]) -> None:
    toss = make_toss()
    gateway = Toss(toss.url, TOSS_SECRET_KEY, pause=0.2)
    toss.stop()
    for _ in range(gateways.FAILURES):
        gateway.find(ORDER)
    toss.start()
    wait_until(lambda: gateway.find(ORDER).verdict is Verdict.NOT_CHARGED)
    assert gateway.ready()


def test_answers_that_say_no_are_answers(gateway: Toss, toss: PracticeToss) -> None:
    toss.break_at("find", times=None, code="COMMON_ERROR")
    for _ in range(2 * gateways.FAILURES):
        assert gateway.find(ORDER).verdict is Verdict.UNKNOWN
    assert toss.look()["calls"] == {"find": 2 * gateways.FAILURES}
    assert gateway.ready()


def test_few_wait_at_a_time_and_the_others_are_told_at_once(toss: PracticeToss) -> None:
    gateway = Toss(toss.url, TOSS_SECRET_KEY, waiting=2)
    keys = {f"order-{number:04}": toss.authenticate(f"order-{number:04}", 10_000) for number in range(3)}
    toss.break_at("confirm", times=None, seconds=2)
    (late, late_key), *early = reversed(keys.items())
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(approve, gateway, key, order_id=order_id, key=order_id) for order_id, key in early]
        wait_until(lambda: toss.look()["calls"].get("confirm") == 2)
        assert not gateway.ready()
        with pytest.raises(GatewayAway):
            approve(gateway, late_key, order_id=late)
        assert [each.result().verdict for each in waiting] == [Verdict.OK, Verdict.OK]
    assert toss.look()["calls"]["confirm"] == 2
    assert toss.payment(late)["status"] == "IN_PROGRESS"
    assert gateway.ready()


def test_at_most_a_quarter_of_the_webs_threads_wait_and_of_the_workers() -> None:
    for option, waiting in (("--blocking-threads", gateways.WAITING), ("--threads", gateways.WAITING_JOBS)):
        threads = re.search(rf"{option} (\d+)", (ROOT / "Procfile").read_text())
        assert threads is not None
        assert int(threads[1]) // 4 >= waiting
    assert gateways.CONNECT == 3


def test_the_log_holds_no_keys_and_nothing_of_a_person(
    gateway: Toss, toss: PracticeToss, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.start()
    key = toss.authenticate("order-secret", 10_000)
    approve(gateway, key, order_id="order-secret", key="idempotency-secret")
    toss.break_at("cancel", close=True)
    cancel(gateway, key)
    toss.break_at("find", code="SOMETHING_NEW")
    gateway.find("order-secret")
    approve(Toss(toss.url, "test_gsk_wrong"), key)
    approve(Toss("http://127.0.0.1:1", TOSS_SECRET_KEY), key)
    written = capsys.readouterr().out
    assert written.count("toss.answered") == 5
    assert written.count("toss.unexpected") == 2
    for secret in (key, TOSS_SECRET_KEY, "test_gsk_wrong", "idempotency-secret", "order-secret", "마음이 바뀜"):
        assert secret not in written


def test_without_a_secret_key_nobody_can_pay(toss: PracticeToss) -> None:
    assert gateways.of(Settings(_env_file=None)) is None
    known = Settings(_env_file=None, **toss.settings)
    hurried, patient = gateways.of(known), gateways.of(known, patient=True)
    assert hurried is not None
    assert patient is not None
    assert (hurried._read, patient._read) == (20, 60)
    assert (hurried._seats._value, patient._seats._value) == (gateways.WAITING, gateways.WAITING_JOBS)
    assert hurried.find("order-nobody").verdict is Verdict.NOT_CHARGED
    usual = gateways._current
    gateways.use(None)
    try:
        with pytest.raises(GatewayAway):
            gateways.current()
        gateways.use(hurried)
        assert gateways.current() is hurried
    finally:
        gateways.use(usual)
