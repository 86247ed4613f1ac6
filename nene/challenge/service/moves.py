"""The moves of points that challenges make, and their idempotency keys (P1)."""

from nene.challenge.models import Challenge
from nene.point.terms import Move, Reason, escrow_of, wallet_of


def stake(challenge: Challenge, participant_id: int, user_id: int) -> Move:
    """The fee, from the wallet into the escrow."""
    return Move(
        key=f"entry:{participant_id}",
        source=wallet_of(user_id),
        target=escrow_of(challenge.id),
        amount=challenge.fee,
        reason=Reason.CHALLENGE_ENTRY,
        about=challenge.reference,
    )


def refund(challenge: Challenge, participant_id: int, user_id: int) -> Move:
    """The fee, back into the lots that it came from."""
    return Move(
        key=f"entry_refund:{participant_id}",
        source=escrow_of(challenge.id),
        target=wallet_of(user_id),
        amount=challenge.fee,
        reason=Reason.CHALLENGE_REFUND,
        about=challenge.reference,
        undoes=f"entry:{participant_id}",
    )


def reward(challenge: Challenge, participant_id: int, user_id: int, share: int) -> Move:
    """A share of the pot."""
    return Move(
        key=f"reward:{participant_id}",
        source=escrow_of(challenge.id),
        target=wallet_of(user_id),
        amount=share,
        reason=Reason.CHALLENGE_REWARD,
        about=challenge.reference,
    )
