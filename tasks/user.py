"""Jobs of accounts."""

from nene.kernel import outbox
from nene.user import service

outbox.step_actor("user.forget_old_sessions")(service.forget_old_sessions)
outbox.step_actor("user.forget_retained")(service.forget_retained)
