"""Text from the browser to the checked values of the own profile and password."""

from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf.file import FileField  # type: ignore[import-untyped]
from wtforms import BooleanField, PasswordField
from wtforms.validators import InputRequired

from nene.kernel.forms import Form, date_field
from nene.user.forms.fields import a_birth_date, again_field, bio_field, new_password_field, nickname_field


class ProfileForm(Form):
    """What others see of me, my birth date, and whether my e-mail finds me."""

    nickname = nickname_field()
    birth_date = date_field(_("생년월일"), InputRequired(_("생년월일을 적어 주세요.")), a_birth_date)
    bio = bio_field()
    image = FileField(_("사진"), render_kw={"accept": "image/jpeg,image/png,image/webp,image/gif"})
    image_remove = BooleanField(_("사진 지우기"))
    find_by_email = BooleanField(_("내 이메일 주소를 아는 회원이 나를 찾을 수 있어요"))

    @property
    def profile(self) -> dict[str, Any]:
        """The new values of the profile, but for the picture."""
        return {
            "nickname": self.nickname.data,
            "birth_on": self.birth_date.data,
            "bio": self.bio.data or "",
            "find_by_email": self.find_by_email.data,
        }


class PasswordForm(Form):
    """A new password, by who knows the present one."""

    current_password = PasswordField(
        _("지금 비밀번호"),
        [InputRequired(_("지금 비밀번호를 적어 주세요."))],
        render_kw={"autocomplete": "current-password"},
    )
    new_password = new_password_field(_("새 비밀번호"))
    new_password_confirm = again_field(_("새 비밀번호 한 번 더"), "new_password")
