"""The ledger as its callers see it: P1, P3, P4, P6, P7, P11."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from nene.point import service as point
from nene.point.errors import AlreadyMoved, AmountWrong, KeyReused, LotsWrong, NotEnoughPoints, NoWallet, WalletClosed
from nene.point.models import Entry, Lot
from nene.point.terms import GRANTS, HOUSE, LotKind, Move, Reason, Reference, escrow_of, wallet_of
from tests import world

ABOUT = Reference("challenge", "7", "아침 달리기")


def stake(user_id: int, amount: int, key: str = "entry:1") -> Move:
    return Move(
        key=key,
        source=wallet_of(user_id),
        target=escrow_of(7),
        amount=amount,
        reason=Reason.CHALLENGE_ENTRY,
        about=ABOUT,
    )


def refund(user_id: int, amount: int, of: str = "entry:1") -> Move:
    return Move(
        key=of.replace("entry", "entry_refund"),
        source=escrow_of(7),
        target=wallet_of(user_id),
        amount=amount,
        reason=Reason.CHALLENGE_REFUND,
        about=ABOUT,
        undoes=of,
    )


def lots(session: Session, user_id: int) -> list[tuple[int, int]]:
    session.expire_all()
    found = session.scalars(select(Lot).where(Lot.user_id == user_id).order_by(Lot.id))
    return [(lot.amount, lot.remaining) for lot in found]


@pytest.fixture
def spender(session: Session) -> int:
    """Somebody with lots of 300, 500 and 200 points, and an escrow to spend them into."""
    user_id = world.member(session)
    for points in (300, 500, 200):
        world.give(session, user_id, points)
    point.open_escrow(session, challenge_id=7)
    return user_id


def test_spending_takes_the_oldest_lots_first(session: Session, spender: int) -> None:
    point.move_many(session, [stake(spender, 400)])
    assert lots(session, spender) == [(300, 0), (500, 400), (200, 200)]
    assert point.balance_of(session, spender) == 600
    world.now_check(session)


def test_a_refund_fills_the_very_lots_it_came_from(session: Session, spender: int) -> None:
    point.move_many(session, [stake(spender, 400)])
    point.move_many(session, [refund(spender, 400)])
    assert lots(session, spender) == [(300, 300), (500, 500), (200, 200)]
    world.now_check(session)


def test_a_refund_of_another_amount_is_refused(session: Session, spender: int) -> None:
    point.move_many(session, [stake(spender, 400)])
    with pytest.raises(LotsWrong):
        point.move_many(session, [refund(spender, 399)])


def test_two_stakes_in_one_call_spend_one_after_the_other(session: Session, spender: int) -> None:
    point.move_many(session, [stake(spender, 400, "entry:1"), stake(spender, 400, "entry:2")])
    assert lots(session, spender) == [(300, 0), (500, 0), (200, 200)]
    world.now_check(session)


def test_too_few_points_move_nothing(session: Session, spender: int) -> None:
    with pytest.raises(NotEnoughPoints) as refusal:
        point.move_many(session, [stake(spender, 1_001)])
    assert refusal.value.missing == 1
    assert "1P가 모자라요" in refusal.value.message


def test_the_same_move_again_changes_nothing_and_says_so(session: Session, spender: int) -> None:
    first = point.move_many(session, [stake(spender, 400)], again=True)[0]
    second = point.move_many(session, [stake(spender, 400)], again=True)[0]
    assert (first.created, second.created) == (True, False)
    assert first.entry_id == second.entry_id
    assert point.balance_of(session, spender) == 600


def test_only_a_job_that_may_run_twice_accepts_a_move_made_before(session: Session, spender: int) -> None:
    point.move_many(session, [stake(spender, 400)])
    with pytest.raises(AlreadyMoved):
        point.move_many(session, [stake(spender, 400)])


@pytest.mark.parametrize("other", [stake(1, 401), stake(2, 400)])
def test_a_key_is_never_used_for_something_else(session: Session, other: Move) -> None:
    one, two = world.member(session, 1_000), world.member(session, 1_000)
    point.open_escrow(session, challenge_id=7)
    point.move_many(session, [stake(one, 400)], again=True)
    changed = stake(one if other.source.owner == 1 else two, other.amount)
    with pytest.raises(KeyReused):
        point.move_many(session, [changed], again=True)


def test_a_key_stands_once_in_a_call(session: Session, spender: int) -> None:
    with pytest.raises(KeyReused):
        point.move_many(session, [stake(spender, 1), stake(spender, 1)])


@pytest.mark.parametrize("amount", [0, -1, 1.5, True, None, 10**12 + 1, 2**63])
def test_an_amount_is_a_positive_whole_number(session: Session, spender: int, amount: object) -> None:
    with pytest.raises(AmountWrong):
        point.move_many(session, [stake(spender, amount)])  # type: ignore[arg-type]


def test_points_do_not_move_in_a_circle(session: Session, spender: int) -> None:
    circle = Move(
        key="x", source=wallet_of(spender), target=wallet_of(spender), amount=1, reason=Reason.WITHDRAWAL, about=ABOUT
    )
    with pytest.raises(AmountWrong):
        point.move_many(session, [circle])


def test_a_wallet_that_is_missing_is_a_fault(session: Session) -> None:
    with pytest.raises(NoWallet):
        point.move_many(session, [stake(-1, 100)])


def test_a_closed_wallet_refuses_every_movement(session: Session, spender: int) -> None:
    point.give_up(session, user_id=spender)
    point.close_wallet(session, user_id=spender)
    with pytest.raises(WalletClosed):
        world.give(session, spender, 1)
    with pytest.raises(WalletClosed):
        point.move_many(session, [stake(spender, 1)])


def test_giving_up_leaves_nothing_and_is_written_down(session: Session, spender: int) -> None:
    assert point.give_up(session, user_id=spender) == 1_000
    assert point.balance_of(session, spender) == 0
    assert session.scalar(select(Entry.reason).where(Entry.key == f"withdrawal:{spender}")) is Reason.WITHDRAWAL
    assert point.give_up(session, user_id=spender) == 0
    world.now_check(session)


def test_many_moves_touch_many_wallets_at_once(session: Session) -> None:
    people = [world.member(session, 100) for _ in range(3)]
    point.open_escrow(session, challenge_id=7)
    point.move_many(session, [stake(user_id, 100, f"entry:{user_id}") for user_id in reversed(people)])
    rewards = [
        Move(
            key=f"reward:{place}",
            source=escrow_of(7),
            target=wallet_of(people[0]),
            amount=points,
            reason=Reason.CHALLENGE_REWARD,
            about=ABOUT,
        )
        for place, points in enumerate((120, 180))
    ]
    point.move_many(session, rewards)
    assert [point.balance_of(session, user_id) for user_id in people] == [300, 0, 0]
    world.now_check(session)


def test_a_grant_is_made_once_and_makes_a_free_lot(session: Session) -> None:
    user_id = world.member(session)
    point.grant(session, grant_id="a", user_id=user_id, amount=500, note="보답", by=None)
    assert session.scalar(select(Lot.kind).where(Lot.user_id == user_id)) is LotKind.FREE
    with pytest.raises(AlreadyMoved):
        point.grant(session, grant_id="a", user_id=user_id, amount=500, note="보답", by=None)


def test_an_empty_call_is_nothing(session: Session) -> None:
    assert point.move_many(session, []) == []


def test_points_that_leave_go_to_an_account_of_the_house(session: Session, spender: int) -> None:
    fee = Move(key="x", source=wallet_of(spender), target=HOUSE, amount=5, reason=Reason.WITHDRAWAL, about=ABOUT)
    point.move_many(session, [fee])
    assert point.account_sum(session, HOUSE) == 5
    assert point.account_sum(session, GRANTS) == -1_000
