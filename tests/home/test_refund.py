"""M15 and U9 on the page of leaving: what was paid for goes back first, and only the rest is given up."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from time import monotonic

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from nene.challenge import service as challenge
from nene.home import service
from nene.home.errors import CannotLeave
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotThere
from nene.payment import gateway
from nene.payment.gateway import Toss
from nene.payment.terms import RefundStatus, Status
from nene.point import service as point
from nene.point.errors import NotEnoughPoints
from nene.point.models import Entry, Posting
from nene.point.terms import HOUSE, AccountKind, Reason, Reference, wallet_of
from nene.user import service as user
from tests import world
from tests.conftest import Clocks, Race
from tests.crowd import wait_until
from tests.payment import stage
from tests.payment.stage import AMOUNT
from tests.tossed import PracticeToss

FREE = 3_000
LEAVE, REFUND = "/me/withdraw", "/me/withdraw/refund"
BYE = {"password": world.PASSWORD, "confirm": "y"}
POLL = {"HX-Request": "true", "X-Poll": "1"}
BOTH_WAYS = pytest.mark.parametrize("htmx", [False, True])


@pytest.fixture
def kim(committed: None) -> int:
    """Somebody with points that nobody paid for."""
    return in_transaction(world.member, FREE, password_hash=user.hash_password(world.PASSWORD))


@pytest.fixture
def client(app: Flask, kim: int) -> FlaskClient:
    return world.signed_in(app, kim)


@pytest.fixture
def order(toss: PracticeToss, paying: Toss, kim: int) -> str:
    """A payment that is done and charged."""
    return stage.paid(toss, kim)


def spend(user_id: int, amount: int, key: str = "spent") -> None:
    about = Reference("test", "1", "시험")
    buy = {"amount": amount, "reason": Reason.PRODUCT_PURCHASE, "about": about}
    in_transaction(point.move, key=key, source=wallet_of(user_id), target=HOUSE, **buy)


def bring_back(user_id: int, amount: int, key: str = "spent") -> None:
    about = Reference("test", "1", "시험")
    back = {"amount": amount, "reason": Reason.PRODUCT_REFUND, "about": about, "undoes": key}
    in_transaction(point.move, key=f"{key}:back", source=HOUSE, target=wallet_of(user_id), **back)


def is_alive(user_id: int) -> bool:
    with reading() as session:
        return user.find_user(session, user_id) is not None


def given_up(user_id: int) -> int:
    """What was posted as WITHDRAWAL."""
    with reading() as session:
        own = select(Posting.amount).join(Entry, Entry.id == Posting.entry_id)
        mine = own.where(Entry.reason == Reason.WITHDRAWAL, Posting.kind == AccountKind.WALLET)
        return -sum(session.scalars(mine.where(Posting.owner_id == user_id)))


def is_untouched(toss: PracticeToss, user_id: int, order: str, points: int = AMOUNT + FREE) -> bool:
    """Nothing has moved: not here, not there."""
    kept = (is_alive(user_id), stage.balance(user_id), stage.status(order), stage.refunds(order))
    return kept == (True, points, Status.DONE, []) and not toss.payment(order)["cancels"] and not stage.faults()


def test_money_is_offered_before_the_password(client: FlaskClient, kim: int, toss: PracticeToss, order: str) -> None:
    second = stage.paid(toss, kim, 20_000)
    spend(kim, FREE + 4_000)
    page = client.get(LEAVE).text
    assert all(f'data-id="{one}"' in page and f'href="/payments/{one}"' in page for one in (order, second))
    assert all(f'value="{won}"' in page for won in (6_000, 20_000, 26_000, -26_000, 0))
    assert "26,000원 돌려받기" in page
    assert f'action="{REFUND}"' in page
    assert 'name="password"' not in page
    assert 'name="confirm"' not in page


@BOTH_WAYS
def test_the_money_goes_back_and_only_the_rest_is_given_up(
    client: FlaskClient, kim: int, toss: PracticeToss, order: str, htmx: bool
) -> None:
    answer = world.post(client, REFUND, htmx=htmx)
    if htmx:
        assert answer.status_code == 200
        assert answer.headers["HX-Trigger"] == "point-changed"
        assert "결제사에 돌려 달라고 요청했어요" in answer.text
        assert 'id="leaving"' in answer.text
        assert "<html" not in answer.text
        shown = answer.text
    else:
        assert (answer.status_code, answer.location) == (303, LEAVE)
        shown = client.get(LEAVE).text
    assert toss.payment(order)["balanceAmount"] == 0
    assert (stage.status(order), stage.balance(kim)) == (Status.CANCELED, FREE)
    assert "돌려드렸어요" in shown
    assert "남은 3,000P를 포기하고 탈퇴할게요." in shown
    assert f'action="{REFUND}"' not in shown
    assert world.post(client, LEAVE, **BYE).location == "/"
    assert (is_alive(kim), given_up(kim)) == (False, FREE)
    assert stage.agrees(toss, order)
    assert not stage.faults()


@BOTH_WAYS
def test_nobody_leaves_money_behind_unasked(
    client: FlaskClient, kim: int, toss: PracticeToss, order: str, htmx: bool
) -> None:
    answer = world.post(client, LEAVE, htmx=htmx, **BYE)
    assert answer.status_code == 409
    assert "먼저 돌려받아 주세요" in answer.text
    assert f'action="{REFUND}"' in answer.text
    assert is_untouched(toss, kim, order)


@BOTH_WAYS
def test_leaving_opens_when_toss_has_answered(
    client: FlaskClient, kim: int, toss: PracticeToss, order: str, htmx: bool
) -> None:
    toss.break_at("cancel", status=500)
    world.post(client, REFUND, htmx=htmx)
    waiting = client.get(LEAVE).text
    assert 'data-status="CANCELING"' in waiting
    assert 'name="password"' not in waiting
    polled = re.search(r'hx-get="([^"]+)" hx-trigger="every 2s"', re.sub(r"\s+", " ", waiting))
    assert polled
    address = polled[1].replace("&amp;", "&")
    assert client.get(address, headers=POLL).status_code == 204
    refused = world.post(client, LEAVE, htmx=htmx, **BYE)
    assert refused.status_code == 409
    assert "아직 탈퇴할 수 없어요" in refused.text
    assert (is_alive(kim), stage.balance(kim)) == (True, FREE)

    stage.reconcile()
    settled = client.get(address, headers=POLL)
    assert settled.status_code == 200
    assert settled.headers["HX-Trigger"] == "point-changed"
    assert "기다리던 결제가 끝났어요" in settled.text
    assert "hx-get" not in settled.text
    assert 'name="password"' in settled.text
    assert toss.payment(order)["balanceAmount"] == 0
    world.post(client, LEAVE, **BYE)
    assert (is_alive(kim), given_up(kim)) == (False, FREE)


@BOTH_WAYS
def test_what_toss_refuses_is_named_and_given_up_in_so_many_words(
    client: FlaskClient, kim: int, toss: PracticeToss, order: str, htmx: bool
) -> None:
    toss.break_at("cancel", code="EXCEED_MAX_REFUND_DUE", status=403)
    world.post(client, REFUND, htmx=htmx)
    page = client.get(LEAVE).text
    assert "결제사에서 취소할 수 있는 기간이 지났어요." in page
    assert "돌려받지 못한 10,000P를 포함해서 남은 13,000P를 포기하고 탈퇴할게요." in page
    assert stage.balance(kim) == AMOUNT + FREE
    unsaid = world.post(client, LEAVE, htmx=htmx, password=world.PASSWORD)
    assert unsaid.status_code == 409
    assert "포기한다고 확인해 주세요" in unsaid.text
    assert is_alive(kim)
    world.post(client, LEAVE, htmx=htmx, **BYE)
    assert (is_alive(kim), given_up(kim)) == (False, AMOUNT + FREE)
    assert toss.payment(order)["balanceAmount"] == AMOUNT
    assert not stage.faults()


def test_what_was_refused_can_be_asked_for_again(client: FlaskClient, kim: int, toss: PracticeToss, order: str) -> None:
    toss.break_at("cancel", code="REFUND_REJECTED", status=400)
    world.post(client, REFUND)
    assert "한 번 더 돌려 달라고 하기" in client.get(LEAVE).text
    world.post(client, REFUND)
    assert stage.refunds(order) == [(AMOUNT, RefundStatus.REFUSED, AMOUNT, 0), (AMOUNT, RefundStatus.DONE, AMOUNT, 0)]
    assert (stage.balance(kim), toss.payment(order)["balanceAmount"]) == (FREE, 0)
    assert not stage.faults()


@BOTH_WAYS
def test_while_toss_is_away_nothing_is_taken(
    app: Flask, client: FlaskClient, kim: int, toss: PracticeToss, order: str, htmx: bool
) -> None:
    nobody = Toss("http://127.0.0.1:9", "none", read=2.0)
    for _ in range(3):
        nobody.find(order)
    gateway.use(nobody)
    answer = world.post(client, REFUND, htmx=htmx)
    assert answer.status_code == 503
    assert "아무것도 처리되지 않았습니다" in answer.text
    assert is_untouched(toss, kim, order)


def test_whoever_waits_for_toss_waits_once(client: FlaskClient, kim: int, toss: PracticeToss, order: str) -> None:
    orders = [order, stage.paid(toss, kim), stage.paid(toss, kim)]
    toss.break_at("cancel", times=None, seconds=3.0)
    began = monotonic()
    world.post(client, REFUND)
    assert monotonic() - began < 2 * 2.0  # seconds: the product hangs up after two
    assert [stage.status(one) for one in orders] == [Status.CANCELING] * 3
    toss.control(faults=[])
    wait_until(lambda: [stage.reconciled(one) for one in orders] == [Status.CANCELED] * 3)
    assert [len(toss.payment(one)["cancels"]) for one in orders] == [1] * 3
    assert not stage.faults()


@BOTH_WAYS
def test_pressed_at_once_each_payment_goes_back_once(
    app: Flask, kim: int, toss: PracticeToss, order: str, race: Race, htmx: bool
) -> None:
    orders = [order, stage.paid(toss, kim)]
    browsers = [world.signed_in(app, kim) for _ in range(4)]
    answers = race(*(partial(world.post, browser, REFUND, htmx=htmx) for browser in browsers))
    assert {answer.status_code for answer in answers} == {200 if htmx else 303}
    assert [len(toss.payment(one)["cancels"]) for one in orders] == [1, 1]
    assert [len(stage.refunds(one)) for one in orders] == [1, 1]
    assert stage.balance(kim) == FREE
    again = world.post(browsers[0], REFUND)
    assert again.location == LEAVE
    assert "더 돌려받을 돈이 없어요" in browsers[0].get(LEAVE).text
    assert not stage.faults()


def test_what_goes_back_in_parts_never_exceeds_the_payment(
    client: FlaskClient, kim: int, toss: PracticeToss, order: str
) -> None:
    spend(kim, FREE + 4_000)
    world.post(client, REFUND)
    assert (stage.status(order), stage.balance(kim)) == (Status.DONE, 0)
    bring_back(kim, FREE + 4_000)
    world.post(client, REFUND)
    assert stage.status(order) is Status.CANCELED
    assert [cancel["cancelAmount"] for cancel in toss.payment(order)["cancels"]] == [6_000, 4_000]
    assert stage.balance(kim) == FREE
    assert stage.agrees(toss, order)
    assert not stage.faults()


@BOTH_WAYS
def test_whoever_cannot_leave_gets_no_money_back(
    client: FlaskClient, kim: int, toss: PracticeToss, order: str, htmx: bool
) -> None:
    in_transaction(
        world.opened,
        kim,
        fee=1_000,
        now=wall.now(),
        start_date=wall.today() + timedelta(days=3),
        due_date=wall.today() + timedelta(days=9),
    )
    answer = world.post(client, REFUND, htmx=htmx)
    assert answer.status_code == 409
    assert "방장인 챌린지 1개가 끝나지 않았어요." in answer.text
    assert is_untouched(toss, kim, order, AMOUNT + FREE - 1_000)


def test_without_a_token_nothing_moves(client: FlaskClient, kim: int, toss: PracticeToss, order: str) -> None:
    assert client.post(REFUND).status_code == 400
    assert is_untouched(toss, kim, order)


def test_whoever_is_not_signed_in_is_asked_to(app: Flask, order: str) -> None:
    assert world.post(app.test_client(), REFUND).location.startswith("/login")


# Payments that keep from leaving


def starts(toss: PracticeToss, user_id: int) -> str:
    return stage.start(user_id)


def is_being_confirmed(toss: PracticeToss, user_id: int) -> str:
    toss.break_at("confirm", status=500)
    order_id = stage.start(user_id)
    stage.confirm(toss, user_id, order_id)
    return order_id


def is_not_charged(toss: PracticeToss, user_id: int) -> str:
    order_id = stage.start(user_id)
    stage.confirm(toss, user_id, order_id)
    return order_id


OPEN: dict[Callable[[PracticeToss, int], str], str] = {
    starts: "10,000원 결제를 시작하고 마치지 않았어요.",
    is_being_confirmed: "10,000원 결제가 승인됐는지 확인하고 있어요.",
    is_not_charged: "10,000원을 결제한 포인트가 들어오는 중이에요.",
}


@BOTH_WAYS
@pytest.mark.parametrize("begun", OPEN)
def test_a_payment_on_its_way_keeps_from_leaving(
    client: FlaskClient,
    kim: int,
    toss: PracticeToss,
    paying: Toss,
    begun: Callable[[PracticeToss, int], str],
    htmx: bool,
) -> None:
    order_id = begun(toss, kim)
    before = stage.status(order_id)
    page = client.get(LEAVE).text
    assert OPEN[begun] in page
    assert f'<a href="/payments/{order_id}">' in page
    assert 'hx-trigger="every 10s"' in page
    assert 'name="password"' not in page
    for path in (LEAVE, REFUND):
        answer = world.post(client, path, htmx=htmx, **BYE)
        assert answer.status_code == 409
        assert OPEN[begun] in answer.text
    assert (is_alive(kim), stage.balance(kim), stage.status(order_id)) == (True, FREE, before)


def test_a_payment_that_nobody_makes_says_when_it_ends(
    client: FlaskClient, kim: int, toss: PracticeToss, paying: Toss, clock: Clocks
) -> None:
    order_id = stage.start(kim)
    begun = stage.row(order_id).requested_at
    end = (begun + timedelta(hours=9, minutes=30)).strftime("%H:%M")
    assert f"그대로 두면 {end}에 저절로 끝나요." in client.get(LEAVE).text
    clock.wall.stop_at(begun + timedelta(minutes=30))
    assert "결제 시간이 끝나서, 청구되지 않았는지 확인하고 있어요." in client.get(LEAVE).text
    stage.reconcile()
    assert stage.status(order_id) is Status.EXPIRED
    assert 'name="password"' in client.get(LEAVE).text


def leave(user_id: int) -> None:
    with reading() as session:
        known = user.find_user(session, user_id)
    checked_hash = known.password_hash if known else None
    in_transaction(service.withdraw, user_id=user_id, checked_hash=checked_hash, gives_up=True)


@pytest.mark.parametrize("number", range(6))
def test_nobody_leaves_and_starts_a_payment_at_once(kim: int, paying: Toss, race: Race, number: int) -> None:
    pay = partial(stage.start, kim)
    left, started = race(partial(leave, kim), pay) if number % 2 else race(pay, partial(leave, kim))[::-1]
    outcome = (type(left), type(started))
    assert outcome in {(type(None), NotThere), (CannotLeave, str)}
    assert is_alive(kim) is (outcome[1] is str)
    assert not stage.faults()


@pytest.mark.parametrize("number", range(4))
def test_nobody_takes_the_money_and_stakes_the_points(
    kim: int, toss: PracticeToss, order: str, race: Race, number: int
) -> None:
    fee = AMOUNT + FREE
    soon = {"start_date": wall.today() + timedelta(days=3), "due_date": wall.today() + timedelta(days=9)}
    opened = in_transaction(
        lambda session: world.opened(session, world.member(session, fee), fee=fee, now=wall.now(), **soon)
    )
    join = partial(
        in_transaction, challenge.join_challenge, challenge_id=opened, user_id=kim, version=1, now=wall.now()
    )
    back = partial(service.refund_rests, user_id=kim)
    joined, asked = race(join, back) if number % 2 else race(back, join)[::-1]
    if isinstance(joined, NotEnoughPoints):
        assert (asked, stage.balance(kim), toss.payment(order)["balanceAmount"]) == (1, FREE, 0)
    else:
        assert isinstance(joined, int)
        assert asked == 0 or isinstance(asked, CannotLeave)
        assert (stage.balance(kim), toss.payment(order)["balanceAmount"]) == (0, AMOUNT)
    assert stage.agrees(toss, order)
    assert not stage.faults()
