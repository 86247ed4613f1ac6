"""Text from the browser to the checked filters of the history."""

from flask_babel import lazy_gettext as _
from wtforms import SelectField
from wtforms.validators import Optional

from nene.kernel.forms import QueryForm, choices, date_field
from nene.point.terms import Reason

REASONS = {
    Reason.CHARGE: _("충전"),
    Reason.CHARGE_CANCEL: _("충전 취소"),
    Reason.CHARGE_OWED: _("미수"),
    Reason.CHARGE_RESTORE: _("취소 복구"),
    Reason.CHALLENGE_ENTRY: _("참가비"),
    Reason.CHALLENGE_REFUND: _("참가비 환불"),
    Reason.CHALLENGE_REWARD: _("보상"),
    Reason.PRODUCT_PURCHASE: _("상품 구매"),
    Reason.PRODUCT_REFUND: _("상품 환불"),
    Reason.ADMIN_GRANT: _("관리자 지급"),
    Reason.WITHDRAWAL: _("탈퇴 소멸"),
}


class HistoryForm(QueryForm):
    """Which entries: by reason, and by period with both days counted. The fields are named `from` and `to`."""

    reason = SelectField(_("사유"), [Optional()], choices=choices(REASONS, every=_("전체")), default="")
    since = date_field(_("언제부터"), Optional(), name="from")
    until = date_field(_("언제까지"), Optional(), name="to")

    @property
    def chosen(self) -> Reason | None:
        """The checked reason."""
        return Reason(self.reason.data) if self.reason.data else None
