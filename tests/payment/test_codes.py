"""Every row of Toss's table of errors, from the answer to where it leaves the payment and what the person reads."""

import pytest

from nene.payment import service
from nene.payment.errors import explain
from nene.payment.gateway import Toss
from nene.payment.terms import RefundStatus, Status
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.tossed import PracticeToss

UNKNOWN = {
    "PROVIDER_ERROR": 400,
    "IDEMPOTENT_REQUEST_PROCESSING": 409,
    "TOO_MANY_REQUESTS": 429,
    "COMMON_ERROR": 500,
    "FAILED_REFUND_PROCESS": 500,
    "FAILED_METHOD_HANDLING_CANCEL": 500,
    "": 503,
}
DECLINED = {
    "INVALID_CARD_NUMBER": (400, "카드 번호가 맞지 않아요."),
    "INVALID_CARD_EXPIRATION": (400, "카드 유효기간이 맞지 않아요."),
    "INVALID_STOPPED_CARD": (400, "정지된 카드예요."),
    "INVALID_REJECT_CARD": (400, "이 카드로는 결제할 수 없어요."),
    "INVALID_CARD_LOST_OR_STOLEN": (400, "분실이나 도난으로 신고된 카드예요."),
    "EXCEED_MAX_AMOUNT": (400, "카드 한도를 넘는 금액이에요."),
    "EXCEED_MAX_PAYMENT_AMOUNT": (400, "카드 한도를 넘는 금액이에요."),
    "EXCEED_MAX_DAILY_PAYMENT_COUNT": (400, "하루에 결제할 수 있는 횟수를 넘었어요."),
    "BELOW_MINIMUM_AMOUNT": (400, "이 방법으로 결제하기에는 금액이 너무 적어요."),
    "NOT_AVAILABLE_PAYMENT": (400, "지금은 이 방법으로 결제할 수 없는 시간이에요."),
    "REJECT_CARD_PAYMENT": (403, "한도를 넘었거나 잔액이 모자라요."),
    "REJECT_CARD_COMPANY": (403, "카드사에서 결제를 거절했어요. 카드사에 물어봐 주세요."),
    "REJECT_ACCOUNT_PAYMENT": (403, "계좌의 잔액이 모자라요."),
    "EXCEED_MAX_AUTH_COUNT": (403, "인증할 수 있는 횟수를 넘었어요. 카드사에 물어봐 주세요."),
    "EXCEED_MAX_ONE_DAY_AMOUNT": (403, "하루에 결제할 수 있는 금액을 넘었어요."),
    "FDS_ERROR": (403, "카드사에서 평소와 다른 거래로 보고 막았어요. 카드사에 물어봐 주세요."),
    "INVALID_PASSWORD": (403, "결제 비밀번호가 맞지 않아요."),
}
NOT_CHARGED = {
    "NOT_FOUND_PAYMENT_SESSION": "결제할 수 있는 시간이 지났어요. 청구되지 않았어요.",
    "NOT_FOUND_PAYMENT": "결제사에 없는 결제예요. 청구되지 않았어요.",
}
OURS = {"UNAUTHORIZED_KEY": 401, "INVALID_API_KEY": 400, "INCORRECT_BASIC_AUTH_FORMAT": 403, "FORBIDDEN_REQUEST": 403}
ALREADY = ["ALREADY_CANCELED_PAYMENT", "ALREADY_REFUND_PAYMENT", "NOT_MATCHES_REFUNDABLE_AMOUNT"]
REFUSED = {
    "NOT_CANCELABLE_AMOUNT": (403, "남은 금액보다 많이 돌려줄 수 없어요."),
    "NOT_CANCELABLE_PAYMENT": (403, "취소할 수 없는 결제예요."),
    "EXCEED_MAX_REFUND_DUE": (403, "결제사에서 취소할 수 있는 기간이 지났어요."),
    "NOT_ALLOWED_PARTIAL_REFUND": (403, "일부만 취소할 수 없는 결제예요."),
    "REFUND_REJECTED": (400, "카드사나 은행에서 취소를 거절했어요."),
    "INVALID_REFUND_ACCOUNT_INFO": (400, "돌려받을 계좌의 정보가 맞지 않아요."),
}
NEW = {"INVALID_REQUEST": 400, "SOMETHING_NEW": 403, "NOT_FOUND_PAYMENT": 404}  # to a cancel


