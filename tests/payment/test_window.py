"""M14: the payment window, with JavaScript by the script of the page and without it by a plain form."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page

from nene.payment.gateway import Toss, Verdict
from standins import TOSS_CLIENT_KEY, TOSS_SECRET_KEY
from tests.browser import PHONE
from tests.tossed import PracticeToss

ORDER = "order-0001"
SHOP = "http://localhost:8000/payments"
ASKED = {
    "clientKey": TOSS_CLIENT_KEY,
    "customerKey": "customer-1",
    "orderId": ORDER,
    "orderName": "10,000P 충전",
    "amount": "10000",
    "successUrl": f"{SHOP}/success",
    "failUrl": f"{SHOP}/fail?from=window",
}


def open_window(toss: PracticeToss, **changed: str) -> str:
    """Send the form of a page without JavaScript; gives the window's address."""
    answer = requests.post(f"{toss.url}/window", {**ASKED, **changed}, timeout=5)
    assert answer.status_code == 200
    assert "연습용 결제창" in answer.text
    assert "실제로 돈이 나가지 않아요" in answer.text
    assert "10,000원 승인" in answer.text
    return answer.url.partition("?")[0]


def press(window: str, decision: str, **more: str) -> tuple[str, dict[str, str]]:
    """A button of the window; gives where it leads, and what is told there."""
    answer = requests.post(window, {"decision": decision, **more}, allow_redirects=False, timeout=5)
    assert answer.status_code == 303
    there = urlsplit(answer.headers["Location"])
    return f"{there.scheme}://{there.netloc}{there.path}", dict(parse_qsl(there.query))


def approve(toss: PracticeToss, told: dict[str, str], read: float = 5) -> Any:
    gateway = Toss(toss.url, TOSS_SECRET_KEY, read=read)
    return gateway.approve(
        payment_key=told["paymentKey"], order_id=told["orderId"], amount=int(told["amount"]), idempotency_key="1"
    )


def test_agreeing_leads_back_with_what_is_to_be_confirmed(toss: PracticeToss) -> None:
    where, told = press(open_window(toss), "approve", method="휴대폰")
    assert where == f"{SHOP}/success"
    assert (told["orderId"], told["amount"]) == (ORDER, "10000")
    assert toss.payment(ORDER)["status"] == "IN_PROGRESS"
    outcome = approve(toss, told)
    assert outcome.verdict is Verdict.OK
    assert outcome.payment.method == "휴대폰"
    receipt = requests.get(outcome.payment.receipt_url.replace("localhost", "127.0.0.1"), timeout=5)
    assert "10,000" in receipt.text
    assert "연습용 영수증" in receipt.text


def test_a_declined_card_is_declined_at_the_confirmation(toss: PracticeToss) -> None:
    where, told = press(open_window(toss), "decline", code="INVALID_STOPPED_CARD")
    assert where == f"{SHOP}/success"
    outcome = approve(toss, told)
    assert (outcome.verdict, outcome.code) == (Verdict.DECLINED, "INVALID_STOPPED_CARD")


def test_a_late_answer_is_not_waited_for_and_the_money_is_taken(toss: PracticeToss) -> None:
    _where, told = press(open_window(toss), "late")
    assert approve(toss, told, read=0.3).verdict is Verdict.UNKNOWN
    assert toss.payment(ORDER)["status"] == "DONE"


def test_a_virtual_account_waits(toss: PracticeToss) -> None:
    _where, told = press(open_window(toss), "deposit")
    assert approve(toss, told).payment.status == "WAITING_FOR_DEPOSIT"


def test_closing_leads_to_the_fail_page_without_the_order(toss: PracticeToss) -> None:
    where, told = press(open_window(toss), "close")
    assert where == f"{SHOP}/fail"
    assert (told["from"], told["code"]) == ("window", "PAY_PROCESS_CANCELED")
    assert "orderId" not in told
    assert toss.payment(ORDER)["status"] == "READY"


def test_a_window_that_was_closed_opens_again_for_the_same_payment(toss: PracticeToss) -> None:
    window = open_window(toss)
    press(window, "close")
    assert open_window(toss) == window
    assert len(toss.look()["payments"]) == 1


def test_a_window_that_is_over_leads_back_and_changes_nothing(toss: PracticeToss) -> None:
    window = open_window(toss)
    first = press(window, "approve")
    assert "이미 끝났어요" in requests.get(window, timeout=5).text
    assert press(window, "decline", code="FDS_ERROR") == first
    assert approve(toss, first[1]).verdict is Verdict.OK


