"""M11, M13: the feed of what Toss took and gave back is read whole, or not at all."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nene.kernel.clock import wall
from nene.payment import gateway as gateways
from nene.payment.errors import GatewayAway
from nene.payment.gateway import Toss
from standins import TOSS_SECRET_KEY
from tests.tossed import PracticeToss

ORDER = "order-0001"
HOUR = timedelta(hours=1)


@pytest.fixture
def gateway(toss: PracticeToss) -> Toss:
    return Toss(toss.url, TOSS_SECRET_KEY, read=5)


@pytest.fixture
def moved(gateway: Toss, toss: PracticeToss) -> PracticeToss:
    """Three approvals and a part that went back."""
    for number in range(3):
        order_id = f"order-{number:04}"
        key = toss.authenticate(order_id, 10_000)
        gateway.approve(payment_key=key, order_id=order_id, amount=10_000, idempotency_key=order_id)
    gateway.cancel(payment_key=key, reason="마음이 바뀜", amount=4_000, refundable=None, idempotency_key="cancel")
    return toss


@pytest.mark.parametrize("page", [1, 2, 3, 4, 5])
def test_the_feed_is_read_to_its_end(
    gateway: Toss, moved: PracticeToss, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "PAGE", page)
    found = list(gateway.list_transactions(wall.now() - HOUR, wall.now() + HOUR))
    assert [one.amount for one in found] == [10_000, 10_000, 10_000, -4_000]
    assert [one.order_id for one in found] == ["order-0000", "order-0001", "order-0002", "order-0002"]
    assert [one.status for one in found] == ["DONE", "DONE", "DONE", "PARTIAL_CANCELED"]
    assert len({one.transaction_key for one in found}) == 4


def test_the_feed_ends_before_its_end(gateway: Toss, moved: PracticeToss) -> None:
    found = list(gateway.list_transactions(wall.now() - HOUR, wall.now() + HOUR))
    last = max(one.at for one in found)
    assert [one for one in gateway.list_transactions(last - HOUR, last) if one.at >= last] == []
    assert list(gateway.list_transactions(last, last + timedelta(seconds=1)))
    assert list(gateway.list_transactions(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC))) == []


def test_money_that_went_back_is_less_than_zero_however_it_is_written(gateway: Toss, toss: PracticeToss) -> None:
    one = {"transactionKey": "t", "paymentKey": "p", "orderId": ORDER, "transactionAt": wall.now().isoformat()}
    body = '[{{"amount": {}, "status": "CANCELED", {}'
    for amount in (-3_000, 3_000):
        rest = ", ".join(f'"{name}": "{value}"' for name, value in one.items())
        toss.break_at("list", status=200, body=body.format(amount, rest) + "}]")
        found = list(gateway.list_transactions(wall.now() - HOUR, wall.now() + HOUR))
        assert [each.amount for each in found] == [-3_000]


@pytest.mark.parametrize(
    "fault",
    [
        {"code": "TOO_MANY_REQUESTS"},
        {"close": True},
        {"status": 200, "body": "{}"},
        {"status": 200, "body": '[{"amount": 1.0}]'},
        {"status": 500},
    ],
)
def test_a_feed_that_breaks_off_is_no_feed(gateway: Toss, moved: PracticeToss, fault: dict[str, Any]) -> None:
    moved.break_at("list", **fault)
    with pytest.raises(GatewayAway):
        list(gateway.list_transactions(wall.now() - HOUR, wall.now() + HOUR))


def test_a_feed_that_goes_around_in_circles_ends(
    gateway: Toss, toss: PracticeToss, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "PAGE", 1)
    one = '[{"amount": 1, "status": "DONE", "transactionKey": "t", "paymentKey": "p", "orderId": "order-0001",'
    toss.break_at("list", times=None, status=200, body=f'{one} "transactionAt": "2026-11-25T10:00:00+09:00"}}]')
    with pytest.raises(GatewayAway):
        list(gateway.list_transactions(wall.now() - HOUR, wall.now() + HOUR))
