"""Leaving: the person is forgotten, and who paid is kept apart for as long as the law asks (U9)."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from nene.kernel import audit
from nene.kernel.clock import business, seoul_date
from nene.kernel.errors import NotAllowed, NotThere
from nene.user import rules
from nene.user.models import RetainedIdentity
from nene.user.service import people, social
from nene.user.service.account import lock_account
from nene.user.service.image import forget_image
from nene.user.service.session import end_sessions
from nene.user.terms import Role


def withdraw(session: Session, *, user_id: int, has_paid: bool) -> None:
    """Forget the person and end all their sessions (U9). Raises NotThere.

    The caller has made sure that nothing is open, has closed the wallet, and lets notifications be forgotten.
    """
    user = lock_account(session, user_id)
    now = business.now()
    if has_paid and user.email is not None:
        session.add(
            RetainedIdentity(
                user_id=user_id,
                email=user.email,
                joined_at=user.created_at,
                withdrawn_at=now,
                delete_on=rules.kept_until(seoul_date(now)),
            )
        )
    forget_image(session, user)
    social.forget(session, user_id)
    user.withdraw(now)
    people.forget(session, user_id)
    end_sessions(session, user_id, forget=True)


def read_retained(session: Session, *, by: int, user_id: int) -> RetainedIdentity:
    """Who somebody was who has left; each look is audited. Raises NotAllowed for who is no admin, NotThere."""
    if lock_account(session, by).role is not Role.ADMIN:
        raise NotAllowed
    found = session.get(RetainedIdentity, user_id)
    if found is None:
        raise NotThere
    audit.record(session, action="user.read_retained", target=f"user:{user_id}", who=by)
    return found


def forget_retained(session: Session) -> int:
    """Delete what has been kept long enough; gives the number. For the scheduler, once a day."""
    over = delete(RetainedIdentity).where(RetainedIdentity.delete_on <= business.today())
    return len(session.scalars(over.returning(RetainedIdentity.user_id)).all())
