"""The verbs of accounts and sessions, without a database."""

from datetime import UTC, date, datetime, timedelta

import pytest

from nene.user.errors import BirthDateFixed, TooYoung, TooYoungToJoin
from nene.user.models import User, UserSession
from nene.user.rules import Renewal
from nene.user.terms import Role

NOW = datetime(2026, 11, 1, 3, tzinfo=UTC)


def user() -> User:
    return User(
        id=7,
        email="kim@example.com",
        email_verified_at=NOW,
        password_hash="hash",
        role=Role.ADMIN,
        nickname="김씨",
        nickname_key="김씨",
        birth_on=date(2000, 1, 1),
        bio="안녕",
        find_by_email=True,
        created_at=NOW,
    )


def session() -> UserSession:
    return UserSession(generation=3, rotated_at=NOW, seen_at=NOW, last_seen_at=NOW, user_agent="Firefox Linux")


def test_points_need_full_age_that_day() -> None:
    kim = user()
    kim.require_age(19, date(2019, 1, 1))
    with pytest.raises(TooYoung) as refusal:
        kim.require_age(19, date(2018, 12, 31))
    assert refusal.value.status == 403


def test_the_birth_date_is_corrected_until_it_is_fixed() -> None:
    kim = user()
    kim.correct_birth_date(date(2001, 1, 1), fixed=False)
    assert kim.birth_on == date(2001, 1, 1)
    kim.correct_birth_date(date(2001, 1, 1), fixed=True)
    with pytest.raises(BirthDateFixed):
        kim.correct_birth_date(date(2002, 1, 1), fixed=True)


def test_nobody_becomes_too_young_to_have_joined() -> None:
    kim = user()
    kim.correct_birth_date(date(2012, 11, 1), fixed=False)
    with pytest.raises(TooYoungToJoin):
        kim.correct_birth_date(date(2012, 11, 2), fixed=False)


def test_who_withdraws_leaves_the_bare_id() -> None:
    kim = user()
    kim.withdraw(NOW)
    assert kim.withdrawn_at is not None
    assert (kim.public.id, kim.public.nickname, kim.public.bio) == (7, "탈퇴한 회원", "")
    assert (kim.email, kim.email_verified_at, kim.password_hash, kim.nickname_key, kim.birth_on) == (None,) * 5
    assert (kim.find_by_email, kim.role) == (False, Role.USER)


def test_a_renewed_session_has_a_new_generation_that_was_not_seen() -> None:
    mine = session()
    later = NOW + timedelta(hours=1)
    assert mine.renew(3, later) is Renewal.ROTATE
    assert (mine.generation, mine.rotated_at, mine.seen_at, mine.last_seen_at) == (4, later, None, later)
    assert mine.renew(3, later) is Renewal.REPEAT
    assert (mine.generation, mine.revoked_at) == (4, None)


def test_a_stolen_token_ends_the_session() -> None:
    mine = session()
    assert mine.renew(1, NOW) is Renewal.THEFT
    assert (mine.generation, mine.revoked_at) == (3, NOW)


def test_a_session_knows_its_browser() -> None:
    assert session().browser == "Firefox · Linux"
