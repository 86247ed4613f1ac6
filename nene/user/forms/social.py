"""Text from the browser to what a social account begins with."""

from nene.user.forms.account import SignUpForm


class SocialSignUpForm(SignUpForm):
    """As signing up, but for the password: the provider has seen who it is."""

    password = None  # type: ignore[assignment]
    password_confirm = None  # type: ignore[assignment]
