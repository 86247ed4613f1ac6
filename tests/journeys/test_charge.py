"""Somebody charges points in the practice window, sees them come, and takes the money back; with JavaScript and without."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser import DESKTOP
from tests.crowd import wait_until
from tests.journeys.test_main_loop import balance, sign_up
from tests.servers import Live
from tests.tossed import PracticeToss

AMOUNT = 10_000
CHARGED = re.compile("10,000P를 충전했어요")


def choose(page: Page) -> None:
    """From the points to the page with the widget."""
    page.goto("/points")
    page.get_by_role("link", name="충전하기").click()
    page.get_by_role("link", name="10,000원", exact=True).click()
    expect(page.get_by_label("얼마를 충전할까요?")).to_have_value(str(AMOUNT))
    expect(page.locator("[data-with] data")).to_have_attribute("value", str(AMOUNT))
    page.get_by_role("button", name="결제 수단 고르기").click()
    expect(page.locator("#payment")).to_have_attribute("data-status", "PENDING")
    expect(page.get_by_text("테스트 결제예요")).to_be_visible()


def order_of(page: Page) -> str:
    return page.locator("#payment").get_attribute("data-id") or ""


def look_again(page: Page, link: Locator) -> None:
    """Press the link to the same page, as one does without JavaScript, until it is not offered any more."""

    def is_over() -> bool:
        if link.count():
            with page.expect_navigation():
                link.click()
        return not link.count()

    wait_until(is_over)


def see_it_settle(page: Page, text: re.Pattern[str], *, scripts: bool) -> None:
    """The page shows it by itself; without JavaScript one looks again."""
    if not scripts:
        look_again(page, page.get_by_role("link", name="새로 고침"))
    expect(page.get_by_role("heading", name=text)).to_be_visible(timeout=30_000)


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without"])
def test_points_come_and_go_with_the_money(
    make_context: Callable[..., BrowserContext], live: Live, toss: PracticeToss, scripts: bool
) -> None:
    page = make_context(java_script_enabled=scripts).new_page()
    sign_up(page, live, points=0)
    choose(page)
    order = order_of(page)
    page.get_by_role("button", name="10,000원 결제하기").click()
    page.get_by_label("계좌이체").check()
    page.get_by_role("button", name="10,000원 승인").click()
    if not scripts:
        page.get_by_role("button", name="결제 마치기").click()
    see_it_settle(page, CHARGED, scripts=scripts)
    expect(page.locator("#balance data")).to_have_attribute("value", str(AMOUNT))
    expect(page).to_have_url(f"{live.url}/payments/{order}")
    expect(page.locator("#payment")).to_contain_text("계좌이체")

    for _time in range(2 if scripts else 3):  # over the window, which is done with, to the page that had the button
        page.go_back()
    expect(page.get_by_role("heading", name=CHARGED)).to_be_visible()
    expect(page.locator("#pay")).to_have_count(0)
    assert balance(page) == AMOUNT
    page.get_by_role("link", name="결제 취소하기").click()
    page.get_by_label("취소하는 까닭").fill("마음이 바뀌었어요")
    page.get_by_role("button", name="10,000원 돌려받기").click()
    see_it_settle(page, re.compile("결제를 취소했어요"), scripts=scripts)
    expect(page.locator("#balance data")).to_have_attribute("value", "0")
    assert toss.payment(order)["status"] == "CANCELED"
    page.goto("/payments")
    expect(page.locator(f"[data-id='{order}']")).to_have_attribute("data-status", "CANCELED")


def test_who_closes_the_window_or_is_declined_tries_again(
    make_context: Callable[..., BrowserContext], live: Live, toss: PracticeToss
) -> None:
    page = make_context(viewport=DESKTOP).new_page()
    sign_up(page, live, points=0)
    choose(page)
    order = order_of(page)
    pay = page.get_by_role("button", name="10,000원 결제하기")
    pay.click()
    page.get_by_role("button", name="닫기").click()
    expect(page.get_by_role("heading", name="결제되지 않았어요")).to_be_visible()
    page.get_by_role("link", name="다시 결제하기").click()
    assert order_of(page) == order
    pay.click()
    page.go_back()  # out of the window, by the browser's own button
    expect(pay).to_be_enabled()
    pay.click()
    page.get_by_label("거절하는 까닭").select_option("INVALID_STOPPED_CARD")
    page.get_by_role("button", name="거절", exact=True).click()
    expect(page.locator("#payment")).to_have_attribute("data-status", "FAILED")
    expect(page.locator("#payment")).to_contain_text("정지된 카드예요. 청구되지 않았어요.")
    page.get_by_role("link", name="다시 충전하기").click()
    expect(page.get_by_label("얼마를 충전할까요?")).to_have_value(str(AMOUNT))
    assert balance(page) == 0


def test_a_lost_network_loses_nothing(
    make_context: Callable[..., BrowserContext], live: Live, toss: PracticeToss
) -> None:
    context = make_context()
    page = context.new_page()
    sign_up(page, live, points=0)
    choose(page)
    order = order_of(page)
    told = toss.authenticate(order, AMOUNT)
    page.route("**/confirm", lambda route: route.abort())
    page.goto(f"/payments/success?paymentKey={told}&orderId={order}&amount={AMOUNT}")
    expect(page.locator("#flash")).to_contain_text("두 번 처리되지 않으니 다시 눌러서 확인해 주세요")
    page.unroute("**/confirm")
    toss.break_at("confirm", close=True, after=True)  # and now Toss's own answer is lost
    page.get_by_role("button", name="결제 마치기").click()
    expect(page.get_by_role("heading", name="결제를 확인하고 있어요")).to_be_visible()
    context.set_offline(True)
    for _time in range(2):
        page.wait_for_event("requestfailed")
    expect(page.locator("#flash")).to_be_empty()
    context.set_offline(False)
    expect(page.get_by_role("heading", name=CHARGED)).to_be_visible(timeout=60_000)
    expect(page.locator("#balance data")).to_have_attribute("value", str(AMOUNT))


def test_without_the_script_of_toss_the_page_says_so(
    make_context: Callable[..., BrowserContext], live: Live, toss: PracticeToss
) -> None:
    page = make_context().new_page()
    sign_up(page, live, points=0)
    page.route("**/v2/standard", lambda route: route.abort())
    choose(page)
    expect(page.locator("#flash")).to_contain_text("결제 화면을 불러오지 못했어요. 청구되지 않았어요.")
    expect(page.locator("#pay")).to_be_hidden()
