"""Text from the browser to whom one looks for."""

from flask_babel import lazy_gettext as _
from wtforms import SearchField
from wtforms.validators import Length, Optional

from nene.kernel.forms import QueryForm, tidy_line
from nene.user.rules import EMAIL_LONGEST


class PeopleForm(QueryForm):
    """Whom to find."""

    q = SearchField(_("찾기"), [Optional(), Length(max=EMAIL_LONGEST)], filters=[tidy_line])