def confirmed_with(toss: PracticeToss, user_id: int, code: str, status: int, *, after: bool = False) -> str:
    order = stage.start(user_id)
    toss.break_at("confirm", code=code, status=status, after=after)
    stage.confirm(toss, user_id, order)
    return order


def cancelled_with(toss: PracticeToss, user_id: int, code: str, status: int, *, after: bool = False) -> str:
    order = stage.paid(toss, user_id)
    toss.break_at("cancel", code=code, status=status, after=after)
    service.cancel(user_id=user_id, order_id=order, why="마음이 바뀌었어요")
    return order


def is_sound(toss: PracticeToss, order: str) -> bool:
    return stage.agrees(toss, order) and not stage.faults()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("code", "status"), UNKNOWN.items())
def test_confirm_unknown(
    toss: PracticeToss, paying: Toss, kim: int, boss: int, code: str, status: int, after: bool
) -> None:
    order = confirmed_with(toss, kim, code, status, after=after)
    assert (stage.status(order), stage.row(order).failure_text) == (Status.CONFIRMING, "")
    assert stage.balance(kim) == 0
    assert stage.reconciled(order) is Status.DONE
    assert stage.balance(kim) == AMOUNT
    assert is_sound(toss, order)
    assert not stage.alerts()


def test_confirm_processed_already(toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = confirmed_with(toss, kim, "ALREADY_PROCESSED_PAYMENT", 400, after=True)
    assert stage.status(order) is Status.CONFIRMING
    assert stage.reconciled(order) is Status.DONE
    assert stage.balance(kim) == AMOUNT
    assert is_sound(toss, order)


@pytest.mark.parametrize("lost", [False, True], ids=["told", "found later"])
@pytest.mark.parametrize("code", DECLINED)
def test_confirm_declined(toss: PracticeToss, paying: Toss, kim: int, code: str, lost: bool) -> None:
    _status, text = DECLINED[code]
    order = stage.start(kim)
    if lost:
        toss.break_at("confirm", close=True, after=True)
    stage.confirm(toss, kim, order, decline=code)
    assert stage.status(order) is (Status.CONFIRMING if lost else Status.FAILED)
    assert stage.reconciled(order) is Status.FAILED
    assert (stage.row(order).failure_code, stage.row(order).failure_text) == (code, text)
    assert stage.balance(kim) == 0
    assert is_sound(toss, order)


@pytest.mark.parametrize("code", DECLINED)
def test_confirm_declined_with_the_status_of_the_table(toss: PracticeToss, paying: Toss, kim: int, code: str) -> None:
    status, text = DECLINED[code]
    order = confirmed_with(toss, kim, code, status)
    assert (stage.status(order), stage.row(order).failure_text) == (Status.FAILED, text)
    assert is_sound(toss, order)


@pytest.mark.parametrize(("code", "text"), NOT_CHARGED.items())
def test_confirm_not_charged(toss: PracticeToss, paying: Toss, kim: int, code: str, text: str) -> None:
    order = confirmed_with(toss, kim, code, 404)
    assert (stage.status(order), stage.row(order).failure_text) == (Status.EXPIRED, text)
    assert stage.reconciled(order) is Status.EXPIRED
    assert is_sound(toss, order)


@pytest.mark.parametrize(("code", "status"), OURS.items())
def test_confirm_our_configuration(
    toss: PracticeToss, paying: Toss, kim: int, boss: int, code: str, status: int
) -> None:
    order = confirmed_with(toss, kim, code, status)
    assert stage.status(order) is Status.CONFIRMING
    assert [code in alert for alert in stage.alerts()] == [True]
    assert stage.reconciled(order) is Status.DONE
    assert stage.row(order).tries == 1
    assert is_sound(toss, order)


@pytest.mark.parametrize("code", ALREADY)
def test_cancel_already_so(toss: PracticeToss, paying: Toss, kim: int, boss: int, code: str) -> None:
    order = cancelled_with(toss, kim, code, 400, after=True)
    assert stage.status(order) is Status.CANCELED
    assert stage.balance(kim) == 0
    assert is_sound(toss, order)
    assert not stage.alerts()


@pytest.mark.parametrize("code", ALREADY)
def test_cancel_already_so_but_nothing_went_back(
    toss: PracticeToss, paying: Toss, kim: int, boss: int, code: str
) -> None:
    order = cancelled_with(toss, kim, code, 400)
    assert stage.reconciled(order) is Status.CANCELING
    assert stage.balance(kim) == 0
    assert [code in alert or "취소가 확인되지 않아요" in alert for alert in stage.alerts()] == [True]


@pytest.mark.parametrize("code", REFUSED)
def test_cancel_refused(toss: PracticeToss, paying: Toss, kim: int, code: str) -> None:
    status, text = REFUSED[code]
    order = cancelled_with(toss, kim, code, status)
    assert stage.reconciled(order) is Status.DONE
    assert stage.balance(kim) == AMOUNT
    assert stage.refunds(order) == [(AMOUNT, RefundStatus.REFUSED, AMOUNT, 0)]
    assert stage.told(order) == f"{text} 포인트를 되돌렸어요."
    assert is_sound(toss, order)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("code", "status"), UNKNOWN.items())