def test_a_window_left_open_too_long_has_expired(toss: PracticeToss) -> None:
    window = open_window(toss)
    toss.act(ORDER, "age", minutes=30)
    where, told = press(window, "approve")
    assert where == f"{SHOP}/fail"
    assert (told["code"], told["orderId"]) == ("EXPIRED_PAYMENT", ORDER)


@pytest.mark.parametrize(
    "changed",
    [
        {"clientKey": "test_gck_other"},
        {"orderId": "short"},
        {"orderId": "with space"},
        {"amount": "0"},
        {"amount": "1.5"},
        {"amount": "-1"},
        {"orderName": ""},
        {"orderName": "가" * 101},
        {"successUrl": "javascript:alert(1)"},
        {"failUrl": "/fail"},
    ],
)
def test_a_window_is_not_opened_for_wrong_fields(toss: PracticeToss, changed: dict[str, str]) -> None:
    assert requests.post(f"{toss.url}/window", {**ASKED, **changed}, timeout=5).status_code == 400
    assert toss.look()["payments"] == []


PAGE = """<!DOCTYPE html><title>shop</title><div id="methods"></div><div id="agreement"></div><button>pay</button>
<output></output><script src="{sdk}"></script><script src="/pay.js"></script>"""
SCRIPT = """
const say = (text) => { document.querySelector("output").textContent = text; };
(async () => {
  const widgets = TossPayments("CLIENT").widgets({ customerKey: "customer-1" });
  await widgets.setAmount({ currency: "KRW", value: 10000 });
  const draw = async () => {
    await widgets.renderPaymentMethods({ selector: "#methods", variantKey: "DEFAULT" });
    await widgets.renderAgreement({ selector: "#agreement", variantKey: "AGREEMENT" });
  };
  await draw();
  await draw().catch((error) => say(error.code));
  await widgets.destroy();
  await draw();
  document.querySelector("button").addEventListener("click", () => widgets.requestPayment({
    orderId: "order-0001", orderName: "10,000P 충전", customerEmail: "someone@nene.test",
    successUrl: `${location.origin}/success`, failUrl: `${location.origin}/fail`,
  }).catch((error) => say(error.code)));
})();
"""


@pytest.fixture
def shop(toss: PracticeToss) -> Iterator[str]:
    """A page of ours under the strict policy of the product, with the script of Toss as the one exception."""
    sdk = f"{toss.url}/v2/standard"
    policy = f"default-src 'self'; script-src 'self' {toss.url}; style-src 'self'; form-action 'self'"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script = self.path == "/pay.js"
            body = SCRIPT.replace("CLIENT", TOSS_CLIENT_KEY) if script else PAGE.format(sdk=sdk)
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if script else "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A phone's page on which the policy may not be met."""
    faults: list[str] = []
    contexts = []

    def make(**options: Any) -> Page:
        contexts.append(browser.new_context(viewport=PHONE, locale="ko-KR", **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert [fault for fault in faults if "favicon" not in fault] == []


def test_the_script_draws_a_widget_and_leads_through_the_window(
    toss: PracticeToss, shop: str, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    page.goto(shop)
    page.get_by_label("계좌이체").check()
    assert page.get_by_role("status").text_content() == "ALREADY_WIDGET_RENDERED"
    assert page.get_by_label("계좌이체").count() == 1
    box = page.get_by_label("계좌이체").bounding_box()
    assert box is not None
    assert box["width"] == 20
    page.get_by_label("동의").uncheck()
    page.get_by_role("button", name="pay").click()
    page.get_by_text("NEED_AGREEMENT_WITH_REQUIRED_TERMS").wait_for()
    page.get_by_label("동의").check()
    page.get_by_role("button", name="pay").click()
    page.wait_for_url("**/window/**")
    assert "someone@nene.test" not in page.url
    assert page.get_by_label("계좌이체").is_checked()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="10,000원 승인").click()
    page.wait_for_url(f"{shop}/success?**")
    told = dict(parse_qsl(urlsplit(page.url).query))
    assert approve(toss, told).payment.method == "계좌이체"


def test_the_window_works_without_javascript(toss: PracticeToss, shop: str, open_page: Callable[..., Page]) -> None:
    page = open_page(java_script_enabled=False)
    back = f"successUrl={shop}/success&failUrl={shop}/fail"
    rest = f"clientKey={TOSS_CLIENT_KEY}&orderId={ORDER}&amount=10000&orderName=x"
    page.goto(f"{toss.url}/window?{back}&{rest}")
    page.get_by_role("button", name="닫기").click()
    page.wait_for_url(f"{shop}/fail?code=PAY_PROCESS_CANCELED**")
