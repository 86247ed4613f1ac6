"""Text from the browser, and from Toss, to the checked values of payments."""

import re
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp
from wtforms.widgets import HiddenInput

from nene.kernel.forms import Form, QueryForm, choices, date_field, number_field, tidy_line
from nene.payment import rules
from nene.payment.errors import AmountNotAllowed
from nene.payment.terms import Status

STATUSES = {
    Status.DONE: _("완료"),
    Status.CONFIRMING: _("승인중"),
    Status.PENDING: _("대기중"),
    Status.CANCELING: _("취소중"),
    Status.CANCELED: _("취소"),
    Status.FAILED: _("실패"),
    Status.EXPIRED: _("만료"),
}
AMOUNTS = (10_000, 20_000, 30_000, 50_000, 70_000, 100_000)
KEY = re.compile(r"[\x21-\x7e]{1,200}\Z")
NOT_WHOLE = _("결제 정보가 빠져 있어요. 어떻게 됐는지 결제 내역에서 확인해 주세요.")


class ChargeForm(Form):
    """How much to charge, in won."""

    amount = number_field(
        _("얼마를 충전할까요?"),
        InputRequired(AmountNotAllowed.text),
        NumberRange(rules.SMALLEST, rules.LARGEST, message=AmountNotAllowed.text),
    )


class ConfirmForm(Form):
    """What Toss gave the browser, to be confirmed."""

    payment_key = StringField("", [InputRequired(NOT_WHOLE), Regexp(KEY, message=NOT_WHOLE)], widget=HiddenInput())
    amount = number_field("", InputRequired(NOT_WHOLE), widget=HiddenInput())


class CancelForm(Form):
    """Why the money is wanted back."""

    reason = TextAreaField(
        _("취소하는 까닭"),
        [InputRequired(_("까닭을 적어 주세요.")), Length(2, 200, message=_("2자부터 200자까지 적을 수 있어요."))],
        filters=[tidy_line],
    )


class HistoryForm(QueryForm):
    """Which payments: by status, and by period with both days counted. The fields are named `from` and `to`."""

    status = SelectField(_("상태"), [Optional()], choices=choices(STATUSES, every=_("전체")), default="")
    since = date_field(_("언제부터"), Optional(), name="from")
    until = date_field(_("언제까지"), Optional(), name="to")

    @property
    def chosen(self) -> Status | None:
        """The checked status."""
        return Status(self.status.data) if self.status.data else None


def order_of(body: Any) -> str | None:
    """The order id in a message of Toss: inside `data`, or beside it in a deposit's; none if there is none."""
    inside = body.get("data") if isinstance(body, dict) else None
    named = inside if isinstance(inside, dict) else body
    order_id = named.get("orderId") if isinstance(named, dict) else None
    return order_id if isinstance(order_id, str) else None
