"""Every SELECT on accounts and sessions."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from nene.user.models import SocialLink, Unlinking, User, UserImage, UserSession
from nene.user.terms import Provider, Role


def load_user(session: Session, user_id: int) -> User | None:
    """A living account, locked to be changed."""
    alive = select(User).where(User.id == user_id, User.withdrawn_at.is_(None))
    return session.scalar(alive.with_for_update(key_share=True).execution_options(populate_existing=True))


def find_user(session: Session, user_id: int) -> User | None:
    """A living account."""
    return session.scalar(select(User).where(User.id == user_id, User.withdrawn_at.is_(None)))


def find_by_email(session: Session, email: str) -> User | None:
    """The living account with this e-mail."""
    return session.scalar(select(User).where(User.email == email))


def list_taken(
    session: Session, *, email: str | None, nickname_key: str | None
) -> Sequence[tuple[str | None, str | None]]:
    """E-mail and nickname key of the accounts that have one of these."""
    taken = select(User.email, User.nickname_key).where(or_(User.email == email, User.nickname_key == nickname_key))
    return [(row[0], row[1]) for row in session.execute(taken)]


def list_users(session: Session, ids: Collection[int]) -> Sequence[User]:
    """These accounts, withdrawn ones too."""
    return session.scalars(select(User).where(User.id.in_(ids))).all() if ids else []


def list_admins(session: Session) -> Sequence[int]:
    """The ids of the staff."""
    staff = select(User.id).where(User.role == Role.ADMIN, User.withdrawn_at.is_(None))
    return session.scalars(staff.order_by(User.id)).all()


def load_session(session: Session, session_id: int) -> tuple[UserSession, User] | None:
    """A session that is not revoked, locked to be changed, and its owner."""
    row = session.execute(
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.id == session_id, UserSession.revoked_at.is_(None), User.withdrawn_at.is_(None))
        .with_for_update(of=UserSession)
    ).one_or_none()
    return (row[0], row[1]) if row else None


def find_session(session: Session, session_id: int) -> tuple[int, str, Role, int, bool] | None:
    """Of a session that is not revoked: user id, nickname, role, generation, whether that was seen."""
    row = session.execute(
        select(User.id, User.nickname, User.role, UserSession.generation, UserSession.seen_at.is_not(None))
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.id == session_id, UserSession.revoked_at.is_(None), User.withdrawn_at.is_(None))
    ).one_or_none()
    return (row[0], row[1], row[2], row[3], row[4]) if row else None


def list_sessions(session: Session, user_id: int, *, since: datetime) -> Sequence[UserSession]:
    """The living sessions of a user that were renewed since then, last seen first."""
    mine = select(UserSession).where(
        UserSession.user_id == user_id, UserSession.revoked_at.is_(None), UserSession.rotated_at > since
    )
    return session.scalars(mine.order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())).all()


def find_image(session: Session, *, key: str, width: int) -> bytes | None:
    """A profile picture in one of its widths."""
    return session.scalar(select(UserImage.webp).where(UserImage.key == key, UserImage.width == width))


# Social links


def find_link(session: Session, provider: Provider, subject: str) -> SocialLink | None:
    """The link of a provider's account, as the database has it now."""
    link = select(SocialLink).where(SocialLink.provider == provider, SocialLink.subject == subject)
    return session.scalar(link.execution_options(populate_existing=True))


def list_links(session: Session, user_id: int) -> Sequence[SocialLink]:
    """A user's links, oldest first."""
    mine = select(SocialLink).where(SocialLink.user_id == user_id)
    return session.scalars(mine.order_by(SocialLink.linked_at, SocialLink.provider)).all()


def find_unlinking(session: Session, unlinking_id: int) -> Unlinking | None:
    """What is still to be ended at a provider."""
    return session.get(Unlinking, unlinking_id)


# People to be found


def list_newest(session: Session, *, after: int | None, limit: int) -> Sequence[int]:
    """The ids of living accounts, who came last first, from the one after this."""
    newest = select(User.id).where(User.withdrawn_at.is_(None)).order_by(User.id.desc()).limit(limit)
    return session.scalars(newest.where(User.id < after) if after else newest).all()


def list_living(session: Session, ids: Collection[int]) -> Sequence[User]:
    """Those of these accounts that live."""
    return session.scalars(select(User).where(User.id.in_(ids), User.withdrawn_at.is_(None))).all() if ids else []


def list_after(session: Session, after: int, limit: int) -> Sequence[User]:
    """Living accounts by their ids, from the one after this."""
    living = select(User).where(User.id > after, User.withdrawn_at.is_(None))
    return session.scalars(living.order_by(User.id).limit(limit)).all()
