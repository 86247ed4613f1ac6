"""Search by any part of a text, on Elasticsearch and, when that is away or not there, with the same results on PostgreSQL.

A domain writes what is to be found of its things, as documents, in its own transactions.
"""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from nene.kernel import outbox
from nene.kernel.db import reading
from nene.kernel.paging import SIZE, Cursor, Page
from nene.kernel.search import elastic, twin
from nene.kernel.search.elastic import is_away, is_configured
from nene.kernel.search.models import BARE, row_of, write
from nene.kernel.search.terms import Document, Hit, Kind, Query, normalise, want

__all__ = [
    "Document",
    "Kind",
    "Query",
    "drop",
    "find",
    "is_away",
    "is_configured",
    "kinds",
    "normalise",
    "put",
    "start",
]
_kinds: tuple[Kind, ...] = ()


def start(url: str | None, kinds: Sequence[Kind], prefix: str = "nene-") -> None:
    """Name what is searched in this process, and where Elasticsearch is, if it is used. Nothing is connected yet.

    The names of our indexes begin with the prefix, so that one Elasticsearch serves several of us.
    """
    global _kinds  # noqa: PLW0603 - one list a process
    _kinds = tuple(kinds)
    elastic.start(url, prefix)


def kinds() -> tuple[Kind, ...]:
    """The kinds that this process knows."""
    return _kinds


def put(session: Session, kind: Kind, document: Document) -> None:
    """Let a thing be found like this from the commit on; by Elasticsearch a moment later. Safe to repeat.

    Whoever changes the thing holds its lock, so that the last to change it is the last to say how it is found.
    """
    if write(session, kind.name, document.id, row_of(kind, document)):
        _tell(session, kind.name, document.id)


def drop(session: Session, kind: Kind, key: int) -> None:
    """Let a thing not be found any more; only its number is kept. Safe to repeat."""
    if write(session, kind.name, key, BARE):
        _tell(session, kind.name, key)


def find(kind: Kind, query: Query, *, cursor: str | None, size: int = SIZE) -> Page[int]:
    """Numbers of the things found: those whose main field is the text, then begins with it, then the others; newest first.

    Only the first 64 characters of the normalised text count. Not to be called within a session: it waits for the network,
    and opens its own. Raises CursorWrong.
    """
    wanted = want(kind, query)
    pages = Cursor("search", [wanted.kind, wanted.text, wanted.fields, wanted.or_tags, wanted.and_tags], cursor)
    key = pages.key()
    after = Hit(*key) if key else None
    hits = elastic.find(wanted, after, size + 1)
    if hits is None:
        with reading() as session:
            hits = twin.find(session, wanted, after, size + 1)
    page = pages.page(hits, lambda hit: (hit.tier, hit.created_at, hit.id), size)
    return Page([hit.id for hit in page], page.next)


def _tell(session: Session, kind: str, key: int) -> None:
    if elastic.is_configured():
        outbox.enqueue(session, "search.sync", key=f"search:{kind}:{key}")
