"""What must hold between challenges and the ledger (P10)."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from nene.challenge import queries
from nene.point import service as point


def check(session: Session) -> Iterator[str]:
    """Yield a line for each fault: a running challenge's escrow holds its pot, every other escrow is empty."""
    escrows = point.full_escrows(session)
    for challenge_id, pot, stakes, count, staying in queries.list_pots(session):
        held = escrows.pop(challenge_id, 0)
        if not pot == stakes == held:
            yield f"challenge {challenge_id}: pot {pot}, stakes {stakes}, escrow {held}"
        if count != staying:
            yield f"challenge {challenge_id}: participant_count {count}, participants {staying}"
    for challenge_id, held in sorted(escrows.items()):
        yield f"challenge {challenge_id} is over, and its escrow holds {held}"
