"""A challenge brought to any status, with somebody in each role."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from nene.challenge import service
from nene.challenge.terms import Status
from nene.kernel.db import in_transaction
from tests import world
from tests.conftest import Clocks
from tests.world import NOW, START, night_after, noon

FEE = 1_000
POINTS = 5_000
DUE = START + timedelta(days=4)


@dataclass(frozen=True)
class Cast:
    """A challenge, and who has what to do with it."""

    id: int
    host: int
    guest: int
    stranger: int


def reach(status: Status, clock: Clocks) -> Cast:
    """A challenge of a host and a guest in this status; the clocks stand where it is so."""
    clock.stop_at(NOW)
    cast = in_transaction(_open)
    if status is Status.READY:
        in_transaction(service.close_recruiting, challenge_id=cast.id, user_id=cast.host)
    if status is Status.CANCELED:
        in_transaction(service.cancel_challenge, challenge_id=cast.id, user_id=cast.host)
    if status in {Status.ONGOING, Status.FINISHED}:
        clock.stop_at(noon(START))
        service.advance(noon(START))
    if status is Status.FINISHED:
        in_transaction(world.verified, cast.id, cast.guest, *(START + timedelta(days=number) for number in range(4)))
        clock.stop_at(night_after(DUE))
        service.advance(night_after(DUE))
    return cast


def _open(session: Session) -> Cast:
    host, guest, stranger = (world.member(session, POINTS) for _ in range(3))
    challenge_id = world.opened(session, host, fee=FEE)
    world.joined(session, challenge_id, guest)
    return Cast(challenge_id, host, guest, stranger)
