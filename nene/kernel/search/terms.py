"""What is searched for and in what, and how texts become comparable: pure functions on plain values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from nene.kernel.text import composed

LONGEST = 64  # characters of a query that count
EXACT, PREFIX, INSIDE = TIERS = (10, 5, 1)


@dataclass(frozen=True)
class Document:
    """What is found of one thing; tags are exact strings such as `mail=a@b.test`, at most some hundred characters."""

    id: int
    created_at: datetime
    texts: Mapping[str, str]
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Kind:
    """A kind of things that are searched; names are short words of a-z and `_`.

    `documents(session, after_id, limit)` gives what should be found, by ascending id: the truth of the domain.
    """

    name: str
    main: str
    fields: tuple[str, ...]
    documents: Callable[[Session, int, int], Sequence[Document]]


@dataclass(frozen=True)
class Query:
    """Things whose text is inside one of the fields (all unless named) or that have one of `or_tags`, and all `and_tags`.

    An empty text finds everything that has the `and_tags`.
    """

    text: str = ""
    fields: tuple[str, ...] = ()
    or_tags: frozenset[str] = frozenset()
    and_tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Wanted:
    """A query as both backends read it; `fields` and `main` are empty where there is no text."""

    kind: str
    text: str
    main: str | None
    fields: tuple[str, ...]
    or_tags: tuple[str, ...]
    and_tags: tuple[str, ...]


@dataclass(frozen=True)
class Hit:
    """One thing found; a list is sorted by these, all descending."""

    tier: int
    created_at: datetime
    id: int


def normalise(text: str) -> str:
    """What counts of a text: no case, no blanks, no ways of writing; nor what a database cannot hold."""
    storable = text.encode(errors="ignore").decode().replace("\0", "")
    folded = composed(_without_blanks(storable), "NFKC").casefold()
    return composed(_without_blanks(composed(folded, "NFKC")), "NFKC")


def want(kind: Kind, query: Query) -> Wanted:
    """The query made plain. Raises ValueError for a field that the kind does not have."""
    text = normalise(query.text)[:LONGEST]
    fields = query.fields or kind.fields
    if not set(fields) <= set(kind.fields):
        raise ValueError(fields)
    return Wanted(
        kind=kind.name,
        text=text,
        main=kind.main if kind.main in fields else None,
        fields=tuple(sorted(fields)) if text else (),
        or_tags=tuple(sorted(query.or_tags)) if text else (),
        and_tags=tuple(sorted(query.and_tags)),
    )


def main_of(kind: Kind, texts: Mapping[str, str]) -> str:
    """As much of the normalised main field as tells whether a query is equal to it or begins it."""
    return texts.get(kind.main, "")[: LONGEST + 1]


def terms_of(kind: str, texts: Mapping[str, str], tags: Iterable[str]) -> list[str]:
    """All that a document is found by: letters and pairs of letters of each field, and tags; sorted, each once."""
    grams = {gram for field, text in texts.items() for gram in _grams(kind, field, text, sizes=(1, 2))}
    return sorted(grams | set(tag_terms(kind, tags)))


def text_terms(kind: str, field: str, text: str) -> list[str]:
    """The terms of every document with this text in the field."""
    return sorted(_grams(kind, field, text, sizes=(min(len(text), 2),)))


def tag_terms(kind: str, tags: Iterable[str]) -> list[str]:
    """The terms of every document with these tags."""
    return [f"{kind}={tag}" for tag in tags]


def _grams(kind: str, field: str, text: str, sizes: tuple[int, ...]) -> set[str]:
    return {f"{kind}.{field}:{text[start : start + size]}" for size in sizes for start in range(len(text) - size + 1)}


def _without_blanks(text: str) -> str:
    return "".join(text.split())
