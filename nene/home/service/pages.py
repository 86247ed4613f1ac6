"""What home, my page and the public profile show."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from nene.challenge import service as challenge
from nene.challenge.terms import Card, MyChallenge, Record
from nene.kernel.errors import NotThere
from nene.user import service as user
from nene.user.terms import Provider, PublicUser

STARTING_SHOWN = 3


@dataclass(frozen=True)
class Home:
    """My running challenges, and what starts soon."""

    running: Sequence[MyChallenge]
    starting: Sequence[Card]

    @property
    def todo(self) -> list[MyChallenge]:
        """What must be verified today."""
        return [one for one in self.running if one.todo]

    @property
    def done(self) -> list[MyChallenge]:
        """What is verified already today."""
        return [one for one in self.running if one.verified_today_at]


@dataclass(frozen=True)
class MyPage:
    """Everything of mine at a glance; `staked` in points, `devices` is in how many browsers I am signed in."""

    me: PublicUser
    email: str | None
    is_confirmed: bool
    record: Record
    staked: int
    running: Sequence[MyChallenge]
    devices: int
    links: Collection[Provider]

    @property
    def todo(self) -> list[MyChallenge]:
        """What must be verified today."""
        return [one for one in self.running if one.todo]


@dataclass(frozen=True)
class Profile:
    """What anybody signed in may see of somebody (U10)."""

    user: PublicUser
    record: Record


def home_of(session: Session, *, user_id: int | None, today: date) -> Home:
    """The home page of somebody, or of nobody in particular."""
    starting = challenge.starting_soon(session, today=today, limit=STARTING_SHOWN)
    if user_id is None:
        return Home([], starting)
    return Home(challenge.list_running(session, user_id=user_id, today=today), starting)


def my_page(session: Session, *, user_id: int, today: date) -> MyPage:
    """My page. Raises NotThere."""
    member = user.find_user(session, user_id)
    if member is None:
        raise NotThere
    return MyPage(
        me=member.public,
        email=member.email,
        is_confirmed=member.email_verified_at is not None,
        record=challenge.record_of(session, user_id, today),
        staked=challenge.open_stakes(session, user_id),
        running=challenge.list_running(session, user_id=user_id, today=today),
        devices=len(user.list_sessions(session, user_id)),
        links=user.ways_in(session, user_id).links,
    )


def profile_of(session: Session, *, user_id: int, today: date) -> Profile:
    """Somebody's public profile. Raises NotThere, also for those who left."""
    return Profile(user.public_profile(session, user_id), challenge.record_of(session, user_id, today))
