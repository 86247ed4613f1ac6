"""What the page of a settlement shows (C16)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from nene.challenge import queries, rules
from nene.challenge.errors import FeedHidden
from nene.challenge.models import Challenge, Participant, Settlement, Share
from nene.challenge.service.show import find, names
from nene.kernel.errors import NotThere
from nene.kernel.paging import Cursor, Page
from nene.user.terms import PublicUser

WINNERS_SHOWN = 20


@dataclass(frozen=True)
class ShareRow:
    """What one person who staked had done and got."""

    id: int
    user: PublicUser
    verified: int
    rate: int
    achieved: bool
    has_quit: bool
    points: int
    is_host: bool


@dataclass(frozen=True)
class SettlementPage:
    """The division of a pot with its arithmetic (C16)."""

    challenge: Challenge
    settlement: Settlement
    staked: int
    needed: int
    mine: ShareRow | None
    winners: Sequence[ShareRow]
    rows: Page[ShareRow]


def settlement_of(session: Session, *, challenge_id: int, viewer_id: int, cursor: Cursor) -> SettlementPage:
    """The settlement, to whoever staked. Raises NotThere before the end, FeedHidden for others."""
    challenge = find(session, challenge_id)
    settlement = queries.find_settlement(session, challenge_id)
    if settlement is None:
        raise NotThere
    me = queries.find_participant(session, challenge_id, viewer_id)
    if me is None:
        raise FeedHidden
    rows = queries.list_shares(session, challenge_id, after=cursor.key())
    winners = queries.list_winners(session, challenge_id, WINNERS_SHOWN)
    own = queries.find_share(session, me.id)
    every = [*rows, *winners]
    known = names(session, challenge, [participant.user_id for _share, participant in every] + [viewer_id])

    def shown(share: Share, participant: Participant) -> ShareRow:
        return ShareRow(
            id=participant.id,
            user=known[participant.user_id],
            verified=share.verified_days,
            rate=100 * share.verified_days // challenge.days,
            achieved=share.achieved,
            has_quit=participant.quit_at is not None,
            points=share.points,
            is_host=participant.user_id == challenge.host_id,
        )

    return SettlementPage(
        challenge=challenge,
        settlement=settlement,
        staked=challenge.pot // challenge.fee,
        needed=rules.days_needed(challenge.days),
        mine=shown(own, me) if own else None,
        winners=[shown(share, participant) for share, participant in winners],
        rows=cursor.page([shown(share, participant) for share, participant in rows], lambda row: (row.id,)),
    )
