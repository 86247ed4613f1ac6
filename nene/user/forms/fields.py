"""The fields that several forms of users share, and what they refuse."""

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import Field, PasswordField, StringField, TextAreaField
from wtforms.validators import EqualTo, InputRequired, Length, Optional, StopValidation

from nene.kernel import settings
from nene.kernel.forms import Form, tidy
from nene.kernel.web import arrived_on
from nene.user import rules
from nene.user.errors import TooYoungToJoin

AGREE = _("가입하려면 동의가 필요해요.")
PASSWORD_AGAIN = _("두 비밀번호가 서로 달라요. 똑같이 적어 주세요.")


def an_email(_form: Form, field: Field) -> None:
    """Refuse what is no e-mail; keep the address as accounts are found by it."""
    key = rules.email_key(field.data, reserved=not settings.current().production)
    if key is None or len(key) > rules.EMAIL_LONGEST:
        raise StopValidation(gettext("이메일 주소를 name@example.com처럼 적어 주세요."))
    field.data = key


def a_password(_form: Form, field: Field) -> None:
    """Refuse a password that is too easy (U1)."""
    if not rules.is_password(field.data or ""):
        raise StopValidation(gettext("비밀번호는 영문, 숫자, 특수문자를 모두 넣어 8~64자로 정해 주세요."))


def a_nickname(_form: Form, field: Field) -> None:
    """Refuse what cannot be a nickname."""
    if not rules.is_nickname(field.data or ""):
        raise StopValidation(gettext("닉네임은 한글, 영문, 숫자, 밑줄(_)로 2~12자까지 적어 주세요."))


def a_birth_date(_form: Form, field: Field) -> None:
    """Refuse a date on which no user was born."""
    if field.data is None:
        raise StopValidation
    if not rules.OLDEST <= field.data <= arrived_on():
        raise StopValidation(gettext("생년월일을 다시 확인해 주세요."))


def old_enough(_form: Form, field: Field) -> None:
    """Refuse who is under 14 today (U3)."""
    if rules.age_on(field.data, arrived_on()) < rules.JOIN_AGE:
        raise StopValidation(TooYoungToJoin(age=rules.JOIN_AGE).message)


def nickname_field() -> StringField:
    """The nickname, as people see it."""
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


def bio_field() -> TextAreaField:
    """A few words about oneself."""
    return TextAreaField(
        _("소개"),
        [Optional(), Length(max=rules.BIO_LONGEST, message=_("소개는 200자까지 적을 수 있어요."))],
        filters=[tidy],
    )


def new_password_field(label: str) -> PasswordField:
    """A password to be set (U1)."""
    return PasswordField(
        label,
        [InputRequired(_("비밀번호를 적어 주세요.")), a_password],
        render_kw={"autocomplete": "new-password", "minlength": rules.PASSWORD_SHORTEST},
    )


def again_field(label: str, name: str) -> PasswordField:
    """The same password once more, as the field of this name has it."""
    return PasswordField(
        label,
        [InputRequired(_("비밀번호를 한 번 더 적어 주세요.")), EqualTo(name, PASSWORD_AGAIN)],
        render_kw={"autocomplete": "new-password"},
    )
