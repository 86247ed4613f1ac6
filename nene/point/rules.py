"""First in, first out: which lots give how much."""

from collections.abc import Iterable


def take_oldest(lots: Iterable[tuple[int, int]], amount: int) -> list[tuple[int, int]]:
    """Take `amount` points from lots (id, remaining) given oldest first, as (id, taken); together exactly the amount.

    Raises ValueError if the lots hold less.
    """
    taken: list[tuple[int, int]] = []
    for lot_id, remaining in lots:
        part = min(remaining, amount)
        if part:
            taken.append((lot_id, part))
            amount -= part
        if not amount:
            return taken
    if amount:
        message = f"the lots lack {amount} points"
        raise ValueError(message)
    return taken
