"""Letters that are composed, however they were typed, in a time that the length of a text bounds."""

import unicodedata
from typing import Literal

MARKS = 30  # on one letter: what Unicode calls stream-safe (UAX #15, section 13)


def composed(text: str, form: Literal["NFC", "NFKC"] = "NFC") -> str:
    """The text in a normal form of Unicode, without what one letter has of marks beyond thirty.

    Nobody writes so many; sorting them takes the square of their number, while all threads of the process stand still.
    """
    return unicodedata.normalize(form, text if text.isascii() else _safe(text))


def _safe(text: str) -> str:
    kept, marks = [], 0
    for sign in text:
        marks = marks + 1 if unicodedata.combining(sign) else 0
        if marks <= MARKS:
            kept.append(sign)
    return "".join(kept)
