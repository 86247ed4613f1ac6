"""What is found of people: nickname and bio by everybody, e-mails by who may (U11)."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from nene.kernel.search import Document, Kind, Query, normalise
from nene.kernel.search.terms import LONGEST
from nene.user import queries
from nene.user.models import User

SEEN = ("nickname", "bio")


def document_of(user: User) -> Document:
    """The account as it is found.

    The address as a tag is what members find; only who wants that has it, and who has shown that the address is theirs:
    else one could be found by somebody else's.
    """
    texts = {"nickname": user.nickname, "bio": user.bio, "email": user.email or ""}
    by_email = user.find_by_email and user.email_verified_at is not None and user.email is not None
    return Document(user.id, user.created_at, texts, frozenset({f"mail={user.email}"} if by_email else ()))


def documents(session: Session, after_id: int, limit: int) -> Sequence[Document]:
    """Of every living account, by id."""
    return [document_of(user) for user in queries.list_after(session, after_id, limit)]


USERS = Kind("user", "nickname", (*SEEN, "email"), documents)


def query_for_admins(text: str) -> Query:
    """By nickname, bio, and any part of the e-mail."""
    return Query(text, fields=USERS.fields)


def query_for_members(text: str, email: str | None) -> Query:
    """By nickname and bio, or by a whole address."""
    return Query(text, fields=SEEN, or_tags=frozenset({f"mail={email}"} if email else ()))


def is_found(user: User, query: Query) -> bool:
    """Whether the account, as it is now, is one that the query is about: an index may be a little behind."""
    now = document_of(user)
    text = normalise(query.text)[:LONGEST]
    return bool(query.or_tags & now.tags) or any(text in normalise(now.texts[field]) for field in query.fields)
