"""M15 by an operator: what a member has left of every charge goes back, noted and told."""

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from nene.home import service
from nene.kernel.audit import Audit
from nene.kernel.db import in_transaction, reading
from nene.notification.models import Notification
from nene.notification.terms import Type
from nene.payment import gateway
from nene.payment.gateway import Toss
from nene.payment.terms import Status
from tests import world
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.tossed import PracticeToss

FREE = 3_000


@pytest.fixture
def kim(committed: None) -> int:
    return in_transaction(world.member, FREE, email="kim@nene.test")


def refund(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["admin", "refund", *arguments])


def messages(user_id: int) -> list[Notification]:
    with reading() as session:
        mine = select(Notification).where(Notification.user_id == user_id, Notification.type == Type.ADMIN_MESSAGE)
        return list(session.scalars(mine))


def test_what_is_left_of_every_charge_goes_back(app: Flask, toss: PracticeToss, paying: Toss, kim: int) -> None:
    orders = [stage.paid(toss, kim), stage.paid(toss, kim, 20_000)]
    result = refund(app, "KIM@nene.test", "--note", " 고객센터 요청 ")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "2 refunds asked for")
    assert [stage.status(order) for order in orders] == [Status.CANCELED] * 2
    assert [toss.payment(order)["balanceAmount"] for order in orders] == [0, 0]
    assert stage.balance(kim) == FREE
    told = messages(kim)
    assert [(one.title, one.body) for one in told] == [
        ("결제한 돈을 돌려드려요", "쓰지 않은 30,000원을 결제한 수단으로 돌려드려요. 고객센터 요청")
    ]
    with reading() as session:
        noted = session.scalars(select(Audit).where(Audit.action == "payment.refund_rest").order_by(Audit.id)).all()
    assert [(one.who, one.details["amount"]) for one in noted] == [(None, AMOUNT), (None, 20_000)]
    assert stage.agrees(toss, *orders)
    assert not stage.faults()


def test_whoever_leaves_by_themselves_is_not_told_twice(toss: PracticeToss, paying: Toss, kim: int) -> None:
    stage.paid(toss, kim)
    assert service.refund_rests(user_id=kim) == 1
    assert not messages(kim)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nobody@nene.test", "--note", "요청"], 1, "no such member"),
        (["kim@nene.test", "--note", "  "], 1, "a note is needed"),
        (["kim@nene.test"], 2, "--note"),
    ],
)
def test_a_refund_that_makes_no_sense_moves_nothing(
    app: Flask, toss: PracticeToss, paying: Toss, kim: int, arguments: list[str], code: int, said: str
) -> None:
    order = stage.paid(toss, kim)
    result = refund(app, *arguments)
    assert (result.exit_code, said in result.output) == (code, True)
    assert (stage.balance(kim), stage.status(order)) == (AMOUNT + FREE, Status.DONE)


def test_without_toss_nothing_moves(app: Flask, toss: PracticeToss, paying: Toss, kim: int) -> None:
    order = stage.paid(toss, kim)
    gateway.use(None)
    result = refund(app, "kim@nene.test", "--note", "요청")
    assert (result.exit_code, "아무것도 처리되지 않았습니다" in result.output) == (1, True)
    assert (stage.balance(kim), stage.status(order)) == (AMOUNT + FREE, Status.DONE)
    assert not messages(kim)


def test_who_paid_nothing_has_nothing_to_get_back(app: Flask, paying: Toss, kim: int) -> None:
    result = refund(app, "kim@nene.test", "--note", "요청")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "nothing is left to refund")
    assert stage.balance(kim) == FREE
