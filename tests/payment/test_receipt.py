"""M8, M12: what the receipt shows, and how money is asked back on its page, with HTMX and without."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from nene.kernel.clock import wall
from nene.kernel.db import in_transaction
from nene.point import service as point
from nene.point.terms import GRANTS, Move, Reason, Reference, wallet_of
from tests import world
from tests.conftest import Clocks
from tests.payment import stage
from tests.payment.stage import AMOUNT, status_on
from tests.tossed import PracticeToss


def test_the_receipt_has_its_timeline_and_toss_receipt(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int
) -> None:
    order = stage.paid(toss, kim)
    page = browser_of_kim.get(f"/payments/{order}").text
    assert re.findall(r"<span>(충전 시작|승인 요청|승인 완료)</span>", page) == ["충전 시작", "승인 요청", "승인 완료"]
    assert f'href="{toss.payment(order)["receipt"]["url"]}"' in page
    assert 'rel="noopener noreferrer"' in page
    assert f'href="/payments/{order}/cancel"' in page


@pytest.mark.parametrize("htmx", [False, True])
def test_money_goes_back_and_the_points_with_it(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int, *, htmx: bool
) -> None:
    order = stage.paid(toss, kim)
    asked = browser_of_kim.get(f"/payments/{order}/cancel").text
    assert 'value="-10000"' in asked
    for _time in range(2):
        answer = world.post(browser_of_kim, f"/payments/{order}/cancel", htmx=htmx, reason="마음이 바뀌었어요")
        assert answer.status_code == (200 if htmx else 303)
    page = answer.text if htmx else browser_of_kim.get(answer.location).text
    assert status_on(page) == "CANCELED"
    assert "취소 요청: 마음이 바뀌었어요" in page
    assert stage.balance(kim) == 0
    assert toss.payment(order)["balanceAmount"] == 0
    assert len(stage.refunds(order)) == 1
    assert browser_of_kim.get(f"/payments/{order}/cancel").location == f"/payments/{order}"
    assert world.post(browser_of_kim, f"/payments/{order}/cancel", reason="").location == f"/payments/{order}"


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize("reason", ["", " ", "가", "가" * 201])
def test_a_reason_is_wanted_and_kept(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int, reason: str, *, htmx: bool
) -> None:
    order = stage.paid(toss, kim)
    answer = world.post(browser_of_kim, f"/payments/{order}/cancel", htmx=htmx, reason=reason)
    assert answer.status_code == 422
    assert reason.strip() in answer.text
    assert 'id="reason-problem"' in answer.text
    assert stage.balance(kim) == AMOUNT


def test_what_is_spent_cannot_go_back(browser_of_kim: FlaskClient, toss: PracticeToss, kim: int) -> None:
    order = stage.paid(toss, kim)
    spent = Move(
        key="purchase:1",
        source=wallet_of(kim),
        target=GRANTS,
        amount=1,
        reason=Reason.PRODUCT_PURCHASE,
        about=Reference("order", "1", "컵"),
    )
    in_transaction(point.move_many, [spent])
    assert "/cancel" not in browser_of_kim.get(f"/payments/{order}").text
    answer = world.post(browser_of_kim, f"/payments/{order}/cancel", reason="마음이 바뀌었어요")
    assert answer.status_code == 409
    assert stage.balance(kim) == AMOUNT - 1
    assert toss.payment(order)["balanceAmount"] == AMOUNT


def test_after_seven_days_nothing_offers_a_cancel(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int, clock: Clocks
) -> None:
    order = stage.paid(toss, kim)
    clock.wall.stop_at(wall.now() + timedelta(days=8, minutes=1))
    browser = world.signed_in(browser_of_kim.application, kim)
    assert "/cancel" not in browser.get(f"/payments/{order}").text
    answer = world.post(browser, f"/payments/{order}/cancel", reason="마음이 바뀌었어요")
    assert answer.status_code == 409
    assert "7일" in answer.text


def test_a_refused_cancel_says_so_and_the_points_are_as_before(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int
) -> None:
    order = stage.paid(toss, kim)
    toss.break_at("cancel", status=403, code="EXCEED_MAX_REFUND_DUE")
    answer = world.post(browser_of_kim, f"/payments/{order}/cancel", htmx=True, reason="마음이 바뀌었어요")
    assert answer.status_code == 409
    assert "결제사에서 취소할 수 있는 기간이 지났어요" in answer.text
    assert stage.balance(kim) == AMOUNT
    assert not stage.faults()


def test_a_cancel_without_an_answer_is_looked_at(browser_of_kim: FlaskClient, toss: PracticeToss, kim: int) -> None:
    order = stage.paid(toss, kim)
    toss.break_at("cancel", close=True)
    answer = world.post(browser_of_kim, f"/payments/{order}/cancel", htmx=True, reason="마음이 바뀌었어요")
    assert answer.status_code == 200
    assert "취소를 확인하고 있어요" in answer.text
    stage.reconcile()
    assert status_on(browser_of_kim.get(f"/payments/{order}").text) == "CANCELED"
