"""The two links that reach somebody by mail: to confirm the e-mail, and to choose a new password (U16)."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from nene.kernel import audit, mail, outbox, settings, tokens
from nene.kernel.clock import wall
from nene.user import queries
from nene.user.errors import LinkStale
from nene.user.models import User
from nene.user.service import people
from nene.user.service.session import end_sessions
from nene.user.service.social import remove_links

CONFIRM, RESET = "confirm e-mail", "reset password"
CONFIRM_LIFE, RESET_LIFE = timedelta(hours=24), timedelta(minutes=30)
NOBODY = 0  # no account has this id


@dataclass(frozen=True)
class Letter:
    """A link on its way to an address."""

    to: str
    link: str


def ask_to_reset(session: Session, email: str) -> None:
    """Ask for a letter with a link to whoever has the e-mail; as much work, and the same trace, for nobody (U14)."""
    user = queries.find_by_email(session, email)
    outbox.enqueue(session, "user.send_reset", user.id if user else NOBODY, mail.new_id())


def write_confirmation(session: Session, user_id: int) -> Letter | None:
    """The letter that asks to confirm the e-mail; none if that is done, and for who has left."""
    user = queries.find_user(session, user_id)
    if user is None or user.email is None or user.email_verified_at is not None:
        return None
    return Letter(user.email, _link("confirm-email", _sign(CONFIRM, user, CONFIRM_LIFE)))


def write_reset(session: Session, user_id: int) -> Letter | None:
    """The letter with a link to a new password; none for nobody, and for who has left."""
    user = queries.find_user(session, user_id)
    if user is None or user.email is None:
        return None
    return Letter(user.email, _link("password-reset", _sign(RESET, user, RESET_LIFE)))


def confirm_email(session: Session, token: str) -> None:
    """Note that the e-mail is the user's; safe to do twice. Raises LinkStale."""
    user = _user_of(session, CONFIRM, token, queries.load_user)
    if user.email_verified_at is None:
        user.email_verified_at = wall.now()
        people.index(session, user)
        audit.record(session, action="user.confirm_email", target=f"user:{user.id}", who=user.id)


def require_reset(session: Session, token: str) -> None:
    """Raises LinkStale if the link is too old, or was used, or the password has changed since."""
    _user_of(session, RESET, token, queries.find_user)


def reset_password(session: Session, *, token: str, new_hash: str) -> None:
    """Set a new password by a link, which works once, confirm the e-mail, and end all sessions. Raises LinkStale.

    Before the e-mail was confirmed, somebody else may have linked their own social sign-in: every link of that time goes.
    """
    user = _user_of(session, RESET, token, queries.load_user)
    user.password_hash = new_hash
    if user.email_verified_at is None:
        user.email_verified_at = wall.now()
        people.index(session, user)
    remove_links(session, user.id, made_before=user.email_verified_at)
    end_sessions(session, user.id)
    audit.record(session, action="user.reset_password", target=f"user:{user.id}", who=user.id)


def _link(page: str, token: str) -> str:
    return f"{settings.current().site}/{page}/{token}"


def _sign(use: str, user: User, life: timedelta) -> str:
    return tokens.sign(use, {"user": user.id, "state": _state(use, user)}, life=life)


def _user_of(session: Session, use: str, token: str, look: Callable[[Session, int], User | None]) -> User:
    claims = tokens.read(use, token)
    user = look(session, claims["user"]) if claims else None
    if claims is None or user is None or not hmac.compare_digest(claims["state"], _state(use, user)):
        raise LinkStale
    return user


def _state(use: str, user: User) -> str:
    """A digest of what the link is about: using it, or changing that in another way, ends the link."""
    about = [user.email, user.password_hash] if use == RESET else [user.email]
    return hmac.digest(tokens.derived(use), json.dumps(about).encode(), hashlib.sha256).hex()[:32]
