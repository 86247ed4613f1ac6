"""Passwords: hashing and checking take their time, so both happen while no transaction is open (U1, U9)."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy.orm import Session

from nene.kernel import audit
from nene.user import rules
from nene.user.errors import PasswordWrong
from nene.user.models import User
from nene.user.service.account import lock_account
from nene.user.service.session import end_sessions

# OWASP's setting for Argon2id: 19 MiB each, so that 32 people who sign in at once fit into a small machine.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODYS = _hasher.hash("the password of nobody")


def hash_password(password: str) -> str:
    """Hash a new password, slowly. The form has checked it (U1)."""
    return _hasher.hash(password)


def check_password(user: User | None, password: str) -> bool:
    """Whether it is the user's password; takes as long for nobody, so that the time tells nothing (U14)."""
    known = user.password_hash if user is not None else None
    try:
        _hasher.verify(known or _NOBODYS, password[: rules.PASSWORD_LONGEST + 1])
    except (VerifyMismatchError, InvalidHashError):
        return False
    return known is not None


def change_password(
    session: Session, *, user_id: int, checked_hash: str | None, new_hash: str, keep_session_id: int
) -> None:
    """Set a new password and end every other session (U8, U9).

    `checked_hash` is what the present password was checked against. Raises PasswordWrong if it changed meanwhile, NotThere.
    """
    user = lock_account(session, user_id)
    if user.password_hash != checked_hash:
        raise PasswordWrong
    user.password_hash = new_hash
    end_sessions(session, user_id, but=keep_session_id)
    audit.record(session, action="user.password", target=f"user:{user_id}", who=user_id)
