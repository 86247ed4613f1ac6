"""What the user domain refuses."""

from typing import ClassVar

from flask_babel import lazy_gettext as _

from nene.kernel.errors import NotAllowed, NothingDone, Refusal, TooMany


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

    text: ClassVar = _("아무것도 처리되지 않았습니다. 로그인 서비스가 응답하지 않아요. 잠시 뒤 다시 해 주세요.")


class SocialRefused(Refusal):
    """The provider takes this answer no longer: the code expired, or was used before."""

    status = 400
    text: ClassVar = _("로그인 확인 시간이 지났어요. 처음부터 다시 해 주세요.")


class ImageTooLarge(FieldRefused):
    """A file of too many bytes, or a picture of too many pixels; values: megabytes, pixels (in ten thousands)."""

    field = "image"
    text: ClassVar = _("사진이 너무 커요. %(megabytes)sMB, %(pixels)s만 화소까지 올릴 수 있어요.")


class NotAnImage(FieldRefused):
    """Something else than a JPEG, PNG, WebP or GIF, whatever its name, or a broken one."""

    field = "image"
    text: ClassVar = _("사진으로 읽을 수 없어요. JPEG, PNG, WebP, GIF 가운데 온전한 파일을 골라 주세요.")


class ImagesBusy(FieldRefused):
    """Enough pictures are being cut at this moment."""

    status = 503
    field = "image"
    text: ClassVar = _(
        "지금 사진을 올리는 사람이 많아서 아무것도 저장하지 않았어요. 사진을 다시 골라 잠시 뒤에 저장해 주세요."
    )


class EmailTakenElsewhere(EmailTaken):
    """A living account has the e-mail of who signs up socially: it is linked from there, and never by itself (U4)."""

    text: ClassVar = _("이미 가입한 이메일이에요. 로그인한 뒤 마이페이지에서 연결해 주세요.")


class StateWrong(Refusal):
    """The answer of a provider to a question that this browser did not ask, or no longer waits for."""

    status = 400
    text: ClassVar = _("이 로그인은 여기에서 시작하지 않았거나 시간이 지났어요. 처음부터 다시 해 주세요.")


class LinkedElsewhere(Refusal):
    """The provider's account belongs to another account here already."""

    text: ClassVar = _("다른 계정에 이미 연결되어 있어요. 그 계정에서 먼저 연결을 끊어 주세요.")


class OtherLinked(Refusal):
    """Another account of the same provider is linked; one for each provider."""

    text: ClassVar = _("같은 서비스의 다른 계정이 이미 연결되어 있어요. 먼저 연결을 끊어 주세요.")


class LastWay(Refusal):
    """Nothing else is left to sign in with."""

    text: ClassVar = _("로그인할 방법이 하나는 있어야 해요. 비밀번호를 정하거나 다른 서비스를 연결한 뒤 끊어 주세요.")


class NotMyLink(Refusal):
    """Who signed in at the provider is not who is linked here."""

    status = 403
    text: ClassVar = _("이 계정에 연결된 사람과 달라요. 연결해 둔 계정으로 다시 로그인해 주세요.")


class SignedInLongAgo(Refusal):
    """Who has to show anew who they are has not signed in at the provider for a while, and it lets them pass all the same."""

    status = 403
    text: ClassVar = _(
        "로그인 서비스에 로그인한 지 오래돼서 본인인지 확인하지 못했어요."
        " 그 서비스에서 로그아웃하고 다시 로그인한 뒤에 해 주세요. 비밀번호를 정하면 비밀번호로도 확인할 수 있어요."
    )


class LettersSpent(TooMany):
    """As many letters as an address gets in a day; says nothing of whether anybody has it (U14)."""

    text: ClassVar = _("이 이메일로는 지금 더 요청할 수 없어요. 스팸함을 확인하거나 24시간이 지난 뒤에 다시 해 주세요.")


class LinkStale(Refusal):
    """A link from a mail that is too old, was used, or was never ours."""

    status = 400
    text: ClassVar = _("오래되었거나 이미 쓴 링크예요. 새 링크를 받아 주세요.")
