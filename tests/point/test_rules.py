"""First in, first out (P4)."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nene.point.rules import take_oldest

LOTS = st.lists(st.integers(0, 10_000), max_size=20).map(lambda parts: list(enumerate(parts, 1)))


@given(lots=LOTS, amount=st.integers(1, 100_000))
def test_the_oldest_lots_give_exactly_the_amount(lots: list[tuple[int, int]], amount: int) -> None:
    assume(sum(left for _lot, left in lots) >= amount)
    taken = dict(take_oldest(lots, amount))
    assert sum(taken.values()) == amount
    touched = max(taken)
    assert all(taken.get(lot, 0) == left for lot, left in lots if lot < touched)
    assert all(0 < part <= dict(lots)[lot] for lot, part in taken.items())


def test_lots_that_hold_less_give_nothing() -> None:
    with pytest.raises(ValueError, match="lack 1 "):
        take_oldest([(1, 5), (2, 4)], 10)
