"""N2: told in the transaction of the cause, once; the inbox; and the two consents (U3)."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from nene.kernel.db import in_transaction, reading
from nene.kernel.paging import SIZE, Cursor
from nene.notification import service
from nene.notification.models import Notification, Preference
from nene.notification.terms import Consents, Notice, Type
from tests import world
from tests.conftest import Clocks, Race
from tests.world import NOW


def notice(user_id: int, key: str, **values: Any) -> Notice:
    return Notice(**{"key": key, "user_id": user_id, "type": Type.SYSTEM_ALERT, "values": {"text": key}, **values})


def bodies(session: Session, user_id: int) -> list[str]:
    return [one.body for one in service.inbox(session, user_id, Cursor("inbox", user_id, None))]


@pytest.fixture
def kim(session: Session) -> int:
    return world.member(session)


@pytest.fixture
def lee(session: Session) -> int:
    return world.member(session)


def test_it_is_written_with_its_words_and_link(session: Session, kim: int, clock: Clocks) -> None:
    clock.stop_at(NOW)
    values = {"challenge": "아침 달리기"}
    told = Notice(key="a", user_id=kim, type=Type.CHALLENGE_STARTED, link=("challenge", "7"), values=values)
    service.notify(session, [told])
    row = session.scalars(select(Notification)).one()
    assert (row.title, row.body) == ("챌린지가 시작됐어요", "‘아침 달리기’ 첫날이에요. 오늘 도장을 찍어 주세요.")
    assert (row.link_kind, row.link_id, row.created_at, row.read_at) == ("challenge", "7", NOW, None)


def test_a_cause_is_told_once(session: Session, kim: int, lee: int) -> None:
    service.notify(session, [notice(kim, "a"), notice(kim, "a"), notice(lee, "b")])
    service.notify(session, [notice(kim, "a"), notice(kim, "c")])
    assert bodies(session, kim) == ["c", "a"]
    assert bodies(session, lee) == ["b"]


def test_no_news_are_fine(session: Session, kim: int) -> None:
    service.notify(session, [])
    assert not bodies(session, kim)


def test_what_is_undone_was_never_told(committed: None) -> None:
    member = in_transaction(world.member)

    def fail(session: Session) -> None:
        service.notify(session, [notice(member, "a")])
        raise LookupError

    with pytest.raises(LookupError):
        in_transaction(fail)
    with reading() as session:
        assert not session.scalar(select(func.count()).select_from(Notification))


def test_two_jobs_at_once_tell_once(race: Race) -> None:
    people = [in_transaction(world.member) for _ in range(5)]
    every = [notice(one, f"start:{one}") for one in people]
    tell = [partial(in_transaction, service.notify, order) for order in (every, every[::-1], every)]
    assert race(*tell) == [None, None, None]
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Notification)) == 5


def test_the_badge_counts_what_is_unread(session: Session, kim: int, lee: int, clock: Clocks) -> None:
    clock.stop_at(NOW)
    service.notify(session, [notice(kim, "a"), notice(kim, "b"), notice(lee, "c")])
    assert service.count_unread(session, kim) == 2
    service.read_all(session, user_id=kim)
    assert (service.count_unread(session, kim), service.count_unread(session, lee)) == (0, 1)
    clock.move(days=1)
    service.notify(session, [notice(kim, "d")])
    service.read_all(session, user_id=kim)
    session.expire_all()
    read = session.scalars(select(Notification.read_at).where(Notification.user_id == kim).order_by(Notification.id))
    assert [moment == NOW for moment in read] == [True, True, False]


def test_the_inbox_is_read_page_by_page(session: Session, kim: int, lee: int) -> None:
    service.notify(session, [notice(one, f"{one}:{number}") for number in range(SIZE + 5) for one in (kim, lee)])
    first = service.inbox(session, kim, Cursor("inbox", kim, None))
    second = service.inbox(session, kim, Cursor("inbox", kim, first.next))
    ids = [one.id for one in [*first, *second]]
    assert (len(first.items), len(second.items), second.next) == (SIZE, 5, None)
    assert ids == sorted(set(ids), reverse=True)
    assert {one.user_id for one in [*first, *second]} == {kim}


@pytest.mark.parametrize(
    ("marketing", "night", "kept"),
    [
        (False, False, Consents(marketing=False, night=False)),
        (True, False, Consents(marketing=True, night=False)),
        (True, True, Consents(marketing=True, night=True)),
        (False, True, Consents(marketing=False, night=False)),
    ],
)
def test_night_needs_marketing(
    session: Session, kim: int, clock: Clocks, marketing: bool, night: bool, kept: Consents
) -> None:
    clock.stop_at(NOW)
    service.set_consents(session, user_id=kim, marketing=marketing, night=night)
    assert service.consents_of(session, kim) == kept
    row = session.get_one(Preference, kim)
    assert (row.marketing_at == NOW, row.night_at == NOW) == (kept.marketing, kept.night)
    assert row.reminder_hour == 20


def test_the_database_says_so_too(session: Session, kim: int) -> None:
    service.set_consents(session, user_id=kim, marketing=False, night=False)
    with pytest.raises(IntegrityError, match="night_needs_marketing"):
        session.execute(text("UPDATE notification_preference SET night_at = now() WHERE user_id = :id"), {"id": kim})


def test_a_consent_can_be_taken_back(session: Session, kim: int) -> None:
    service.set_consents(session, user_id=kim, marketing=True, night=True)
    service.set_consents(session, user_id=kim, marketing=False, night=False)
    session.expire_all()
    assert service.consents_of(session, kim) == Consents(marketing=False, night=False)


def test_who_said_nothing_agreed_to_nothing(session: Session, kim: int) -> None:
    assert service.consents_of(session, kim) == Consents(marketing=False, night=False)


def test_forgetting_takes_only_ones_own(session: Session, kim: int, lee: int) -> None:
    for one in (kim, lee):
        service.notify(session, [notice(one, f"a{one}")])
        service.set_consents(session, user_id=one, marketing=True, night=False)
    service.forget(session, user_id=kim)
    session.expire_all()
    assert (bodies(session, kim), bodies(session, lee)) == ([], [f"a{lee}"])
    assert session.scalars(select(Preference.user_id)).all() == [lee]
