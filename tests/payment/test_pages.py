"""M1, M2, M4, M12, M16: what somebody who charges sees, with HTMX and without, and what strangers do not."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from nene.kernel.clock import wall
from nene.kernel.db import in_transaction
from nene.payment import gateway
from nene.payment.gateway import Toss
from nene.payment.terms import Status
from nene.user import service as user
from tests import world
from tests.conftest import Clocks
from tests.crowd import wait_until
from tests.payment import stage
from tests.payment.stage import AMOUNT, status_on
from tests.tossed import PracticeToss

UNTOUCHED = "청구되지 않았어요"


def order_in(answer: TestResponse) -> str:
    return str(answer.headers.get("HX-Redirect") or answer.location).rsplit("/", 1)[1]


def agreed(toss: PracticeToss, kim: int, **more: object) -> tuple[str, dict[str, object]]:
    """An order to which the person has agreed in the window, and the fields of the confirmation."""
    order = stage.start(kim)
    return order, {"payment_key": toss.authenticate(order, AMOUNT, **more), "amount": AMOUNT}


# Before the window


@pytest.mark.parametrize("htmx", [False, True])
def test_an_order_is_stored_and_its_page_has_the_widget(browser_of_kim: FlaskClient, *, htmx: bool) -> None:
    answer = world.post(browser_of_kim, "/payments", htmx=htmx, amount=30_000)
    assert answer.status_code == (200 if htmx else 303)
    order = order_in(answer)
    assert stage.row(order).amount == 30_000
    page = browser_of_kim.get(f"/payments/{order}").text
    assert status_on(page) == "PENDING"
    assert f'data-order-id="{order}"' in page
    assert 'data-amount="30000"' in page
    assert "테스트 결제" in page
    assert UNTOUCHED in page


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize("amount", ["", "0", "9999", "100001", "-10000", "10000.5", "만원", "99999999999999999999"])
def test_other_amounts_are_refused_at_the_field(browser_of_kim: FlaskClient, amount: str, *, htmx: bool) -> None:
    answer = world.post(browser_of_kim, "/payments", htmx=htmx, amount=amount)
    assert answer.status_code == 422
    assert 'id="amount-problem"' in answer.text
    assert ("<html" in answer.text) is not htmx
    assert 'data-id="' not in browser_of_kim.get("/payments").text


def test_a_month_has_its_end_and_says_so(browser_of_kim: FlaskClient, kim: int) -> None:
    for _number in range(4):
        stage.start(kim, 100_000)
    page = browser_of_kim.get("/payments/new").text
    assert re.search(r'value="100000">100,000원</data>까지</span> 더 충전할 수 있어요', page)
    assert page.count("이어서 결제하기") == 4
    stage.start(kim, 100_000)
    answer = world.post(browser_of_kim, "/payments", amount=AMOUNT)
    assert answer.status_code == 409
    assert "한 달에 500,000P까지" in answer.text
    assert 'value="10000"' in answer.text


def test_who_is_too_young_is_told_so_before_and_after(app: Flask, selling: None) -> None:
    young = world.signed_in(app, in_transaction(world.member, birth_on=world.TODAY.replace(year=2010)))
    page = young.get("/payments/new").text
    assert "만 19세부터 할 수 있어요" in page
    assert "결제 수단 고르기" not in page
    answer = world.post(young, "/payments", amount=AMOUNT)
    assert answer.status_code == 403
    assert "19" in answer.text


def test_a_chip_fills_the_field_without_javascript(browser_of_kim: FlaskClient) -> None:
    assert 'value="50000"' in browser_of_kim.get("/payments/new?amount=50000").text
    assert 'value="77"' not in browser_of_kim.get("/payments/new?amount=77").text


def test_only_the_page_of_the_widget_opens_to_toss(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int, paying: Toss
) -> None:
    here = f"http://localhost:{toss.port}"
    order = stage.start(kim)
    policy = browser_of_kim.get(f"/payments/{order}").headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert all(here in rules[name] for name in ("script-src", "frame-src", "connect-src", "form-action"))
    assert "unsafe" not in policy
    stage.confirm(toss, kim, order)
    for path in (f"/payments/{order}", "/payments/new", "/payments", "/me"):
        assert here not in browser_of_kim.get(path).headers["Content-Security-Policy"]


def test_toss_knows_a_person_by_a_name_that_tells_nothing(app: Flask, browser_of_kim: FlaskClient, kim: int) -> None:
    def name_on(browser: FlaskClient, order: str) -> str:
        found = re.search(r'data-customer-key="([^"]+)"', browser.get(f"/payments/{order}").text)
        assert found
        return found[1]

    mine = {name_on(browser_of_kim, stage.start(kim)) for _time in range(2)}
    lee = in_transaction(world.member)
    theirs = name_on(world.signed_in(app, lee), stage.start(lee))
    assert len(mine | {theirs}) == 2
    assert all(re.fullmatch(r"[0-9a-f]{40}", name) for name in mine)


def test_without_keys_nobody_is_sent_anywhere(app: Flask, kim: int) -> None:
    page = world.signed_in(app, kim).get(f"/payments/{stage.start(kim)}").text
    assert "아무것도 처리되지 않았습니다" in page
    assert 'id="pay"' not in page


# Back from the window


def test_coming_back_changes_nothing_by_itself(browser_of_kim: FlaskClient, toss: PracticeToss, kim: int) -> None:
    order, fields = agreed(toss, kim)
    page = browser_of_kim.get(f"/payments/success?paymentKey={fields['payment_key']}&orderId={order}&amount={AMOUNT}")
    assert page.status_code == 200
    assert stage.status(order) is Status.PENDING
    assert toss.payment(order)["status"] == "IN_PROGRESS"
    assert f'action="/payments/{order}/confirm"' in page.text
    assert str(fields["payment_key"]) in page.text


def test_who_comes_back_to_another_browser_signs_in_first_and_loses_nothing(
    app: Flask, selling: None, toss: PracticeToss
) -> None:
    kim = in_transaction(world.member, email="back@nene.test", password_hash=user.hash_password(world.PASSWORD))
    order, fields = agreed(toss, kim)
    back = f"/payments/success?paymentKey={fields['payment_key']}&orderId={order}&amount={AMOUNT}"
    other = app.test_client()
    answer = other.get(back)
    assert answer.status_code == 303
    page = other.get(answer.location)
    again = world.post(other, "/login", email="back@nene.test", password=world.PASSWORD, next=back)
    assert back.replace("&", "&amp;") in page.text
    assert again.location == back
    assert other.get(back).status_code == 200


@pytest.mark.parametrize("htmx", [False, True])
def test_the_press_approves_and_the_points_follow(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int, *, htmx: bool
) -> None:
    order, fields = agreed(toss, kim)
    answer = world.post(browser_of_kim, f"/payments/{order}/confirm", htmx=htmx, **fields)
    if htmx:
        assert answer.status_code == 200
        assert answer.headers["HX-Replace-Url"] == f"/payments/{order}"
        assert "<html" not in answer.text
        page = answer.text
    else:
        assert (answer.status_code, answer.location) == (303, f"/payments/{order}")
        page = browser_of_kim.get(answer.location).text
    assert "포인트를 넣고 있어요" in page
    assert 'hx-trigger="every 1s"' in page
    stage.work()
    assert stage.balance(kim) == AMOUNT
    settled = browser_of_kim.get(f"/payments/{order}").text
    assert "충전했어요" in settled
    assert "hx-trigger" not in settled.split('id="payment"')[1]
    assert not stage.faults()


def test_reload_and_double_click_get_the_same_answer(browser_of_kim: FlaskClient, toss: PracticeToss, kim: int) -> None:
    order, fields = agreed(toss, kim)
    answers = [world.post(browser_of_kim, f"/payments/{order}/confirm", **fields) for _time in range(3)]
    assert {(answer.status_code, answer.location) for answer in answers} == {(303, f"/payments/{order}")}
    back = browser_of_kim.get(f"/payments/success?paymentKey={fields['payment_key']}&orderId={order}&amount={AMOUNT}")
    assert (back.status_code, back.location) == (303, f"/payments/{order}")
    stage.work()
    assert stage.balance(kim) == AMOUNT
    assert stage.entries("charge:") == 1


@pytest.mark.parametrize("htmx", [False, True])
def test_a_declined_card_is_told_in_plain_words_each_time(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int, *, htmx: bool
) -> None:
    order, fields = agreed(toss, kim, decline="INVALID_STOPPED_CARD")
    for _time in range(2):
        answer = world.post(browser_of_kim, f"/payments/{order}/confirm", htmx=htmx, **fields)
        assert answer.status_code == 409
        assert "정지된 카드예요" in answer.text
        assert UNTOUCHED in answer.text
        assert status_on(answer.text) == "FAILED"
        assert ("<html" in answer.text) is not htmx


def test_what_failed_is_told_once_in_the_inbox(browser_of_kim: FlaskClient, toss: PracticeToss, kim: int) -> None:
    order, fields = agreed(toss, kim, decline="INVALID_STOPPED_CARD")
    for _time in range(2):
        world.post(browser_of_kim, f"/payments/{order}/confirm", **fields)
        stage.reconcile()
    inbox = browser_of_kim.get("/notifications").text
    assert inbox.count("결제가 되지 않았어요") == 1
    assert "정지된 카드예요. 청구되지 않았어요." in inbox
    assert f'href="/payments/{order}"' in inbox


@pytest.mark.parametrize("wrong", [{"amount": 20_000}, {"amount": 10_001}])
def test_what_differs_from_the_stored_order_is_not_approved(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int, wrong: dict[str, int]
) -> None:
    order, fields = agreed(toss, kim)
    answer = world.post(browser_of_kim, f"/payments/{order}/confirm", **{**fields, **wrong})
    assert answer.status_code == 409
    assert UNTOUCHED in answer.text
    assert stage.status(order) is Status.PENDING
    assert "confirm" not in toss.look()["calls"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"payment_key": "k"},
        {"amount": AMOUNT},
        {"payment_key": "k", "amount": "x"},
        {"payment_key": "a\0b", "amount": AMOUNT},
    ],
)
def test_a_confirmation_without_its_parts_is_refused(
    browser_of_kim: FlaskClient, kim: int, fields: dict[str, object]
) -> None:
    order = stage.start(kim)
    answer = world.post(browser_of_kim, f"/payments/{order}/confirm", **fields)
    assert answer.status_code == 422
    assert stage.status(order) is Status.PENDING


def test_an_unknown_outcome_says_that_it_is_being_looked_at(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int
) -> None:
    order, fields = agreed(toss, kim)
    toss.break_at("confirm", status=500, code="FAILED_INTERNAL_SYSTEM_PROCESSING", after=True)
    page = world.post(browser_of_kim, f"/payments/{order}/confirm", htmx=True, **fields)
    assert page.status_code == 200
    assert status_on(page.text) == "CONFIRMING"
    assert "다시 결제하지 마세요" in page.text
    seen = stage.row(order).version
    assert browser_of_kim.get(f"/payments/{order}?seen={seen}", headers={"HX-Request": "true"}).status_code == 204
    stage.reconcile()
    found = browser_of_kim.get(f"/payments/{order}?seen={seen}", headers={"HX-Request": "true"})
    assert status_on(found.text) == "DONE"
    assert found.headers["HX-Trigger"] == "point-changed"
    assert stage.balance(kim) == AMOUNT


@pytest.mark.parametrize("htmx", [False, True])
def test_while_toss_is_away_nothing_is_done(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int, *, htmx: bool
) -> None:
    order, fields = agreed(toss, kim)
    gateway.use(None)
    answer = world.post(browser_of_kim, f"/payments/{order}/confirm", htmx=htmx, **fields)
    assert answer.status_code == 503
    assert "아무것도 처리되지 않았습니다" in answer.text
    assert stage.status(order) is Status.PENDING


def test_a_failed_window_says_why_and_believes_only_known_codes(browser_of_kim: FlaskClient, kim: int) -> None:
    order = stage.start(kim)
    page = browser_of_kim.get(f"/payments/fail?code=REJECT_CARD_COMPANY&orderId={order}&message=Transfer+to+me").text
    assert "카드사에서 결제를 거절했어요" in page
    assert "Transfer" not in page
    assert UNTOUCHED in page
    assert f'href="/payments/{order}"' in page
    closed = browser_of_kim.get("/payments/fail?code=PAY_PROCESS_CANCELED").text
    assert f'href="/payments/{order}"' in closed
    unknown = browser_of_kim.get("/payments/fail?code=<i>&orderId=none-of-mine").text
    assert "<i>" not in unknown
    assert 'href="/payments/new"' in unknown
    assert stage.status(order) is Status.PENDING


def test_of_a_payment_that_was_made_nothing_says_that_it_was_not(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int
) -> None:
    order = stage.paid(toss, kim)
    here = f"/payments/{order}"
    assert browser_of_kim.get(f"/payments/fail?code=PAY_PROCESS_ABORTED&orderId={order}").location == here
    other = {"payment_key": "another-key", "amount": AMOUNT}
    assert world.post(browser_of_kim, f"{here}/confirm", **other).location == here
    assert UNTOUCHED not in world.post(browser_of_kim, f"{here}/confirm", payment_key="", amount=AMOUNT).text


def test_no_older_state_is_kept_for_the_back_button(browser_of_kim: FlaskClient, kim: int) -> None:
    order = stage.start(kim)
    paths = (f"/payments/{order}", "/payments/new", "/payments", f"/payments/success?orderId={order}", "/payments/fail")
    for path in paths:
        assert browser_of_kim.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("order", ["%00", "a%00bcdef", "short", "x" * 65, "가나다라마바사", "a.b.c.d"])
def test_what_is_no_order_is_not_there(browser_of_kim: FlaskClient, order: str) -> None:
    for path in (f"/payments/{order}", f"/payments/{order}/cancel", f"/payments/success?orderId={order}"):
        assert browser_of_kim.get(path).status_code == 404
    for verb, fields in (("confirm", {"payment_key": "k", "amount": 1}), ("cancel", {"reason": "마음이 바뀌었어요"})):
        assert world.post(browser_of_kim, f"/payments/{order}/{verb}", **fields).status_code == 404
    assert browser_of_kim.get(f"/payments/fail?orderId={order}").status_code == 200


# The history


def test_the_history_is_mine_newest_first_and_filtered(
    app: Flask, browser_of_kim: FlaskClient, toss: PracticeToss, kim: int
) -> None:
    done, waiting = stage.paid(toss, kim), stage.start(kim)
    theirs = stage.start(in_transaction(world.member))
    page = browser_of_kim.get("/payments").text
    assert re.findall(r'data-id="([^"]+)"', page) == [waiting, done]
    assert theirs not in page
    assert re.findall(r'data-id="([^"]+)"', browser_of_kim.get("/payments?status=DONE").text) == [done]
    assert 'data-id="' not in browser_of_kim.get("/payments?to=2020-01-01").text
    assert re.findall(r'data-id="([^"]+)"', browser_of_kim.get("/payments?status=NONSENSE").text) == [waiting, done]


def test_a_long_history_goes_on(app: Flask, browser_of_kim: FlaskClient, kim: int) -> None:
    orders = [stage.start(kim) for _number in range(21)]
    first = browser_of_kim.get("/payments").text
    link = re.search(r'rel="next"\s+href="([^"]+)"', first)
    assert link
    more = browser_of_kim.get(link[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).text
    assert re.findall(r'data-id="([^"]+)"', first + more) == orders[::-1]


def test_the_points_page_leads_to_the_payment(browser_of_kim: FlaskClient, toss: PracticeToss, kim: int) -> None:
    order = stage.paid(toss, kim)
    assert f'href="/payments/{order}"' in browser_of_kim.get("/points").text
    assert f'href="/payments/{order}"' in browser_of_kim.get("/notifications").text


# Strangers


@pytest.mark.parametrize("path", ["", "/cancel"])
def test_nobody_sees_anothers_payment(app: Flask, selling: None, toss: PracticeToss, kim: int, path: str) -> None:
    order = stage.paid(toss, kim)
    stranger = world.signed_in(app, in_transaction(world.member))
    assert stranger.get(f"/payments/{order}{path}").status_code == 404
    back = stranger.get(f"/payments/success?orderId={order}&paymentKey=k&amount=1")
    assert back.status_code == 404
    assert "그 계정으로 로그인해 주세요" in back.text
    assert app.test_client().get(f"/payments/{order}{path}").status_code == 303


def test_nobody_confirms_or_cancels_anothers_payment(app: Flask, selling: None, toss: PracticeToss, kim: int) -> None:
    stranger = world.signed_in(app, in_transaction(world.member))
    order, fields = agreed(toss, kim)
    assert world.post(stranger, f"/payments/{order}/confirm", **fields).status_code == 404
    done = stage.paid(toss, kim)
    assert world.post(stranger, f"/payments/{done}/cancel", reason="내 것이에요").status_code == 404
    assert [stage.status(one) for one in (order, done)] == [Status.PENDING, Status.DONE]
    assert stage.balance(kim) == AMOUNT


def test_an_admin_is_a_stranger_too(app: Flask, selling: None, kim: int) -> None:
    admin = in_transaction(world.member, email="boss@nene.test")
    in_transaction(user.promote, email="boss@nene.test")
    assert world.signed_in(app, admin).get(f"/payments/{stage.start(kim)}").status_code == 404


def test_an_order_ends_while_its_page_is_open(
    browser_of_kim: FlaskClient, toss: PracticeToss, kim: int, clock: Clocks
) -> None:
    order, fields = agreed(toss, kim)
    clock.wall.stop_at(wall.now() + timedelta(minutes=31))
    stage.reconcile()
    wait_until(lambda: stage.status(order) is Status.EXPIRED)
    answer = world.post(world.signed_in(browser_of_kim.application, kim), f"/payments/{order}/confirm", **fields)
    assert answer.status_code == 409
    assert UNTOUCHED in answer.text
