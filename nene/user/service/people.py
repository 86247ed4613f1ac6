"""Finding people: by what they say of themselves, by e-mail who may (U11), or everybody, newest first (U12)."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from nene.kernel import cache, search, settings
from nene.kernel.db import reading
from nene.kernel.paging import SIZE, Cursor, Page
from nene.kernel.search import Query
from nene.user import queries, rules
from nene.user.models import User
from nene.user.search import USERS, document_of, is_found, query_for_admins, query_for_members
from nene.user.terms import PublicUser

FIRST_PAGE = "people:first"
LIFE = timedelta(minutes=5)


@dataclass(frozen=True)
class Found:
    """Somebody on the list, with their e-mail for admins only."""

    user: PublicUser
    email: str | None


def find_people(*, text: str, cursor: str | None, by_admin: bool) -> Page[Found]:
    """A page of living people: those whom the text is about, best first, or everybody. Raises CursorWrong.

    Opens its own sessions: none may be open while the search is asked. What it says is checked on the rows as they are
    now, so that nobody is found by what they have changed or no longer allow.
    """
    query = _query(text, by_admin=by_admin)
    page = search.find(USERS, query, cursor=cursor) if query else _everybody(cursor)
    with reading() as session:
        living = {user.id: user for user in queries.list_living(session, page.items)}
    found = [living[one] for one in page if one in living and (query is None or is_found(living[one], query))]
    return Page([Found(user.public, user.email if by_admin else None) for user in found], page.next)


def index(session: Session, user: User) -> None:
    """Let a new or changed account be found as it is now; whoever changes what is found of it calls this."""
    search.put(session, USERS, document_of(user))
    cache.drop(session, FIRST_PAGE)


def forget(session: Session, user_id: int) -> None:
    """Let who has left be found no longer."""
    search.drop(session, USERS, user_id)
    cache.drop(session, FIRST_PAGE)


def _query(text: str, *, by_admin: bool) -> Query | None:
    """What to search for; none without a word."""
    if not search.normalise(text):
        return None
    if by_admin:
        return query_for_admins(text)
    return query_for_members(text, rules.email_key(text, reserved=not settings.current().production))


def _everybody(token: str | None) -> Page[int]:
    """Newest first. Of the first page only the ids are kept: whatever happens to Redis, the rows are looked at anew."""
    cursor = Cursor("people", None, token)
    after = cursor.key()

    def ids() -> list[int]:
        with reading() as session:
            return list(queries.list_newest(session, after=after[0] if after else None, limit=SIZE + 1))

    return cursor.page(ids() if after else cache.cached(FIRST_PAGE, LIFE, ids), lambda one: (one,))
