"""U1, U3, U6 and U10 on plain values."""

import unicodedata
from datetime import UTC, date, datetime, timedelta

import pytest

from nene.user import rules
from nene.user.rules import Renewal

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("password", ["abcdef1!", "한글비밀번호1!", "A1 " + "!" * 61, "pass_w0rd"])
def test_a_good_password_is_taken(password: str) -> None:
    assert rules.is_password(password)


@pytest.mark.parametrize(
    "password", ["", "abcde1!", "abcdefg!", "12345678!", "abcdefg1", "abcdef1 ", "A1" + "!" * 63, "abcdef1\x00"]
)
def test_a_password_needs_length_and_three_kinds(password: str) -> None:
    assert not rules.is_password(password)


@pytest.mark.parametrize("nickname", ["ab", "한글", "a_1", "열두글자짜리닉네임이에요", "ㅋㅋ", "__"])
def test_a_good_nickname_is_taken(nickname: str) -> None:
    assert rules.is_nickname(nickname)


@pytest.mark.parametrize(
    "nickname", ["", "a", "열세글자짜리닉네임이에요요", "a b", "a-b", "😀😀", "ab\n", "아침<b>", "日本"]
)
def test_a_nickname_has_two_to_twelve_of_few_letters(nickname: str) -> None:
    assert not rules.is_nickname(nickname)


@pytest.mark.parametrize("other", ["아침Bear", "아침bEAR", "아침Ｂear", unicodedata.normalize("NFD", "아침bear")])
def test_nicknames_that_read_the_same_have_one_key(other: str) -> None:
    assert rules.nickname_key(other) == rules.nickname_key("아침bear")


def test_nicknames_that_differ_have_two_keys() -> None:
    assert rules.nickname_key("bear") != rules.nickname_key("bear_")


@pytest.mark.parametrize(
    ("written", "key"),
    [
        (" Kim@Example.COM ", "kim@example.com"),
        ("KIM+a@example.com", "kim+a@example.com"),
        ("Kim@한국.kr", "kim@xn--3e0b707e.kr"),
    ],
)
def test_an_email_is_found_however_it_is_written(written: str, key: str) -> None:
    assert rules.email_key(written) == key


@pytest.mark.parametrize("written", ["", "kim", "kim@", "@example.com", "a b@example.com", "kim@example", "a@b@c.com"])
def test_what_is_no_email_has_no_key(written: str) -> None:
    assert rules.email_key(written) is None


def test_only_the_demo_knows_addresses_of_tests() -> None:
    assert rules.email_key("demo1@nene.test") is None
    assert rules.email_key("demo1@nene.test", reserved=True) == "demo1@nene.test"


@pytest.mark.parametrize(
    ("birth_on", "day", "age"),
    [
        (date(2007, 11, 1), date(2026, 11, 1), 19),
        (date(2007, 11, 2), date(2026, 11, 1), 18),
        (date(2004, 2, 29), date(2023, 2, 28), 18),
        (date(2004, 2, 29), date(2023, 3, 1), 19),
        (date(2004, 2, 29), date(2024, 2, 29), 20),
    ],
)
def test_age_is_counted_in_full_years(birth_on: date, day: date, age: int) -> None:
    assert rules.age_on(birth_on, day) == age


def judge(given: int, *, seen_before: float | None = None, rotated_days_ago: float = 0) -> Renewal:
    return rules.renewal(
        given,
        3,
        rotated_at=NOW - timedelta(days=rotated_days_ago),
        seen_at=None if seen_before is None else NOW - timedelta(seconds=seen_before),
        now=NOW,
    )


def test_the_present_token_rotates() -> None:
    assert judge(3) is Renewal.ROTATE
    assert judge(3, seen_before=60) is Renewal.ROTATE


def test_the_token_before_is_good_until_the_new_one_was_seen_and_ten_seconds_more() -> None:
    assert judge(2, rotated_days_ago=13) is Renewal.REPEAT
    assert judge(2, seen_before=10) is Renewal.REPEAT
    assert judge(2, seen_before=10.001) is Renewal.THEFT


def test_an_older_token_is_theft() -> None:
    assert judge(1) is Renewal.THEFT
    assert judge(1, seen_before=0) is Renewal.THEFT


def test_a_token_lives_fourteen_days_and_none_comes_from_the_future() -> None:
    assert judge(3, rotated_days_ago=13.99) is Renewal.ROTATE
    assert judge(3, rotated_days_ago=14) is Renewal.REFUSE
    assert judge(1, rotated_days_ago=14) is Renewal.REFUSE
    assert judge(4) is Renewal.REFUSE


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537 Chrome/130 Mobile Safari/537", "Chrome · Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18 like Mac OS X) Version/18 Safari/604", "Safari · iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130 Safari/537 Edg/130", "Edge · Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14) Firefox/131", "Firefox · Mac"),
        ("curl/8", ""),
    ],
)
def test_a_browser_has_a_short_name(agent: str, name: str) -> None:
    assert rules.browser_name(agent) == name


def test_no_two_domains_are_one_address() -> None:
    assert rules.email_key("Kim@Example.COM") == "kim@example.com"
    assert rules.email_key("x@fa\u00df.de") == "x@xn--fa-hia.de"
    assert rules.email_key("\u017fmith@example.com") is None
