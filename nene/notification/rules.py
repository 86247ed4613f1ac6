"""The words of each type of notification, in Korean: a title, and a body in which values are filled."""

from nene.notification.terms import Notice, Type

WORDS = {
    Type.CHALLENGE_JOINED: ("새 참가자가 왔어요", "%(who)s님이 ‘%(challenge)s’에 참가했어요."),
    Type.CHALLENGE_STARTED: ("챌린지가 시작됐어요", "‘%(challenge)s’ 첫날이에요. 오늘 도장을 찍어 주세요."),
    Type.CHALLENGE_ENDED: ("챌린지가 끝났어요", "‘%(challenge)s’ 정산을 마쳤어요. 내 몫은 %(share)sP예요."),
    Type.CHALLENGE_CANCELED: ("챌린지가 취소됐어요", "‘%(challenge)s’ 참가비 %(fee)sP를 돌려드렸어요. %(why)s"),
    Type.CHALLENGE_REMINDER: ("오늘 도장이 남아 있어요", "‘%(challenge)s’ 인증은 오늘 밤 12시까지예요."),
    Type.VERIFICATION_SUCCESS: ("오늘 인증했어요", "‘%(challenge)s’ 인증 성공률이 %(rate)s%%\u2060가 됐어요."),
    Type.VERIFICATION_MISSED: ("어제는 쉬었네요", "‘%(challenge)s’, 오늘 다시 찍으면 돼요."),
    Type.REWARD_GRANTED: ("보상을 받았어요", "‘%(challenge)s’ 보상 %(share)sP가 들어왔어요."),
    Type.PAYMENT_SUCCESS: ("충전이 끝났어요", "%(amount)sP가 들어왔어요."),
    Type.PAYMENT_FAILED: ("결제가 되지 않았어요", "%(why)s"),
    Type.PAYMENT_REMINDER: ("결제를 마치지 않았어요", "충전 %(amount)s원 결제가 기다리고 있어요."),
    Type.POINT_GRANTED: ("포인트를 받았어요", "%(amount)sP를 받았어요. %(note)s"),
    Type.SYSTEM_ALERT: ("알려 드려요", "%(text)s"),
    Type.ADMIN_MESSAGE: ("%(title)s", "%(text)s"),
}


def words_of(notice: Notice) -> tuple[str, str]:
    """Title and body of a notice."""
    title, body = WORDS[notice.type]
    return (title % notice.values).strip(), (body % notice.values).strip()
