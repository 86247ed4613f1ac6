"""Cursors are ours, and fit the list that they were made for."""

from datetime import UTC, date, datetime

import pytest
from flask import Flask

from nene.kernel.errors import CursorWrong
from nene.kernel.paging import Cursor

KEY = (datetime(2026, 11, 1, 3, tzinfo=UTC), date(2026, 11, 9), 7, "가")


def token(app: Flask, scope: str = "list", filters: object = None) -> str:
    page = Cursor(scope, filters, None).page([KEY, KEY], lambda row: row, size=1)
    assert page.next is not None
    return page.next


def test_a_cursor_gives_back_the_key_of_the_last_row(app: Flask) -> None:
    assert Cursor("list", None, token(app)).key() == KEY


def test_the_last_page_has_no_next_one(app: Flask) -> None:
    page = Cursor("list", None, None).page([1, 2], lambda row: (row,), size=2)
    assert (list(page), page.next, bool(page)) == ([1, 2], None, True)


@pytest.mark.parametrize(("scope", "filters"), [("other", None), ("list", {"q": "x"})])
def test_a_cursor_of_another_list_or_filter_is_refused(app: Flask, scope: str, filters: object) -> None:
    with pytest.raises(CursorWrong):
        Cursor(scope, filters, token(app)).key()


@pytest.mark.parametrize("changed", ["x", "x.y.z", "", None])
def test_a_cursor_that_is_not_ours_is_refused_and_none_begins(app: Flask, changed: str | None) -> None:
    if changed:
        with pytest.raises(CursorWrong):
            Cursor("list", None, changed).key()
    else:
        assert Cursor("list", None, changed).key() is None
