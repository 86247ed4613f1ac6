"""What other domains may ask: telling people, and keeping what they agreed to."""

from collections.abc import Sequence

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from nene.kernel.clock import business, wall
from nene.kernel.paging import Cursor, Page
from nene.notification import queries
from nene.notification.models import Notification, Preference
from nene.notification.rules import words_of
from nene.notification.terms import Consents, Notice


def notify(session: Session, notices: Sequence[Notice]) -> None:
    """Write notifications in the transaction of what caused them; one whose key was used before is passed over (N2)."""
    rows = []
    for notice in sorted(notices, key=lambda notice: notice.user_id):
        title, body = words_of(notice)
        kind, key = notice.link or (None, None)
        rows.append(
            {
                "user_id": notice.user_id,
                "key": notice.key,
                "type": notice.type,
                "title": title,
                "body": body,
                "link_kind": kind,
                "link_id": key,
                "created_at": business.now(),
            }
        )
    if rows:
        session.execute(insert(Notification).on_conflict_do_nothing(index_elements=["key"]), rows)


def count_unread(session: Session, user_id: int) -> int:
    """The number in the badge of the bell."""
    return queries.count_unread(session, user_id)


def inbox(session: Session, user_id: int, cursor: Cursor) -> Page[Notification]:
    """A page of the person's own notifications, newest first."""
    return cursor.page(queries.list_inbox(session, user_id, cursor.key()), lambda row: (row.id,))


def read_all(session: Session, *, user_id: int) -> None:
    """Mark everything in the person's inbox as read."""
    unread = update(Notification).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    session.execute(unread.values(read_at=business.now()))


def set_consents(session: Session, *, user_id: int, marketing: bool, night: bool) -> None:
    """Keep what a person agrees to be sent, with the time; night marketing needs marketing (U3)."""
    now = wall.now()
    consents = {"marketing_at": now if marketing else None, "night_at": now if marketing and night else None}
    row = insert(Preference).values(user_id=user_id, reminder_hour=20, **consents)
    session.execute(row.on_conflict_do_update(index_elements=["user_id"], set_=consents))


def consents_of(session: Session, user_id: int) -> Consents:
    """What a person agreed to be sent."""
    kept = queries.find_preference(session, user_id)
    return Consents(
        marketing=kept is not None and kept.marketing_at is not None,
        night=kept is not None and kept.night_at is not None,
    )


def forget(session: Session, *, user_id: int) -> None:
    """Delete the inbox and the wishes of a person who leaves (U9)."""
    session.execute(delete(Notification).where(Notification.user_id == user_id))
    session.execute(delete(Preference).where(Preference.user_id == user_id))
