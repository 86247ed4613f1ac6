"""The words of each type."""

import pytest

from nene.notification.rules import WORDS, words_of
from nene.notification.terms import Notice, Type

VALUES = {
    "who": "김씨",
    "challenge": "아침 달리기",
    "share": "16,668",
    "fee": "1,000",
    "why": "최소 인원이 모이지 않았어요.",
    "rate": 80,
    "amount": "1,000",
    "note": "덤",
    "text": "안녕하세요",
    "title": "새 소식",
}


@pytest.mark.parametrize("kind", Type)
def test_every_type_has_words(kind: Type) -> None:
    title, body = words_of(Notice(key="x", user_id=1, type=kind, values=VALUES))
    assert title
    assert body
    assert "%(" not in title + body
    assert "%%" not in title + body


def test_no_words_are_left_over() -> None:
    assert set(WORDS) == set(Type)


def test_a_percentage_keeps_its_sign() -> None:
    notice = Notice(key="x", user_id=1, type=Type.VERIFICATION_SUCCESS, values=VALUES)
    assert "80%" in words_of(notice)[1]


def test_nothing_trails_behind_a_missing_reason() -> None:
    notice = Notice(key="x", user_id=1, type=Type.POINT_GRANTED, values={**VALUES, "note": ""})
    assert words_of(notice)[1] == "1,000P를 받았어요."
