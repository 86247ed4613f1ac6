"""Jobs of accounts."""

from datetime import timedelta

from nene.kernel import mail, outbox
from nene.kernel.db import reading
from nene.user import service
from nene.user.service import social

SENDING = timedelta(minutes=2)  # longer than a mail server is waited for

outbox.step_actor("user.forget_old_sessions")(service.forget_old_sessions)
outbox.step_actor("user.forget_retained")(service.forget_retained)


@outbox.actor("user.send_confirmation", alone_for=SENDING, retry_after=mail.RETRY_AFTER)
def send_confirmation(user_id: int, letter_id: str) -> None:
    with reading() as session:
        letter = service.write_confirmation(session, user_id)
    if letter is not None:
        mail.deliver(letter.to, *mail.write("confirm", link=letter.link), letter_id=letter_id)


@outbox.actor("user.send_reset", alone_for=SENDING, retry_after=mail.RETRY_AFTER)
def send_reset(user_id: int, letter_id: str) -> None:
    with reading() as session:
        letter = service.write_reset(session, user_id)
    if letter is not None:
        mail.deliver(letter.to, *mail.write("reset", link=letter.link), letter_id=letter_id)


outbox.actor("user.unlink_social")(social.unlink_at_provider)
outbox.step_actor("user.retry_unlinking")(social.retry_unlinking)
