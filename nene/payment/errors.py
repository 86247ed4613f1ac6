"""What payments refuse, and Toss's codes by what they mean, in plain Korean."""

from typing import Any, ClassVar

from flask_babel import lazy_gettext as _

from nene.kernel.errors import NotAllowed, NothingDone, NotThere, Refusal


class NotMine(NotThere):
    """Somebody comes back from Toss to a payment that is not theirs, or to none."""

    text: ClassVar = _(
        "이 계정에서 시작한 결제가 아니에요. 다른 계정으로 시작했다면 그 계정으로 로그인해 주세요. "
        "확인하기 전에는 청구되지 않아요."
    )


class AmountNotAllowed(Refusal):
    """Other than 10,000 to 100,000 won."""

    status = 422
    text: ClassVar = _("10,000원부터 100,000원까지 충전할 수 있어요.")


class MonthFull(Refusal):
    """More than one person may charge in a month (M16); values: cap, left."""

    text: ClassVar = _(
        "한 달에 %(cap)sP까지 충전할 수 있어요. 이번 달에는 %(left)sP를 더 충전할 수 있어요. 청구되지 않았어요."
    )

    def __init__(self, *, cap: int, left: int) -> None:
        super().__init__(cap=f"{cap:,}", left=f"{left:,}")


class Owing(NotAllowed):
    """Points that were spent went back as money; until that is settled nothing more can be charged."""

    text: ClassVar = _(
        "이미 쓴 포인트의 결제가 취소되어 충전할 수 없어요. 고객센터에 문의해 주세요. 청구되지 않았어요."
    )


class NotAsStored(Refusal):
    """Amount or payment key are not those that we know (M2)."""

    text: ClassVar = _("결제 정보가 처음과 달라서 승인하지 않았어요. 청구되지 않았어요.")


class NotConfirmable(Refusal):
    """The payment has ended without an approval, and cannot be confirmed any more."""

    text: ClassVar = _("이미 끝난 결제예요. 청구되지 않았어요. 처음부터 다시 해 주세요.")


class NotCancelable(Refusal):
    """Only a payment that is done can be cancelled, and once (M8)."""

    text: ClassVar = _("지금은 취소할 수 없는 결제예요. 포인트는 그대로예요.")


class NotYetCharged(Refusal):
    """The points of this payment are still on their way."""

    text: ClassVar = _("포인트가 아직 들어오는 중이에요. 잠시 뒤 다시 해 주세요. 포인트는 그대로예요.")


class CancelTooLate(Refusal):
    """The seventh day after the approval is over (M8)."""

    text: ClassVar = _("결제한 지 7일이 지나 취소할 수 없어요. 포인트는 그대로예요.")


class GatewayAway(NothingDone):
    """Toss is not asked, because it does not answer, or because enough people wait for it already; nothing was sent."""

    text: ClassVar = _("결제사에 연결할 수 없어요. 아무것도 처리되지 않았습니다. 잠시 뒤 다시 해 주세요.")


class BooksUnreadable(GatewayAway):
    """Toss answers, but not with its books."""


CHECKING = _("처리됐는지 확인하고 있어요.")
NOT_NOW = _("지금은 결제사를 쓸 수 없어요. 잠시 뒤 다시 해 주세요.")
TOO_LATE = _("결제할 수 있는 시간이 지났어요. 청구되지 않았어요.")
OVER_LIMIT = _("카드 한도를 넘는 금액이에요.")
DECLINED: dict[str, Any] = {
    "INVALID_CARD_NUMBER": _("카드 번호가 맞지 않아요."),
    "INVALID_CARD_EXPIRATION": _("카드 유효기간이 맞지 않아요."),
    "INVALID_STOPPED_CARD": _("정지된 카드예요."),
    "INVALID_REJECT_CARD": _("이 카드로는 결제할 수 없어요."),
    "INVALID_CARD_LOST_OR_STOLEN": _("분실이나 도난으로 신고된 카드예요."),
    "EXCEED_MAX_AMOUNT": OVER_LIMIT,
    "EXCEED_MAX_PAYMENT_AMOUNT": OVER_LIMIT,
    "EXCEED_MAX_DAILY_PAYMENT_COUNT": _("하루에 결제할 수 있는 횟수를 넘었어요."),
    "BELOW_MINIMUM_AMOUNT": _("이 방법으로 결제하기에는 금액이 너무 적어요."),
    "NOT_AVAILABLE_PAYMENT": _("지금은 이 방법으로 결제할 수 없는 시간이에요."),
    "REJECT_CARD_PAYMENT": _("한도를 넘었거나 잔액이 모자라요."),
    "REJECT_CARD_COMPANY": _("카드사에서 결제를 거절했어요. 카드사에 물어봐 주세요."),
    "REJECT_ACCOUNT_PAYMENT": _("계좌의 잔액이 모자라요."),
    "EXCEED_MAX_AUTH_COUNT": _("인증할 수 있는 횟수를 넘었어요. 카드사에 물어봐 주세요."),
    "EXCEED_MAX_ONE_DAY_AMOUNT": _("하루에 결제할 수 있는 금액을 넘었어요."),
    "FDS_ERROR": _("카드사에서 평소와 다른 거래로 보고 막았어요. 카드사에 물어봐 주세요."),
    "INVALID_PASSWORD": _("결제 비밀번호가 맞지 않아요."),
}
NOT_CHARGED: dict[str, Any] = {
    "NOT_FOUND_PAYMENT_SESSION": TOO_LATE,
    "NOT_FOUND_PAYMENT": _("결제사에 없는 결제예요. 청구되지 않았어요."),
}
MISCONFIGURED = dict.fromkeys(
    ("UNAUTHORIZED_KEY", "INVALID_API_KEY", "INCORRECT_BASIC_AUTH_FORMAT", "FORBIDDEN_REQUEST"), NOT_NOW
)
ALREADY = dict.fromkeys(
    ("ALREADY_CANCELED_PAYMENT", "ALREADY_REFUND_PAYMENT", "NOT_MATCHES_REFUNDABLE_AMOUNT"), CHECKING
)
REFUSED: dict[str, Any] = {  # cancels
    "NOT_CANCELABLE_AMOUNT": _("남은 금액보다 많이 돌려줄 수 없어요."),
    "NOT_CANCELABLE_PAYMENT": _("취소할 수 없는 결제예요."),
    "EXCEED_MAX_REFUND_DUE": _("결제사에서 취소할 수 있는 기간이 지났어요."),
    "NOT_ALLOWED_PARTIAL_REFUND": _("일부만 취소할 수 없는 결제예요."),
    "REFUND_REJECTED": _("카드사나 은행에서 취소를 거절했어요."),
    "INVALID_REFUND_ACCOUNT_INFO": _("돌려받을 계좌의 정보가 맞지 않아요."),
}
ENDED: dict[str, Any] = {  # what the fail page and payments that never were approved say
    "PAY_PROCESS_CANCELED": _("결제를 그만뒀어요. 청구되지 않았어요."),
    "PAY_PROCESS_ABORTED": _("결제가 끝까지 이어지지 않았어요. 청구되지 않았어요."),
    "EXPIRED_PAYMENT": TOO_LATE,
}


def explain_end(code: str) -> str:
    """Why a payment window was left, in plain Korean; nothing for a code that does not say so."""
    return str({**DECLINED, **ENDED}.get(code, ""))


def explain(code: str) -> str:
    """One of Toss's codes, of an answer or of the fail page, in plain Korean; nothing for one that is not known here."""
    return str({**DECLINED, **NOT_CHARGED, **MISCONFIGURED, **ALREADY, **REFUSED, **ENDED}.get(code, ""))
