"""Text from the browser to the checked values of the own profile and password."""

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import PasswordField
from wtforms.validators import InputRequired

from nene.kernel.forms import Form, date_field
from nene.user.forms.fields import a_birth_date, again_field, bio_field, new_password_field, nickname_field


class ProfileForm(Form):
    """What others see of me, and my birth date."""

    nickname = nickname_field()
    birth_date = date_field(_("생년월일"), InputRequired(_("태어난 날을 적어 주세요.")), a_birth_date)
    bio = bio_field()

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
    new_password = new_password_field(_("새 비밀번호"))
    new_password_confirm = again_field(_("새 비밀번호 한 번 더"), "new_password")
