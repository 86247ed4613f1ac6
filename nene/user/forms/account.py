"""Text from the browser to the checked values of signing up and in."""

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, StopValidation

from nene.kernel.forms import Form, date_field, tidy
from nene.user import rules
from nene.user.forms.fields import (
    AGREE,
    a_birth_date,
    again_field,
    an_email,
    bio_field,
    new_password_field,
    nickname_field,
    old_enough,
)


class SignUpForm(Form):
    """Everything that an account begins with."""

    email = StringField(
        _("이메일"),
        [InputRequired(_("이메일을 적어 주세요.")), an_email],
        render_kw={"type": "email", "autocomplete": "username", "maxlength": rules.EMAIL_LONGEST},
    )
    password = new_password_field(_("비밀번호"))
    password_confirm = again_field(_("비밀번호 한 번 더"), "password")
    nickname = nickname_field()
    birth_date = date_field(
        _("생년월일"),
        InputRequired(_("생년월일을 적어 주세요.")),
        a_birth_date,
        old_enough,
        render_kw={"autocomplete": "bday"},
    )
    bio = bio_field()
    agree_terms = BooleanField(_("이용약관에 동의해요 (필수)"), [DataRequired(AGREE)])
    agree_privacy = BooleanField(_("개인정보 수집·이용에 동의해요 (필수)"), [DataRequired(AGREE)])
    agree_marketing = BooleanField(_("혜택과 소식을 받을게요 (선택)"))
    agree_night = BooleanField(_("밤 9시부터 아침 8시까지도 받을게요 (선택)"))

    @property
    def account(self) -> dict[str, Any]:
        """What the account begins with, but for the password."""
        return {
            "email": self.email.data,
            "nickname": self.nickname.data,
            "birth_on": self.birth_date.data,
            "bio": self.bio.data or "",
            "marketing": self.agree_marketing.data,
            "night": self.agree_night.data,
        }

    def validate_agree_night(self, field: BooleanField) -> None:
        """Night-time marketing is a further consent: alone it means nothing."""
        if field.data and not self.agree_marketing.data:
            raise StopValidation(gettext("밤에도 받으려면 먼저 혜택과 소식을 받는 데 동의해 주세요."))


class SignInForm(Form):
    """E-mail and password; which of them is wrong is not for the form to say (U14)."""

    email = StringField(
        _("이메일"),
        [InputRequired(_("이메일을 적어 주세요."))],
        filters=[tidy],
        render_kw={"type": "email", "autocomplete": "username"},
    )
    password = PasswordField(
        _("비밀번호"), [InputRequired(_("비밀번호를 적어 주세요."))], render_kw={"autocomplete": "current-password"}
    )
    next = StringField()
