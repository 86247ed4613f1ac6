"""Rules on plain values: e-mails, passwords, nicknames, ages, and which refresh token is good."""

import re
from datetime import date, datetime, timedelta
from enum import Enum, auto

from email_validator import EmailNotValidError, validate_email

from nene.kernel.text import composed

PASSWORD_SHORTEST, PASSWORD_LONGEST = 8, 64
NICKNAME_SHORTEST, NICKNAME_LONGEST = 2, 12
EMAIL_LONGEST, BIO_LONGEST = 254, 200
JOIN_AGE = 14
OLDEST = date(1900, 1, 1)
SECOND_CHANCE = timedelta(seconds=10)
SESSION_LIFE = timedelta(days=14)
_NICKNAME = re.compile(r"[0-9A-Za-z가-힣ㄱ-ㅎㅏ-ㅣ_]+")
_BROWSERS = [("Edg", "Edge"), ("SamsungBrowser", "Samsung Internet"), ("Whale", "Whale"), ("Firefox", "Firefox")]
_BROWSERS += [("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari")]
_SYSTEMS = [("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows")]
_SYSTEMS += [("Mac OS", "Mac"), ("Linux", "Linux")]


class Renewal(Enum):
    """What to do with a refresh token."""

    ROTATE = auto()
    REPEAT = auto()
    THEFT = auto()
    REFUSE = auto()


def email_key(text: str, *, reserved: bool = False) -> str | None:
    """The e-mail as accounts are found by it, or none if it is no address; `reserved` allows the domains of tests."""
    if len(text.strip()) > EMAIL_LONGEST:
        return None  # looking at every sign of it takes long
    try:
        found = validate_email(
            text.strip(), check_deliverability=False, test_environment=reserved, allow_smtputf8=False
        )
    except EmailNotValidError:
        return None
    return f"{found.local_part}@{found.ascii_domain}".lower()  # casefold would make one domain of two: ß and ss


def is_password(text: str) -> bool:
    """Whether it has 8 to 64 characters, among them a letter, a digit and a special character (U1)."""
    kinds = {_kind(letter) for letter in text}
    return PASSWORD_SHORTEST <= len(text) <= PASSWORD_LONGEST and kinds >= {"letter", "digit", "special"}


def is_nickname(text: str) -> bool:
    """Whether it has 2 to 12 letters, digits, Hangul or `_`."""
    return NICKNAME_SHORTEST <= len(text) <= NICKNAME_LONGEST and _NICKNAME.fullmatch(text) is not None


def nickname_key(nickname: str) -> str:
    """What two nicknames must not have in common: case and ways of writing do not count."""
    return composed(composed(nickname, "NFKC").casefold(), "NFKC")


def age_on(birth_on: date, day: date) -> int:
    """Full years of age on a day; born on February 29, one grows older on March 1 where there is none."""
    return day.year - birth_on.year - ((day.month, day.day) < (birth_on.month, birth_on.day))


def kept_until(left_on: date) -> date:
    """The day on which what is kept of who paid is deleted: five years after leaving, as long as payment records are."""
    try:
        return left_on.replace(year=left_on.year + 5)
    except ValueError:  # February 29
        return date(left_on.year + 5, 3, 1)


def renewal(given: int, present: int, *, rotated_at: datetime, seen_at: datetime | None, now: datetime) -> Renewal:
    """Judge a refresh token's generation by the session's (U6).

    The present one rotates. The one before is answered with the present one until that has been seen, and 10 seconds
    more. Older ones are theft. What we never gave, and what is older than 14 days, is refused.
    """
    if given > present or now >= rotated_at + SESSION_LIFE:
        return Renewal.REFUSE
    if given == present:
        return Renewal.ROTATE
    if given == present - 1 and (seen_at is None or now <= seen_at + SECOND_CHANCE):
        return Renewal.REPEAT
    return Renewal.THEFT


def browser_name(user_agent: str) -> str:
    """A short name of a browser and its machine, such as "Chrome · Android"; empty if it does not say."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return " · ".join(part for part in (browser, system) if part)


def _kind(letter: str) -> str:
    if letter.isalpha():
        return "letter"
    if letter.isdecimal():
        return "digit"
    return "space" if letter.isspace() or not letter.isprintable() else "special"
