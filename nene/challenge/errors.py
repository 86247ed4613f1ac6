"""What challenges refuse."""

from typing import ClassVar

from flask_babel import lazy_gettext as _

from nene.kernel.errors import NotAllowed, Refusal

UNCHANGED = _("포인트는 그대로예요.")


class NotHost(NotAllowed):
    """Only the host may do this."""

    text: ClassVar = _("방장만 할 수 있어요.")


class NotParticipant(Refusal):
    """The person has not staked, or has quit."""

    text: ClassVar = _("참가 중인 챌린지가 아니에요. 포인트는 그대로예요.")


class FeedHidden(NotAllowed):
    """The feed and the settlement are for participants."""

    text: ClassVar = _("참가자만 볼 수 있어요.")


class AlreadyJoined(Refusal):
    """Pressed twice, or joined elsewhere; there is one stake."""

    text: ClassVar = _("이미 참가 중이에요. 참가비는 한 번만 걸었어요.")


class CannotRejoin(Refusal):
    """Who has quit a running challenge stays out; the stake is in the pot."""

    text: ClassVar = _("그만둔 챌린지에는 다시 참가할 수 없어요. 포인트는 그대로예요.")


class ChallengeFull(Refusal):
    """No seat is free."""

    text: ClassVar = _("자리가 다 찼어요. 포인트는 그대로예요.")


class NotWaiting(Refusal):
    """Recruiting is over."""

    text: ClassVar = _("모집이 끝난 챌린지예요. 포인트는 그대로예요.")


class TermsChanged(Refusal):
    """The host changed the terms after the person had read them."""

    text: ClassVar = _("그사이 약속이 바뀌었어요. 포인트는 그대로예요. 바뀐 내용을 읽고 다시 눌러 주세요.")


class TooManyStakes(Refusal):
    """The open stakes of one person have a limit; values: limit, open."""

    text: ClassVar = _(
        "한 사람이 걸어 둘 수 있는 참가비는 모두 합쳐 %(limit)sP까지예요. 지금 %(open)sP를 걸어 두었어요. 포인트는 그대로예요."
    )


class Frozen(Refusal):
    """Somebody else has joined, or recruiting is over: the terms stand."""

    text: ClassVar = _("다른 사람이 참가했거나 모집이 끝나서 이제 고칠 수 없어요.")


class HostCannotQuit(Refusal):
    """The host can only cancel."""

    text: ClassVar = _("방장은 그만둘 수 없어요. 시작하기 전이라면 챌린지를 취소할 수 있어요.")


class CannotQuit(Refusal):
    """Not while READY, nor after the due date, nor once it is over."""

    text: ClassVar = _("지금은 그만둘 수 없어요. 포인트는 그대로예요.")


class CannotCancel(Refusal):
    """Only before the start."""

    text: ClassVar = _("이미 시작했거나 끝난 챌린지는 취소할 수 없어요.")


class CannotClose(Refusal):
    """Recruiting can be closed once, while WAITING."""

    text: ClassVar = _("모집 중인 챌린지만 마감할 수 있어요.")


class TooFewParticipants(Refusal):
    """Closing needs the minimum; values: missing."""

    text: ClassVar = _("최소 인원까지 %(missing)s명이 모자라서 아직 마감할 수 없어요.")


class NotOngoing(Refusal):
    """Verification is for running days."""

    text: ClassVar = _("지금은 인증할 수 있는 날이 아니에요.")


class AlreadyVerified(Refusal):
    """One stamp a day."""

    text: ClassVar = _("오늘은 이미 인증했어요. 내일 또 만나요.")
