"""Sessions: one for each signed-in browser, living until it is ended or 14 days unused (U5 to U8, U15)."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from nene.kernel import audit
from nene.kernel.auth import Identity, SignedIn
from nene.kernel.clock import wall
from nene.kernel.errors import NotThere
from nene.notification import service as notification
from nene.notification.terms import Notice, Type
from nene.user import queries, rules
from nene.user.errors import SignInFailed
from nene.user.models import User, UserSession
from nene.user.rules import Renewal

LONGEST_AGENT = 300
KEPT = timedelta(days=30)


def sign_in(
    session: Session, *, user_id: int, checked_hash: str | None, user_agent: str, instead_of: int | None = None
) -> SignedIn:
    """Open a session (U5). Raises SignInFailed if the account or its password changed since it was checked.

    `instead_of` is the session that this browser had until now.
    """
    user = queries.load_user(session, user_id)
    if user is None or user.password_hash != checked_hash:
        raise SignInFailed
    if instead_of is not None:
        sign_out(session, session_id=instead_of)
    audit.record(session, action="user.sign_in", target=f"user:{user_id}", who=user_id)
    return open_session(session, user, user_agent)


def open_session(session: Session, user: User, user_agent: str) -> SignedIn:
    """Open a session for a user who has just shown who they are."""
    now = wall.now()
    opened = UserSession(
        user_id=user.id,
        generation=1,
        rotated_at=now,
        seen_at=now,
        created_at=now,
        last_seen_at=now,
        user_agent=user_agent[:LONGEST_AGENT],
    )
    session.add(opened)
    session.flush()
    return SignedIn(Identity(user.id, opened.id, user.nickname, user.role), opened.generation)


def sign_out(session: Session, *, session_id: int) -> None:
    """End a session; safe to call twice (U7)."""
    alive = update(UserSession).where(UserSession.id == session_id, UserSession.revoked_at.is_(None))
    session.execute(alive.values(revoked_at=wall.now()))


def load_identity(session: Session, session_id: int) -> SignedIn | None:
    """Who is signed in by this session, in one query; none once it has ended."""
    row = queries.find_session(session, session_id)
    if row is None:
        return None
    user_id, nickname, role, generation, seen = row
    return SignedIn(Identity(user_id, session_id, nickname, role), generation, seen)


def renew_session(session: Session, session_id: int, generation: int) -> SignedIn | None:
    """Take a refresh token of this generation; gives the session with its present one, or none (U6).

    A token that is too old was stolen, or its thief came first: the session ends, and the user is told.
    """
    row = queries.load_session(session, session_id)
    if row is None:
        return None
    found, user = row
    judged = found.renew(generation, wall.now())
    if judged is Renewal.THEFT:
        _tell_of_theft(session, found)
    if judged not in {Renewal.ROTATE, Renewal.REPEAT}:
        return None
    return SignedIn(Identity(user.id, session_id, user.nickname, user.role), found.generation, seen=False)


def saw_generation(session: Session, session_id: int, generation: int) -> None:
    """Note that the present refresh token has arrived: the one before is good for 10 seconds more (U6)."""
    present = update(UserSession).where(
        UserSession.id == session_id, UserSession.generation == generation, UserSession.seen_at.is_(None)
    )
    session.execute(present.values(seen_at=wall.now()))


def list_sessions(session: Session, user_id: int) -> Sequence[UserSession]:
    """The browsers in which the user is signed in, last seen first (U15)."""
    return queries.list_sessions(session, user_id, since=wall.now() - rules.SESSION_LIFE)


def end_session(session: Session, *, user_id: int, session_id: int) -> None:
    """End one of the user's own sessions. Raises NotThere for any other (U15)."""
    own = update(UserSession).where(
        UserSession.id == session_id, UserSession.user_id == user_id, UserSession.revoked_at.is_(None)
    )
    if session.scalar(own.values(revoked_at=wall.now()).returning(UserSession.id)) is None:
        raise NotThere
    audit.record(session, action="user.end_session", target=f"user:{user_id}", who=user_id)


def end_sessions(session: Session, user_id: int, *, but: int | None = None, forget: bool = False) -> None:
    """End every session of a user but one (U8); `forget` deletes them, with what they tell of the browser."""
    theirs = UserSession.user_id == user_id
    if forget:
        session.execute(delete(UserSession).where(theirs))
        return
    others = update(UserSession).where(theirs, UserSession.id.is_distinct_from(but), UserSession.revoked_at.is_(None))
    session.execute(others.values(revoked_at=wall.now()))


def forget_old_sessions(session: Session) -> int:
    """Delete sessions that nobody can use any more; gives their number. For the scheduler, once a day."""
    old = delete(UserSession).where(UserSession.rotated_at < wall.now() - KEPT).returning(UserSession.id)
    return len(session.scalars(old).all())


def _tell_of_theft(session: Session, stolen: UserSession) -> None:
    audit.record(session, action="user.token_reused", target=f"user:{stolen.user_id}", who=None, session_id=stolen.id)
    notification.notify(
        session,
        [
            Notice(
                key=f"token-reused:{stolen.id}",
                user_id=stolen.user_id,
                type=Type.SYSTEM_ALERT,
                link=("session", str(stolen.id)),
                values={"text": THEFT},
            )
        ],
    )


THEFT = (
    "로그인 정보가 다른 곳에서 쓰인 것 같아 한 기기에서 로그아웃했어요. "
    "내가 한 일이 아니라면 비밀번호를 바꾸고 로그인한 기기를 확인해 주세요."
)
