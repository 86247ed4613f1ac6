"""Text from the browser to the checked values of the composed pages."""

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, PasswordField
from wtforms.validators import InputRequired, NumberRange, Optional

from nene.kernel.forms import Form, number_field


class ProvenWithdrawForm(Form):
    """Leaving for good, of who has just signed in anew elsewhere: giving up the points that are left."""

    confirm = BooleanField(_("남은 포인트를 포기하고 탈퇴할게요."), [Optional()])


class WithdrawForm(ProvenWithdrawForm):
    """The same of who has a password."""

    password = PasswordField(_("비밀번호"), [InputRequired(_("비밀번호를 적어 주세요."))])


class ClockForm(Form):
    """How many days to let pass."""

    days = number_field(
        _("며칠"), Optional(), NumberRange(1, 30, message=_("1일부터 30일까지 보낼 수 있어요.")), default=1
    )
