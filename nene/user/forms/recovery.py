"""Text from the browser to the checked values of who forgot a password."""

from flask_babel import lazy_gettext as _
from wtforms import StringField
from wtforms.validators import InputRequired

from nene.kernel.forms import Form
from nene.user import rules
from nene.user.forms.fields import again_field, an_email, new_password_field


class ForgottenForm(Form):
    """Whose password is to be chosen anew."""

    email = StringField(
        _("이메일"),
        [InputRequired(_("이메일을 적어 주세요.")), an_email],
        render_kw={"type": "email", "autocomplete": "username", "maxlength": rules.EMAIL_LONGEST},
    )


class NewPasswordForm(Form):
    """A new password, by who has the link."""

    new_password = new_password_field(_("새 비밀번호"))
    new_password_confirm = again_field(_("새 비밀번호 한 번 더"), "new_password")
