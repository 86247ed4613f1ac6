"""What the user domain refuses."""

from typing import ClassVar

from flask_babel import lazy_gettext as _

from nene.kernel.errors import NotAllowed, NothingDone, Refusal


class FieldRefused(Refusal):
    """A value that is right in form but cannot be taken; `field` is where the form says so."""

    status = 422
    field: ClassVar[str]


class EmailTaken(FieldRefused):
    """A living account has this e-mail."""

    field = "email"
    text: ClassVar = _("이미 가입한 이메일이에요. 로그인해 주세요.")


class NicknameTaken(FieldRefused):
    """A living account has this nickname, or one that reads the same."""

    field = "nickname"
    text: ClassVar = _("다른 사람이 쓰고 있는 닉네임이에요.")


class TooYoungToJoin(FieldRefused):
    """Under 14 on the day of signing up (U3)."""

    field = "birth_date"
    text: ClassVar = _("만 %(age)s세부터 가입할 수 있어요.")


class BirthDateFixed(FieldRefused):
    """From the first stake or charge on the birth date stands (U3)."""

    status = 409
    field = "birth_date"
    text: ClassVar = _("참가비를 걸거나 충전한 다음에는 생년월일을 고칠 수 없어요. 잘못 적었다면 문의해 주세요.")


class TooYoung(NotAllowed):
    """Opening, joining and charging need full age; values: age."""

    text: ClassVar = _("만 %(age)s세부터 할 수 있어요. 포인트는 그대로예요.")


class SignInFailed(FieldRefused):
    """E-mail and password do not belong together; never says which of them is wrong (U14)."""

    field = "password"
    text: ClassVar = _("이메일이나 비밀번호가 맞지 않아요.")


class PasswordWrong(FieldRefused):
    """The present password is another one."""

    field = "current_password"
    text: ClassVar = _("지금 비밀번호가 맞지 않아요.")


class SocialAway(NothingDone):
    """The provider of a social sign-in is slow, away or answers nonsense."""

    text: ClassVar = _("아무것도 처리되지 않았습니다. 로그인 서비스가 답하지 않아요. 잠시 뒤 다시 해 주세요.")


class SocialRefused(Refusal):
    """The provider takes this answer no longer: the code expired, or was used before."""

    status = 400
    text: ClassVar = _("로그인 확인 시간이 지났어요. 처음부터 다시 해 주세요.")
