"""Somebody who has charged points leaves: the money goes back, they watch it settle, and only then they go."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.crowd import wait_until
from tests.journeys.test_charge import look_again
from tests.journeys.test_main_loop import PASSWORD, POINTS, balance, sign_up
from tests.servers import ROOT, Live
from tests.tossed import PracticeToss

PAID = 10_000
CHARGE = """
import sys
import requests
from sqlalchemy import select
from app import create_app
from nene.kernel.db import in_transaction, reading
from nene.payment import service
from nene.user.models import User

nickname, amount, toss = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with create_app().app_context():
    with reading() as session:
        user_id = session.scalars(select(User.id).where(User.nickname == nickname)).one()
    order_id = in_transaction(service.start_payment, user_id=user_id, amount=amount)
    agreed = requests.post(f"{toss}/control/authenticate", json={"orderId": order_id, "amount": amount}).json()
    service.confirm(user_id=user_id, order_id=order_id, payment_key=agreed["paymentKey"], amount=amount)
    print(order_id)
"""


def charge(live: Live, toss: PracticeToss, nickname: str) -> str:
    """Pay as this member, in the application's own database; its worker brings the points. Gives the order id."""
    command = [sys.executable, "-c", CHARGE, nickname, str(PAID), toss.url]
    environment = {**os.environ, **live.environment}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def is_charged(page: Page) -> bool:
    page.goto("/points")
    return balance(page) == POINTS + PAID


def watch_it_settle(page: Page, *, scripts: bool) -> None:
    """The page shows by itself that Toss has answered; without JavaScript one looks again."""
    if not scripts:
        look_again(page, page.get_by_role("link", name="지금 상태 다시 보기"))
    expect(page.get_by_role("heading", name="돌려드렸어요")).to_be_visible(timeout=30_000)


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without"])
def test_the_money_goes_back_before_the_goodbye(
    make_context: Callable[..., BrowserContext], live: Live, toss: PracticeToss, scripts: bool
) -> None:
    page = make_context(java_script_enabled=scripts).new_page()
    order_id = charge(live, toss, sign_up(page, live))
    wait_until(lambda: is_charged(page))

    page.goto("/me/withdraw")
    expect(page.get_by_label("비밀번호")).to_have_count(0)
    expect(page.locator(f"[data-id='{order_id}'] data[value='{PAID}']")).to_be_visible()
    toss.break_at("cancel", status=500)
    page.get_by_role("button", name="10,000원 돌려받기").click()
    expect(page.get_by_role("heading", name="돈으로 돌려받는 중이에요")).to_be_visible()
    expect(page.locator(f"[data-id='{order_id}']")).to_have_attribute("data-status", "CANCELING")
    expect(page.locator("#balance data")).to_have_attribute("value", str(POINTS))
    expect(page.get_by_label("비밀번호")).to_have_count(0)

    watch_it_settle(page, scripts=scripts)
    assert toss.payment(order_id)["balanceAmount"] == 0
    page.get_by_label("남은 50,000P를 포기하고 탈퇴할게요.").check()
    page.get_by_label("비밀번호").fill(PASSWORD)
    page.get_by_role("button", name="탈퇴하기").click()
    expect(page.locator("#flash")).to_contain_text("탈퇴했어요")
    page.goto("/me")
    expect(page).to_have_url(f"{live.url}/login?next=/me")
