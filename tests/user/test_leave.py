"""U9 and U3: who paid is kept apart for five years; a birth date that stands is corrected by admins alone."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from nene.home import service as home
from nene.kernel.audit import Audit
from nene.kernel.clock import seoul_midnight
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotAllowed, NotThere
from nene.point import service as point
from nene.user import rules, service
from nene.user.models import RetainedIdentity, User
from nene.user.terms import Role
from tests import world
from tests.conftest import Clocks
from tests.world import NOW


def paid_and_left(session: Session) -> int:
    user_id = world.member(session, email="kim@nene.test")
    point.charge(session, user_id=user_id, order_id="order-1", amount=10_000)
    home.withdraw(session, user_id=user_id, checked_hash=world.HASH, gives_up=True)
    session.flush()
    return user_id


def test_who_paid_is_kept_apart(session: Session, clock: Clocks) -> None:
    clock.stop_at(NOW)
    user_id = paid_and_left(session)
    kept = session.get_one(RetainedIdentity, user_id)
    assert (kept.email, kept.joined_at, kept.withdrawn_at) == ("kim@nene.test", NOW, NOW)
    assert kept.delete_on == date(2031, 11, 1)
    assert session.get_one(User, user_id).email is None


def test_who_never_paid_is_forgotten_whole(session: Session) -> None:
    user_id = world.member(session, 5_000)
    home.withdraw(session, user_id=user_id, checked_hash=world.HASH, gives_up=True)
    session.flush()
    assert session.get(RetainedIdentity, user_id) is None


def test_only_admins_look_and_each_look_is_noted(session: Session) -> None:
    gone, other = paid_and_left(session), world.member(session)
    admin = world.member(session, role=Role.ADMIN)
    with pytest.raises(NotAllowed):
        service.read_retained(session, by=other, user_id=gone)
    assert service.read_retained(session, by=admin, user_id=gone).email == "kim@nene.test"
    with pytest.raises(NotThere):
        service.read_retained(session, by=admin, user_id=other)
    session.flush()
    looks = session.scalars(select(Audit).where(Audit.action == "user.read_retained")).all()
    assert [(look.who, look.target) for look in looks] == [(admin, f"user:{gone}")]


def test_after_five_years_nothing_is_left(session: Session, clock: Clocks) -> None:
    clock.stop_at(NOW)
    user_id = paid_and_left(session)
    clock.stop_at(seoul_midnight(date(2031, 11, 1)) - timedelta(seconds=1))
    assert service.forget_retained(session) == 0
    clock.move(seconds=1)
    assert service.forget_retained(session) == 1
    assert session.get(RetainedIdentity, user_id, populate_existing=True) is None


def test_five_years_from_a_leap_day_end_in_march() -> None:
    assert rules.kept_until(date(2028, 2, 29)) == date(2033, 3, 1)


def test_a_birth_date_that_stands_is_corrected_at_the_console(app: Flask, committed: None) -> None:
    user_id = in_transaction(world.member, 5_000, email="kim@nene.test")
    in_transaction(world.opened, user_id)
    command = ["user", "correct-birth-date", "kim@nene.test"]
    assert app.test_cli_runner().invoke(args=[*command, "1990-01-31"]).exit_code == 0
    assert "만 14세" in app.test_cli_runner().invoke(args=[*command, "2020-01-31"]).output
    assert app.test_cli_runner().invoke(args=[*command[:2], "nobody@nene.test", "1990-01-31"]).exit_code == 1
    with reading() as session:
        assert session.get_one(User, user_id).birth_on == date(1990, 1, 31)
        noted = session.scalars(select(Audit).where(Audit.action == "user.birth_date")).one()
        assert (noted.target, noted.who, noted.details) == (f"user:{user_id}", None, {})
