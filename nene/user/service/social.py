"""Signing in by Kakao, Naver and Google: an account is found by the provider's id, never by an e-mail (U4)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from nene.kernel import audit, outbox, tokens
from nene.kernel.auth import SignedIn
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotThere
from nene.notification import service as notification
from nene.user import gateway, queries
from nene.user.errors import LastWay, LinkedElsewhere, NotMyLink, OtherLinked, StateWrong
from nene.user.gateway import Profile
from nene.user.models import SocialLink, Unlinking
from nene.user.service.account import ask_to_confirm, create_user, email_key, lock_account
from nene.user.service.session import open_session, sign_out
from nene.user.terms import Provider

TOKEN, PROOF = "social token", "social proof"  # uses of sealed and of signed texts
PROOF_LIFE = timedelta(minutes=5)
UNLINK_AGAIN, UNLINK_UNTIL = timedelta(minutes=30), timedelta(days=7)
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class WaysIn:
    """How somebody may sign in: by password, by links and since when; and the e-mail that a new password is sent to.

    A link that was made before the e-mail is confirmed ends with a new password by mail (U16).
    """

    has_password: bool
    email: str | None
    is_confirmed: bool
    links: dict[Provider, datetime]

    @property
    def open_links(self) -> list[Provider]:
        """Those at whose provider we are known now."""
        return [provider for provider in gateway.offered() if provider in self.links]


def ways_in(session: Session, user_id: int) -> WaysIn:
    """How the user may sign in. Raises NotThere."""
    user = queries.find_user(session, user_id)
    if user is None:
        raise NotThere
    links = {link.provider: link.linked_at for link in queries.list_links(session, user_id)}
    return WaysIn(user.password_hash is not None, user.email, user.email_verified_at is not None, links)


def sign_in_by_link(
    session: Session,
    *,
    profile: Profile,
    user_agent: str,
    instead_of: int | None = None,
    linked_since: datetime | None = None,
) -> SignedIn | None:
    """Open a session for who is linked; none for a stranger, who signs up first (U4, U5).

    `instead_of` is the session that this browser had until now; a link older than `linked_since` does not count.
    """
    link = queries.find_link(session, profile.provider, profile.subject)
    if link is None:
        return None
    user = lock_account(session, link.user_id)
    link = queries.find_link(session, profile.provider, profile.subject)
    if link is None or link.user_id != user.id:
        return None  # unlinked while we waited for the account
    if linked_since is not None and link.linked_at < linked_since:
        return None
    _keep_token(link, profile.token)
    if instead_of is not None:
        sign_out(session, session_id=instead_of)
    audit.record(session, action="user.sign_in", target=f"user:{user.id}", who=user.id, provider=profile.provider)
    return open_session(session, user, user_agent)


def sign_up_by_link(
    session: Session,
    *,
    profile: Profile,
    email: str,
    nickname: str,
    birth_on: date,
    bio: str,
    marketing: bool,
    night: bool,
    now: datetime,
    user_agent: str,
    instead_of: int | None = None,
) -> SignedIn:
    """Open an account without a password, its link, its wallet and its first session (U2 to U4).

    The e-mail counts as confirmed only if the provider says so of the very same. Raises EmailTaken, NicknameTaken,
    TooYoungToJoin, and LinkedElsewhere if another browser of this person was first.
    """
    confirmed = profile.email_verified and profile.email is not None and email_key(profile.email) == email
    user_id = create_user(
        session,
        email=email,
        password_hash=None,
        nickname=nickname,
        birth_on=birth_on,
        bio=bio,
        confirmed_at=wall.now() if confirmed else None,
        now=now,
    )
    _add_link(session, user_id, profile)
    notification.set_consents(session, user_id=user_id, marketing=marketing, night=night)
    ask_to_confirm(session, user_id)
    audit.record(session, action="user.sign_up", target=f"user:{user_id}", who=user_id, provider=profile.provider)
    if instead_of is not None:
        sign_out(session, session_id=instead_of)
    return open_session(session, lock_account(session, user_id), user_agent)


def link(session: Session, *, user_id: int, session_id: int, profile: Profile) -> None:
    """Let the user sign in by this provider's account too; fine if they do already.

    `session_id` is the session in which it was asked for: StateWrong if that has ended. Raises LinkedElsewhere,
    OtherLinked, NotThere.
    """
    lock_account(session, user_id)
    if queries.find_session(session, session_id) is None:
        raise StateWrong  # a new password was set meanwhile: whoever asked may not be who has the account
    mine = {one.provider: one for one in queries.list_links(session, user_id)}.get(profile.provider)
    if mine is None:
        _add_link(session, user_id, profile)
        audit.record(session, action="user.link", target=f"user:{user_id}", who=user_id, provider=profile.provider)
    elif mine.subject == profile.subject:
        _keep_token(mine, profile.token)
    else:
        raise OtherLinked


def unlink(session: Session, *, user_id: int, provider: Provider) -> None:
    """End a link here now, and at the provider soon; safe to call twice. Raises LastWay, NotThere (U4)."""
    user = lock_account(session, user_id)
    links = queries.list_links(session, user_id)
    others = [one for one in links if one.provider != provider and one.provider in gateway.offered()]
    if len(links) and user.password_hash is None and not others:
        raise LastWay
    for one in links:
        if one.provider is provider:
            _end(session, one)
            audit.record(session, action="user.unlink", target=f"user:{user_id}", who=user_id, provider=provider)


def remove_links(session: Session, user_id: int, *, made_before: datetime) -> None:
    """End the links of before then: somebody else may have made them (U16). The caller has locked the account."""
    for one in (link for link in queries.list_links(session, user_id) if link.linked_at < made_before):
        _end(session, one)
        audit.record(session, action="user.unlink", target=f"user:{user_id}", who=None, provider=one.provider)


def forget(session: Session, user_id: int) -> None:
    """End every link of who withdraws (U9). The caller has locked the account."""
    for one in queries.list_links(session, user_id):
        _end(session, one)


def unlink_at_provider(unlinking_id: int) -> None:
    """End a link at its provider; safe to run twice. For a job. Raises SocialAway, to be tried again."""
    with reading() as session:
        wanted = queries.find_unlinking(session, unlinking_id)
    if wanted is None:
        return
    token = tokens.unseal(TOKEN, wanted.sealed_token)
    if token is None:
        log.warning("social.token_lost", unlinking_id=unlinking_id)  # the secret is another one by now
    else:
        gateway.unlink(wanted.provider, token)
    in_transaction(_unlinked, unlinking_id)


def retry_unlinking(session: Session) -> int:
    """Ask once more for the ends of links that a provider has not heard of; gives their number. For the scheduler.

    After a week it is given up: the link has ended here, and its token is thrown away.
    """
    now = wall.now()
    waiting = session.scalars(select(Unlinking).where(Unlinking.asked_at < now - UNLINK_AGAIN)).all()
    lost = [each for each in waiting if each.asked_at < now - UNLINK_UNTIL]
    for each in waiting:
        outbox.forget_dead(session, "user.unlink_social", each.id)
        if each in lost:
            log.error("social.unlinking_given_up", provider=each.provider, unlinking_id=each.id)
            session.delete(each)
        else:
            _ask_to_unlink(session, each.id)
    return len(waiting) - len(lost)


def prove(session: Session, *, user_id: int, session_id: int, profile: Profile) -> str:
    """Somebody has just shown at a provider that they are the user: a proof for this session, good for five minutes.

    It is for `proven`, where others give their password (U9). Raises NotMyLink.
    """
    found = queries.find_link(session, profile.provider, profile.subject)
    if found is None or found.user_id != user_id:
        raise NotMyLink
    return tokens.sign(PROOF, {"sid": session_id}, life=PROOF_LIFE)


def proven(proof: str | None, session_id: int) -> bool:
    """Whether this proof was given to this session in the last five minutes."""
    claims = tokens.read(PROOF, proof or "")
    return claims is not None and claims.get("sid") == session_id


def _add_link(session: Session, user_id: int, profile: Profile) -> None:
    row = insert(SocialLink).values(
        provider=profile.provider,
        subject=profile.subject,
        user_id=user_id,
        sealed_token=tokens.seal(TOKEN, profile.token),
        linked_at=wall.now(),
    )
    if session.scalar(row.on_conflict_do_nothing().returning(SocialLink.user_id)) is None:
        raise LinkedElsewhere


def _keep_token(link: SocialLink, token: str) -> None:
    kept = tokens.unseal(TOKEN, link.sealed_token or "")
    link.sealed_token = tokens.seal(TOKEN, gateway.lasting(token, kept))


def _end(session: Session, link: SocialLink) -> None:
    if link.sealed_token is not None:
        unlinking = Unlinking(provider=link.provider, sealed_token=link.sealed_token, asked_at=wall.now())
        session.add(unlinking)
        session.flush()
        _ask_to_unlink(session, unlinking.id)
    session.execute(delete(SocialLink).where(SocialLink.provider == link.provider, SocialLink.subject == link.subject))


def _ask_to_unlink(session: Session, unlinking_id: int) -> None:
    outbox.enqueue(session, "user.unlink_social", unlinking_id, key=f"unlink:{unlinking_id}")


def _unlinked(session: Session, unlinking_id: int) -> None:
    session.execute(delete(Unlinking).where(Unlinking.id == unlinking_id))
