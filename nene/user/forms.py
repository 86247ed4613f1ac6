"""Text from the browser to the checked values of accounts and profiles."""

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, Field, PasswordField, StringField, TextAreaField
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length, Optional, StopValidation

from nene.kernel import settings
from nene.kernel.forms import Form, date_field, tidy
from nene.kernel.web import arrived_on
from nene.user import rules
from nene.user.errors import TooYoungToJoin

AGREE = _("가입하려면 동의가 필요해요.")
PASSWORD_AGAIN = _("비밀번호가 서로 달라요. 같은 것을 두 번 적어 주세요.")


def an_email(_form: Form, field: Field) -> None:
    """Refuse what is no e-mail; keep the address as accounts are found by it."""
    key = rules.email_key(field.data, reserved=not settings.current().production)
    if key is None or len(key) > rules.EMAIL_LONGEST:
        raise StopValidation(gettext("이메일 주소를 name@example.com처럼 적어 주세요."))
    field.data = key


def a_password(_form: Form, field: Field) -> None:
    """Refuse a password that is too easy (U1)."""
    if not rules.is_password(field.data or ""):
        raise StopValidation(gettext("비밀번호는 8자부터 64자까지, 영문과 숫자와 특수문자를 모두 넣어 주세요."))


def a_nickname(_form: Form, field: Field) -> None:
    """Refuse what cannot be a nickname."""
    if not rules.is_nickname(field.data or ""):
        raise StopValidation(gettext("닉네임은 한글, 영문, 숫자, _로 2자부터 12자까지 적어 주세요."))


def a_birth_date(_form: Form, field: Field) -> None:
    """Refuse a date on which no user was born."""
    if field.data is None:
        raise StopValidation
    if not rules.OLDEST <= field.data <= arrived_on():
        raise StopValidation(gettext("태어난 날을 다시 확인해 주세요."))


def old_enough(_form: Form, field: Field) -> None:
    """Refuse who is under 14 today (U3)."""
    if rules.age_on(field.data, arrived_on()) < rules.JOIN_AGE:
        raise StopValidation(TooYoungToJoin(age=rules.JOIN_AGE).message)


def _nickname() -> StringField:
    return StringField(
        _("닉네임"),
        [InputRequired(_("닉네임을 적어 주세요.")), a_nickname],
        filters=[tidy],
        render_kw={
            "autocomplete": "nickname",
            "minlength": rules.NICKNAME_SHORTEST,
            "maxlength": rules.NICKNAME_LONGEST,
        },
    )


def _bio() -> TextAreaField:
    return TextAreaField(
        _("소개"),
        [Optional(), Length(max=rules.BIO_LONGEST, message=_("소개는 200자까지 적을 수 있어요."))],
        filters=[tidy],
    )


def _new_password(label: str) -> PasswordField:
    return PasswordField(
        label,
        [InputRequired(_("비밀번호를 적어 주세요.")), a_password],
        render_kw={"autocomplete": "new-password", "minlength": rules.PASSWORD_SHORTEST},
    )


def _again(label: str, name: str) -> PasswordField:
    return PasswordField(
        label,
        [InputRequired(PASSWORD_AGAIN), EqualTo(name, PASSWORD_AGAIN)],
        render_kw={"autocomplete": "new-password"},
    )


class SignUpForm(Form):
    """Everything that an account begins with."""

    email = StringField(
        _("이메일"),
        [InputRequired(_("이메일을 적어 주세요.")), an_email],
        render_kw={"type": "email", "autocomplete": "username", "maxlength": rules.EMAIL_LONGEST},
    )
    password = _new_password(_("비밀번호"))
    password_confirm = _again(_("비밀번호 한 번 더"), "password")
    nickname = _nickname()
    birth_date = date_field(
        _("생년월일"),
        InputRequired(_("태어난 날을 적어 주세요.")),
        a_birth_date,
        old_enough,
        render_kw={"autocomplete": "bday"},
    )
    bio = _bio()
    agree_terms = BooleanField(_("이용약관에 동의해요 (필수)"), [DataRequired(AGREE)])
    agree_privacy = BooleanField(_("개인정보 수집과 이용에 동의해요 (필수)"), [DataRequired(AGREE)])
    agree_marketing = BooleanField(_("혜택과 소식을 받을게요 (선택)"))
    agree_night = BooleanField(_("밤 9시부터 아침 8시 사이에도 받을게요 (선택)"))

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
            raise StopValidation(gettext("혜택과 소식을 받겠다고 동의해야 밤에도 받을 수 있어요."))


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


class ProfileForm(Form):
    """What others see of me, and my birth date."""

    nickname = _nickname()
    birth_date = date_field(_("생년월일"), InputRequired(_("태어난 날을 적어 주세요.")), a_birth_date)
    bio = _bio()

    @property
    def profile(self) -> dict[str, Any]:
        """The new values of the profile."""
        return {"nickname": self.nickname.data, "birth_on": self.birth_date.data, "bio": self.bio.data or ""}


class PasswordForm(Form):
    """A new password, by who knows the present one."""

    current_password = PasswordField(
        _("지금 비밀번호"),
        [InputRequired(_("지금 비밀번호를 적어 주세요."))],
        render_kw={"autocomplete": "current-password"},
    )
    new_password = _new_password(_("새 비밀번호"))
    new_password_confirm = _again(_("새 비밀번호 한 번 더"), "new_password")
