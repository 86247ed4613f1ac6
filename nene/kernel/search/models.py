"""The documents as rows: PostgreSQL searches them, and Elasticsearch is fed from them, so that both hold the same."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, or_
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import DateTime

from nene.kernel.db import Base
from nene.kernel.search.terms import Document, Kind, main_of, normalise, terms_of


class SearchDocument(Base):
    """What is found of one thing; of a thing that is gone only its number is left, so that Elasticsearch learns of it."""

    __tablename__ = "search_document"
    __table_args__ = (
        CheckConstraint("gone = (created_at IS NULL)", name="created_at"),
        CheckConstraint(
            "NOT gone OR (main = '' AND texts = '{}' AND tags = '{}' AND terms = '{}')", name="gone_is_bare"
        ),
        Index(None, "terms", postgresql_using="gin"),
        Index("ix_search_document_newest", "kind", "created_at", "id", postgresql_where="NOT gone"),
        Index("ix_search_document_main", "kind", "main", "created_at", "id", postgresql_where="NOT gone"),
        Index("ix_search_document_unsent", "kind", "id", postgresql_where="version <> sent_version"),
    )

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger, comment="one more with each change")
    sent_version: Mapped[int] = mapped_column(BigInteger, comment="the last one that Elasticsearch took")
    created_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), comment="of the thing; the order")
    main: Mapped[str] = mapped_column(Text(collation="C"), comment="the beginning of the normalised main field")
    texts: Mapped[dict[str, str]] = mapped_column(JSONB, comment="normalised, by field")
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="exact strings")
    terms: Mapped[list[str]] = mapped_column(
        ARRAY(Text), comment="what it is found by: letters, pairs of letters, tags"
    )
    gone: Mapped[bool]


BARE: Mapping[str, Any] = {"created_at": None, "main": "", "texts": {}, "tags": [], "terms": [], "gone": True}


def row_of(kind: Kind, document: Document) -> dict[str, Any]:
    """The columns of a document, but for its versions."""
    texts = {field: normalise(document.texts.get(field, "")) for field in kind.fields}
    tags = sorted(document.tags)
    return {
        "created_at": document.created_at,
        "main": main_of(kind, texts),
        "texts": texts,
        "tags": tags,
        "terms": terms_of(kind.name, texts, tags),
        "gone": False,
    }


def differs(row: SearchDocument, columns: Mapping[str, Any]) -> bool:
    """Whether the row holds anything else than these columns."""
    return any(getattr(row, name) != value for name, value in columns.items())


def write(session: Session, kind: str, key: int, columns: Mapping[str, Any], *, seen: int | None = None) -> bool:
    """Make these the columns of a row; whether anything was changed.

    With `seen`, only if the row still has that version (0: is not there), so that who saw more is not overwritten.
    """
    new = insert(SearchDocument).values(kind=kind, id=key, version=1, sent_version=0, **columns)
    changed = or_(*(getattr(SearchDocument, name).is_distinct_from(new.excluded[name]) for name in columns))
    statement = new.on_conflict_do_update(
        index_elements=["kind", "id"],
        set_={**{name: new.excluded[name] for name in columns}, "version": SearchDocument.version + 1},
        where=changed if seen is None else changed & (SearchDocument.version == seen),
    )
    return session.scalar(statement.returning(SearchDocument.id)) is not None
