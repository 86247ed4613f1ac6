"""Limits that count over challenges: the cap on one person's open stakes (C4)."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy.orm import Session

from nene.challenge import service
from nene.challenge.errors import TooManyStakes
from nene.challenge.models import Challenge
from nene.kernel import settings
from nene.kernel.db import in_transaction, reading
from nene.point import service as point
from tests import world
from tests.conftest import Race
from tests.held import hold, let_go
from tests.world import NOW

FEE = 200_000
POINTS = 1_000_000


def at_the_cap(session: Session, others: int) -> tuple[int, list[int]]:
    """Somebody with room for one more stake of the fee and not for two; and challenges of other people."""
    rich = world.member(session, POINTS)
    for _ in range(settings.current().max_open_stakes // FEE - 1):
        world.opened(session, rich, fee=FEE)
    return rich, [world.opened(session, world.member(session, FEE), fee=FEE) for _ in range(others)]


def join(challenge_id: int, user_id: int) -> Any:
    return in_transaction(service.join_challenge, challenge_id=challenge_id, user_id=user_id, version=1, now=NOW)


def standing(user_id: int, *challenges: int) -> tuple[int, int, list[tuple[int, int]]]:
    """Points and open stakes of one person, then people and pot of each challenge."""
    with reading() as session:
        assert not world.faults(session)
        rows = [session.get_one(Challenge, challenge_id) for challenge_id in challenges]
        return (
            point.balance_of(session, user_id),
            service.open_stakes(session, user_id),
            [(row.participant_count, row.pot) for row in rows],
        )


@pytest.mark.usefixtures("committed")
def test_who_has_staked_as_much_as_is_allowed_joins_nothing_more(app: object) -> None:
    rich, (one, other) = in_transaction(at_the_cap, 2)
    join(one, rich)
    before = standing(rich, one, other)
    with pytest.raises(TooManyStakes) as refusal:
        join(other, rich)
    assert "500,000P까지예요. 지금 400,000P를" in refusal.value.message
    assert standing(rich, one, other) == before == (POINTS - 2 * FEE, 2 * FEE, [(2, 2 * FEE), (1, FEE)])


def test_a_stake_up_to_the_very_limit_is_taken(session: Session) -> None:
    rich, (one,) = at_the_cap(session, 1)
    world.joined(session, one, rich)
    rest = settings.current().max_open_stakes - 2 * FEE
    exact, more = (world.opened(session, world.member(session, FEE), fee=fee) for fee in (rest, 100))
    world.joined(session, exact, rich)
    assert service.open_stakes(session, rich) == settings.current().max_open_stakes
    with pytest.raises(TooManyStakes):
        world.joined(session, more, rich)


def test_two_challenges_joined_at_once_do_not_slip_past_the_cap_together(race: Race) -> None:
    """Both are held back where the points move, when each has looked at the cap that could."""
    rich, (one, other) = in_transaction(at_the_cap, 2)
    wallet = hold("point_account", kind="WALLET", owner_id=rich)
    results = race(partial(join, one, rich), partial(join, other, rich), partial(let_go, wallet, once_wait=2))
    assert sorted(type(result).__name__ for result in results[:2]) == ["TooManyStakes", "int"]
    points, staked, challenges = standing(rich, one, other)
    assert (points, staked) == (POINTS - 2 * FEE, 2 * FEE)
    assert sorted(challenges) == [(1, FEE), (2, 2 * FEE)]