def test_cancel_unknown(
    toss: PracticeToss, paying: Toss, kim: int, boss: int, code: str, status: int, after: bool
) -> None:
    order = cancelled_with(toss, kim, code, status, after=after)
    assert (stage.status(order), stage.balance(kim)) == (Status.CANCELING, 0)
    assert stage.reconciled(order) is Status.CANCELED
    assert stage.balance(kim) == 0
    assert is_sound(toss, order)
    assert not stage.alerts()


@pytest.mark.parametrize(("code", "status"), OURS.items())
def test_cancel_our_configuration(
    toss: PracticeToss, paying: Toss, kim: int, boss: int, code: str, status: int
) -> None:
    order = cancelled_with(toss, kim, code, status)
    assert (stage.status(order), stage.balance(kim)) == (Status.CANCELING, 0)
    assert [code in alert for alert in stage.alerts()] == [True]
    assert stage.reconciled(order) is Status.CANCELED
    assert is_sound(toss, order)


@pytest.mark.parametrize(("code", "status"), NEW.items())
def test_cancel_something_new(toss: PracticeToss, paying: Toss, kim: int, boss: int, code: str, status: int) -> None:
    order = cancelled_with(toss, kim, code, status)
    assert stage.reconciled(order) is Status.CANCELING
    assert stage.balance(kim) == 0
    assert [code in alert for alert in stage.alerts()] == [True]


def test_confirm_something_new(toss: PracticeToss, paying: Toss, kim: int, boss: int) -> None:
    order = confirmed_with(toss, kim, "INVALID_REQUEST", 400)
    assert stage.status(order) is Status.CONFIRMING
    assert ["INVALID_REQUEST" in alert for alert in stage.alerts()] == [True]
    assert stage.reconciled(order) is Status.DONE  # under the next key: that answer was definite
    assert is_sound(toss, order)


@pytest.mark.parametrize("code", [*UNKNOWN, "SOMETHING_NEW"])
def test_what_nobody_knows_is_not_explained(code: str) -> None:
    assert explain(code) == ""
