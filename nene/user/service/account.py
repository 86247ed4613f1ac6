"""Accounts: opening, looking, changing, leaving."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from nene.kernel import audit, mail, outbox, settings
from nene.kernel.auth import SignedIn
from nene.kernel.clock import business, seoul_date, wall
from nene.kernel.errors import NotThere, Refusal
from nene.notification import service as notification
from nene.point import service as point
from nene.user import queries, rules
from nene.user.errors import EmailTaken, FieldRefused, NicknameTaken, TooYoungToJoin
from nene.user.models import Consent, User
from nene.user.service import people
from nene.user.service.image import set_image
from nene.user.service.session import end_sessions, open_session
from nene.user.terms import GONE, VERSIONS, PublicUser, Role


@dataclass(frozen=True)
class OwnProfile:
    """What a user may change of themselves; `is_fixed`: the birth date stands since the first stake or charge (U3)."""

    nickname: str
    birth_on: date
    bio: str
    image: str | None
    find_by_email: bool
    is_fixed: bool


def sign_up(
    session: Session,
    *,
    email: str,
    password_hash: str,
    nickname: str,
    birth_on: date,
    bio: str,
    marketing: bool,
    night: bool,
    now: datetime,
    user_agent: str,
) -> SignedIn:
    """Open an account with everything that belongs to it, and its first session (U1 to U3).

    Both documents were agreed to. `now` is the business moment. Raises EmailTaken, NicknameTaken, TooYoungToJoin.
    """
    user_id = create_user(
        session, email=email, password_hash=password_hash, nickname=nickname, birth_on=birth_on, bio=bio, now=now
    )
    notification.set_consents(session, user_id=user_id, marketing=marketing, night=night)
    ask_to_confirm(session, user_id)
    audit.record(session, action="user.sign_up", target=f"user:{user_id}", who=user_id)
    return open_session(session, lock_account(session, user_id), user_agent)


def create_user(
    session: Session,
    *,
    email: str,
    password_hash: str | None,
    nickname: str,
    birth_on: date,
    bio: str = "",
    role: Role = Role.USER,
    confirmed_at: datetime | None = None,
    now: datetime,
) -> int:
    """Write the account, its wallet and both consents; gives the user id.

    Raises EmailTaken, NicknameTaken, also when somebody else is taking it at this moment, and TooYoungToJoin.
    """
    if rules.age_on(birth_on, seoul_date(now)) < rules.JOIN_AGE:
        raise TooYoungToJoin(age=rules.JOIN_AGE)
    row = insert(User).values(
        email=email,
        email_verified_at=confirmed_at,
        password_hash=password_hash,
        role=role,
        nickname=nickname,
        nickname_key=rules.nickname_key(nickname),
        birth_on=birth_on,
        bio=bio,
        find_by_email=False,
        created_at=now,
    )
    user: User | None = session.scalar(row.on_conflict_do_nothing().returning(User))
    if user is None:
        raise next(iter(taken(session, email=email, nickname=nickname)), Refusal())
    agreed_at = wall.now()
    session.add_all(
        Consent(user_id=user.id, what=what, version=version, agreed_at=agreed_at) for what, version in VERSIONS.items()
    )
    point.open_wallet(session, user_id=user.id)
    people.index(session, user)
    session.flush()
    return user.id


def taken(session: Session, *, email: str | None = None, nickname: str | None = None) -> list[FieldRefused]:
    """What of these somebody has already, as refusals for a form."""
    key = rules.nickname_key(nickname) if nickname else None
    rows = queries.list_taken(session, email=email, nickname_key=key)
    refusals: list[FieldRefused] = []
    if any(email is not None and row[0] == email for row in rows):
        refusals.append(EmailTaken())
    if any(key is not None and row[1] == key for row in rows):
        refusals.append(NicknameTaken())
    return refusals


def ask_to_confirm(session: Session, user_id: int) -> bool:
    """Ask for a letter with a link that confirms the e-mail (U16); gives whether there is anything to confirm."""
    user = queries.find_user(session, user_id)
    if user is None or user.email is None or user.email_verified_at is not None:
        return False
    outbox.enqueue(session, "user.send_confirmation", user_id, mail.new_id())
    return True


def find_user(session: Session, user_id: int) -> User | None:
    """A living account."""
    return queries.find_user(session, user_id)


def email_key(text: str) -> str:
    """The one spelling of an address, by which failures are counted too; what is no address stays as it is."""
    return rules.email_key(text, reserved=not settings.current().production) or text.casefold()


def find_by_email(session: Session, email: str) -> User | None:
    """The living account with this e-mail, however it is written; none for what is no e-mail."""
    key = rules.email_key(email, reserved=not settings.current().production)
    return queries.find_by_email(session, key) if key else None


def names_of(session: Session, ids: Collection[int]) -> dict[int, PublicUser]:
    """What anybody may see of these users, whether they left or never were."""
    found = {user.id: user.public for user in queries.list_users(session, ids)}
    return {one: found.get(one) or PublicUser(one, GONE, None, "", None) for one in ids}


def public_profile(session: Session, user_id: int) -> PublicUser:
    """What anybody may see of a user (U10). Raises NotThere, also for who has left."""
    user = queries.find_user(session, user_id)
    if user is None:
        raise NotThere
    return user.public


def lock_account(session: Session, user_id: int) -> User:
    """Lock the account, before anything else is locked, and give it. Raises NotThere for who has left (U9)."""
    user = queries.load_user(session, user_id)
    if user is None:
        raise NotThere
    return user


def lock_member(session: Session, user_id: int) -> User:
    """Lock the account of who is about to put points at stake. Raises NotThere, TooYoung (U3)."""
    user = lock_account(session, user_id)
    user.require_age(settings.current().min_stake_age, business.today())
    return user


def may_stake(session: Session, user_id: int) -> bool:
    """Whether the user is alive and of age today, for pages to say so beforehand."""
    user = queries.find_user(session, user_id)
    if user is None or user.birth_on is None:
        return False
    return rules.age_on(user.birth_on, business.today()) >= settings.current().min_stake_age


def own_profile(session: Session, user_id: int) -> OwnProfile:
    """What the user may change of themselves (U10). Raises NotThere."""
    user = queries.find_user(session, user_id)
    if user is None or user.birth_on is None:
        raise NotThere
    is_fixed = point.has_staked_or_charged(session, user_id)
    return OwnProfile(user.nickname, user.birth_on, user.bio, user.image, user.find_by_email, is_fixed)


def update_profile(
    session: Session,
    *,
    user_id: int,
    nickname: str,
    birth_on: date,
    bio: str,
    find_by_email: bool,
    image: Mapping[int, bytes] | None = None,
) -> None:
    """Change the own profile (U10). Raises NicknameTaken, BirthDateFixed, TooYoungToJoin, NotThere.

    `image` is what `cut_image` made of a new picture; none leaves the present one, an empty one takes it away.
    """
    user = lock_account(session, user_id)
    user.correct_birth_date(birth_on, fixed=point.has_staked_or_charged(session, user_id))
    user.bio, user.find_by_email = bio, find_by_email
    if image is not None:
        set_image(session, user, image)
    session.flush()
    try:
        with session.begin_nested():
            user.rename(nickname)
    except IntegrityError:
        raise NicknameTaken from None
    people.index(session, user)


def list_admins(session: Session) -> list[int]:
    """The ids of the staff, for what all of them have to know."""
    return list(queries.list_admins(session))


def correct_birth_date(session: Session, *, by: int | None, user_id: int, birth_on: date) -> None:
    """Correct the birth date for somebody for whom it stands already (U3). `by` is none at the console.

    Raises TooYoungToJoin, NotThere.
    """
    lock_account(session, user_id).correct_birth_date(birth_on, fixed=False)
    audit.record(session, action="user.birth_date", target=f"user:{user_id}", who=by)


def change_role(session: Session, *, by: int | None, user_id: int, role: Role) -> None:
    """Make somebody an admin, or no longer (U13), and end all their sessions (U8). `by` is none at the console.

    Raises NotThere.
    """
    user = lock_account(session, user_id)
    if user.role is role:
        return
    user.role = role
    end_sessions(session, user_id)
    audit.record(session, action="user.role", target=f"user:{user_id}", who=by, role=role)


def promote(session: Session, email: str) -> None:
    """Make whoever has the e-mail an admin, from the console. Raises NotThere."""
    user = find_by_email(session, email)
    if user is None:
        raise NotThere
    change_role(session, by=None, user_id=user.id, role=Role.ADMIN)
