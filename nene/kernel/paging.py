"""Keyset pages with opaque, signed cursors."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from itsdangerous import BadSignature, URLSafeSerializer

from nene.kernel.errors import CursorWrong

SIZE = 20
_secret = ""
Row = TypeVar("Row")
Key = tuple[Any, ...]


def start(secret: str) -> None:
    """Sign this process's cursors with the secret."""
    global _secret  # noqa: PLW0603 - one secret a process
    _secret = secret


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows, and the cursor of the rows after them if there are any."""

    items: Sequence[Row]
    next: str | None = None

    def __iter__(self) -> Iterator[Row]:
        return iter(self.items)

    def __bool__(self) -> bool:
        return bool(self.items)


class Cursor:
    """Where a list goes on: bound to what is listed (`scope`), so that it fits no other list or filter."""

    def __init__(self, scope: str, filters: object, token: str | None) -> None:
        bound = hashlib.sha256(json.dumps([scope, filters], default=str, sort_keys=True).encode()).hexdigest()
        self._signer = URLSafeSerializer(_secret, salt=f"cursor:{bound}")
        self._token = token

    def key(self) -> Key | None:
        """The key of the last row seen, or none at the beginning. Raises CursorWrong for a cursor that is not ours."""
        if not self._token:
            return None
        try:
            return tuple(_read(value) for value in self._signer.loads(self._token))
        except BadSignature:
            raise CursorWrong from None

    def page(self, rows: Sequence[Row], key: Callable[[Row], Key], size: int = SIZE) -> Page[Row]:
        """Cut `size` of the `size + 1` rows that were asked for, and sign the key of the last."""
        items = rows[:size]
        more = len(rows) > size
        return Page(items, self._signer.dumps([_written(value) for value in key(items[-1])]) if more else None)


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    return {"on": value.isoformat()} if isinstance(value, date) else value


def _read(value: Any) -> object:
    if isinstance(value, dict):
        return datetime.fromisoformat(value["at"]) if "at" in value else date.fromisoformat(value["on"])
    return value
