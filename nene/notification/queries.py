"""Every SELECT of notifications."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nene.kernel.paging import SIZE, Key
from nene.notification.models import Notification, Preference


def count_unread(session: Session, user_id: int) -> int:
    """How many a person has not read."""
    unread = select(func.count()).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    return session.scalar(unread) or 0


def list_inbox(session: Session, user_id: int, after: Key | None) -> list[Notification]:
    """One more than a page of a person's notifications, newest first."""
    rows = select(Notification).where(Notification.user_id == user_id)
    if after is not None:
        rows = rows.where(Notification.id < after[0])
    return list(session.scalars(rows.order_by(Notification.id.desc()).limit(SIZE + 1)))


def find_preference(session: Session, user_id: int) -> Preference | None:
    """What a person wants to be sent."""
    return session.get(Preference, user_id)
