"""Accounts on a real database: opening, looking, changing, leaving."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from nene.kernel.audit import Audit
from nene.kernel.errors import NotThere
from nene.notification import service as notification
from nene.point.models import PointAccount
from nene.user import service
from nene.user.errors import (
    BirthDateFixed,
    EmailTaken,
    NicknameTaken,
    PasswordWrong,
    SignInFailed,
    TooYoung,
    TooYoungToJoin,
)
from nene.user.models import Consent, User, UserSession
from nene.user.service.session import open_session
from nene.user.terms import VERSIONS, Document, Role
from tests import world
from tests.conftest import Clocks


@pytest.fixture(autouse=True)
def now(clock: Clocks) -> None:
    clock.stop_at(world.NOW)


def sign_up(session: Session, **changed: object) -> int:
    values = {
        "email": "kim@example.com",
        "password_hash": world.HASH,
        "nickname": "김씨",
        "birth_on": date(2000, 1, 1),
        "bio": "",
        "marketing": True,
        "night": False,
        "now": world.NOW,
        "user_agent": "",
        **changed,
    }
    return service.sign_up(session, **values).identity.id  # type: ignore[arg-type]


def alive(session: Session, user_id: int) -> list[int]:
    return [one.id for one in service.list_sessions(session, user_id)]


def opened(session: Session, user_id: int) -> int:
    return open_session(session, service.lock_account(session, user_id), "").identity.session_id


def test_signing_up_opens_one_wallet(session: Session) -> None:
    user_id = sign_up(session)
    wallets = select(func.count()).where(PointAccount.kind == "WALLET", PointAccount.owner_id == user_id)
    assert session.scalar(wallets) == 1


def test_a_second_wallet_is_refused_by_the_database(session: Session) -> None:
    user_id = sign_up(session)
    session.add(PointAccount(kind="WALLET", owner_id=user_id, balance=0))
    with pytest.raises(IntegrityError):
        session.flush()


def test_signing_up_keeps_what_was_agreed_to(session: Session) -> None:
    user_id = sign_up(session, marketing=True, night=True)
    kept = session.scalars(select(Consent).where(Consent.user_id == user_id)).all()
    assert {(one.what, one.version, one.agreed_at) for one in kept} == {
        (Document.TERMS, VERSIONS[Document.TERMS], world.NOW),
        (Document.PRIVACY, VERSIONS[Document.PRIVACY], world.NOW),
    }
    consents = notification.consents_of(session, user_id)
    assert (consents.marketing, consents.night) == (True, True)


def test_nobody_has_two_accounts_on_one_email(session: Session) -> None:
    sign_up(session)
    with pytest.raises(EmailTaken):
        sign_up(session, nickname="박씨")


def test_nobody_takes_a_nickname_that_reads_the_same(session: Session) -> None:
    sign_up(session, nickname="Bear")
    with pytest.raises(NicknameTaken):
        sign_up(session, email="other@example.com", nickname="bEAR")


def test_both_faults_are_told_at_once(session: Session) -> None:
    sign_up(session)
    refusals = service.taken(session, email="kim@example.com", nickname="김씨")
    assert [type(one) for one in refusals] == [EmailTaken, NicknameTaken]
    assert service.taken(session, email="lee@example.com", nickname="이씨") == []
    assert service.taken(session) == []


def test_under_fourteen_is_refused(session: Session) -> None:
    with pytest.raises(TooYoungToJoin):
        sign_up(session, birth_on=date(2012, 11, 2))
    sign_up(session, birth_on=date(2012, 11, 1))


def test_staking_needs_full_age_that_day(session: Session, clock: Clocks) -> None:
    user_id = sign_up(session, birth_on=date(2007, 11, 2))
    assert not service.may_stake(session, user_id)
    with pytest.raises(TooYoung):
        service.lock_member(session, user_id)
    clock.stop_at(world.NOW + timedelta(days=1))
    assert service.may_stake(session, user_id)
    assert service.lock_member(session, user_id).id == user_id


def test_who_left_is_not_there(session: Session) -> None:
    user_id = sign_up(session)
    service.withdraw(session, user_id=user_id, has_paid=False)
    session.flush()
    for look in (service.lock_account, service.lock_member, service.public_profile, service.own_profile):
        with pytest.raises(NotThere):
            look(session, user_id)
    assert service.find_user(session, user_id) is None
    assert service.find_by_email(session, "kim@example.com") is None
    assert not service.may_stake(session, user_id)


def test_leaving_frees_email_and_nickname(session: Session) -> None:
    service.withdraw(session, user_id=sign_up(session), has_paid=False)
    assert sign_up(session)


def test_leaving_ends_and_forgets_every_session(session: Session) -> None:
    user_id = sign_up(session)
    service.withdraw(session, user_id=user_id, has_paid=False)
    assert session.scalar(select(func.count()).where(UserSession.user_id == user_id)) == 0


def test_everybody_has_a_name(session: Session) -> None:
    kim, gone = sign_up(session), sign_up(session, email="gone@example.com", nickname="간사람")
    service.withdraw(session, user_id=gone, has_paid=False)
    session.flush()
    names = service.names_of(session, {kim, gone, 999_999})
    assert {one: name.nickname for one, name in names.items()} == {
        kim: "김씨",
        gone: "탈퇴한 회원",
        999_999: "탈퇴한 회원",
    }
    assert service.names_of(session, []) == {}


def test_somebody_elses_profile_shows_nothing_private(session: Session) -> None:
    profile = service.public_profile(session, sign_up(session, bio="물을 마셔요"))
    assert vars(profile).keys() == {"id", "nickname", "image", "bio", "joined_on"}
    assert (profile.nickname, profile.bio, profile.joined_on) == ("김씨", "물을 마셔요", world.TODAY)


def test_the_profile_can_be_changed(session: Session) -> None:
    user_id = sign_up(session)
    service.update_profile(
        session, user_id=user_id, nickname="새이름", birth_on=date(1999, 9, 9), bio="소개", find_by_email=False
    )
    kim = session.get_one(User, user_id)
    assert (kim.nickname, kim.nickname_key, kim.birth_on, kim.bio) == ("새이름", "새이름", date(1999, 9, 9), "소개")


def test_a_taken_nickname_changes_nothing(session: Session) -> None:
    sign_up(session)
    lee = sign_up(session, email="lee@example.com", nickname="이씨")
    with pytest.raises(NicknameTaken):
        service.update_profile(
            session, user_id=lee, nickname="김씨", birth_on=date(2000, 1, 1), bio="", find_by_email=False
        )
    assert service.names_of(session, [lee])[lee].nickname == "이씨"


def test_the_birth_date_stands_from_the_first_stake_on(session: Session) -> None:
    user_id = world.member(session, points=1_000, birth_on=date(2000, 1, 1))
    assert not service.own_profile(session, user_id).is_fixed
    world.opened(session, user_id)
    assert service.own_profile(session, user_id).is_fixed
    with pytest.raises(BirthDateFixed):
        service.update_profile(
            session, user_id=user_id, nickname="새이름", birth_on=date(1999, 9, 9), bio="", find_by_email=False
        )
    service.update_profile(
        session, user_id=user_id, nickname="새이름", birth_on=date(2000, 1, 1), bio="", find_by_email=False
    )


def test_signing_in_needs_the_password_that_was_checked(session: Session) -> None:
    user_id = sign_up(session)
    signed_in = service.sign_in(session, user_id=user_id, checked_hash=world.HASH, user_agent="x" * 400)
    assert signed_in.identity.session_id in alive(session, user_id)
    with pytest.raises(SignInFailed):
        service.sign_in(session, user_id=user_id, checked_hash="another", user_agent="")


def test_signing_in_again_ends_the_session_of_that_browser(session: Session) -> None:
    user_id = sign_up(session)
    old = alive(session, user_id)[0]
    new = service.sign_in(session, user_id=user_id, checked_hash=world.HASH, user_agent="", instead_of=old)
    assert alive(session, user_id) == [new.identity.session_id]


def test_a_new_password_ends_every_other_session(session: Session) -> None:
    user_id = sign_up(session)
    opened(session, user_id)
    kept = opened(session, user_id)
    service.change_password(session, user_id=user_id, checked_hash=world.HASH, new_hash="new", keep_session_id=kept)
    assert alive(session, user_id) == [kept]
    assert session.get_one(User, user_id).password_hash == "new"


def test_a_password_that_changed_meanwhile_is_not_overwritten(session: Session) -> None:
    user_id = sign_up(session)
    with pytest.raises(PasswordWrong):
        service.change_password(session, user_id=user_id, checked_hash="old", new_hash="new", keep_session_id=1)


def test_a_password_is_known_again(session: Session) -> None:
    kim = User(password_hash=service.hash_password("abcdef1!"))
    assert kim.password_hash.startswith("$argon2id$")  # type: ignore[union-attr]
    assert service.check_password(kim, "abcdef1!")
    assert not service.check_password(kim, "abcdef1?")
    assert not service.check_password(kim, "")


def test_nobody_has_no_password() -> None:
    assert not service.check_password(None, "the password of nobody")
    assert not service.check_password(User(password_hash=None), "the password of nobody")
    assert not service.check_password(User(password_hash="not a hash"), "abcdef1!")


def test_a_new_role_ends_every_session_and_is_audited(session: Session) -> None:
    boss, user_id = sign_up(session), sign_up(session, email="lee@example.com", nickname="이씨")
    service.change_role(session, by=boss, user_id=user_id, role=Role.ADMIN)
    assert service.find_user(session, user_id).role is Role.ADMIN  # type: ignore[union-attr]
    assert alive(session, user_id) == []
    session.flush()
    note = session.scalars(select(Audit).where(Audit.action == "user.role")).one()
    assert (note.who, note.target, note.details) == (boss, f"user:{user_id}", {"role": "ADMIN"})


def test_the_same_role_changes_nothing(session: Session) -> None:
    user_id = sign_up(session)
    service.change_role(session, by=None, user_id=user_id, role=Role.USER)
    assert alive(session, user_id)


def test_promoting_finds_the_account_by_email(session: Session) -> None:
    user_id = sign_up(session)
    service.promote(session, " KIM@example.com")
    assert service.find_user(session, user_id).role is Role.ADMIN  # type: ignore[union-attr]
    with pytest.raises(NotThere):
        service.promote(session, "nobody@example.com")


def test_only_own_sessions_can_be_ended(session: Session) -> None:
    kim, lee = sign_up(session), sign_up(session, email="lee@example.com", nickname="이씨")
    [theirs] = alive(session, lee)
    with pytest.raises(NotThere):
        service.end_session(session, user_id=kim, session_id=theirs)
    service.end_session(session, user_id=lee, session_id=theirs)
    with pytest.raises(NotThere):
        service.end_session(session, user_id=lee, session_id=theirs)
    assert alive(session, lee) == []


def test_sessions_that_nobody_can_use_are_forgotten(session: Session, clock: Clocks) -> None:
    user_id = sign_up(session)
    clock.move(days=14)
    assert alive(session, user_id) == []
    assert service.forget_old_sessions(session) == 0
    clock.move(days=17)
    assert service.forget_old_sessions(session) == 1
