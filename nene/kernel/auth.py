"""Who is signed in: two cookies, renewed on the fly, and one look at the session for each request (U5 to U7).

The access token (a JWT, 15 minutes) names user, session and generation. The refresh token is
`session.generation.HMAC`: it can be computed again, so that an answer lost on the way signs nobody out. The sessions
themselves belong to nene.user, which app.py introduces by `use`.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask, g, request, session
from flask_login import AnonymousUserMixin, LoginManager, current_user
from sqlalchemy.orm import Session
from structlog.contextvars import bind_contextvars
from werkzeug.wrappers import Request, Response

from nene.kernel import settings, tokens
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.kernel.web import QUIET, to_login

ACCESS, REFRESH = "nene_access", "nene_refresh"
ACCESS_LIFE, REFRESH_LIFE = timedelta(minutes=15), timedelta(days=14)
REFRESH_FORM = re.compile(r"(\d{1,18})\.(\d{1,9})\.([\w-]{43})", re.ASCII)
login_manager = LoginManager()


@dataclass(frozen=True)
class Identity:
    """Who is signed in, in which of their sessions."""

    id: int
    session_id: int
    nickname: str
    role: str

    is_authenticated = True
    is_active = True
    is_anonymous = False

    @property
    def is_admin(self) -> bool:
        """Whether this is one of the staff."""
        return self.role == "ADMIN"

    def get_id(self) -> str:
        """What Flask-Login calls the user."""
        return str(self.id)


@dataclass(frozen=True)
class SignedIn:
    """A living session: whose it is, the present generation of its refresh token, and whether that arrived."""

    identity: Identity
    generation: int
    seen: bool = True


@dataclass(frozen=True)
class AccessToken:
    """What an access token says; its signature has been checked."""

    user_id: int
    session_id: int
    generation: int
    expired: bool


@dataclass(frozen=True)
class _Sessions:
    load: Callable[[Session, int], SignedIn | None]
    renew: Callable[[Session, int, int], SignedIn | None]
    saw: Callable[[Session, int, int], None]


_sessions: _Sessions


def init(app: Flask) -> None:
    """Find out who asks before each request, and hand out new cookies after it."""
    login_manager.init_app(app)
    login_manager.session_protection = None
    login_manager.request_loader(_load)
    login_manager.unauthorized_handler(to_login)
    app.before_request(_look)
    app.after_request(_set_cookies)


def use(
    *,
    load: Callable[[Session, int], SignedIn | None],
    renew: Callable[[Session, int, int], SignedIn | None],
    saw: Callable[[Session, int, int], None],
) -> None:
    """Use these for sessions.

    `load(session, session_id)` finds a living one in one query. `renew(session, session_id, generation)` takes a refresh
    token's generation and gives the session with its present one, or none. `saw(session, session_id, generation)` notes
    that the present one has arrived.
    """
    global _sessions  # noqa: PLW0603 - one set a process
    _sessions = _Sessions(load, renew, saw)


def sign_in(signed_in: SignedIn) -> None:
    """Give this browser the cookies of a session; what the browser held before, the CSRF token too, is forgotten."""
    _forget()
    g.cookies = signed_in
    g._login_user = signed_in.identity  # noqa: SLF001 - where Flask-Login keeps its answer


def sign_out() -> None:
    """Take the cookies back; the caller ends the session itself."""
    _forget()
    g.cookies = None
    g._login_user = AnonymousUserMixin()  # noqa: SLF001 - where Flask-Login keeps its answer


def session_of_browser() -> int | None:
    """The session of the browser's cookies, though its access token may have expired: for logging out."""
    if current_user.is_authenticated:
        return int(current_user.session_id)
    access = read_access(request.cookies.get(ACCESS, ""))
    return access.session_id if access else None


def access_token(signed_in: SignedIn) -> str:
    """Sign an access token for the session's present generation."""
    claims = {
        "sub": str(signed_in.identity.id),
        "sid": signed_in.identity.session_id,
        "gen": signed_in.generation,
    }
    return tokens.sign("access token", claims, life=ACCESS_LIFE)


def read_access(token: str) -> AccessToken | None:
    """Read an access token; none if it is not ours."""
    claims = tokens.read("access token", token, expired_too=True) or {}
    try:
        expired = claims["exp"] <= wall.now().timestamp()
        return AccessToken(int(claims["sub"]), int(claims["sid"]), int(claims["gen"]), expired)
    except (KeyError, TypeError, ValueError):
        return None


def refresh_token(session_id: int, generation: int) -> str:
    """Compute the refresh token of a generation: always the same one."""
    seal = hmac.digest(tokens.derived("refresh token"), f"{session_id}.{generation}".encode(), hashlib.sha256)
    return f"{session_id}.{generation}.{urlsafe_b64encode(seal).rstrip(b'=').decode()}"


def read_refresh(token: str) -> tuple[int, int] | None:
    """Read session and generation from a refresh token; none if it is not ours."""
    found = REFRESH_FORM.fullmatch(token)
    if found is None:
        return None
    session_id, generation = int(found[1]), int(found[2])
    return (session_id, generation) if hmac.compare_digest(token, refresh_token(session_id, generation)) else None


def _look() -> None:
    # Now, and not when a view first asks: a view may have a session of the database open by then.
    if request.endpoint not in QUIET:
        _ = current_user.is_authenticated


def _load(incoming: Request) -> Identity | None:
    signed_in = _from_access(incoming.cookies.get(ACCESS, "")) or _from_refresh(incoming.cookies.get(REFRESH, ""))
    if signed_in is None:
        if ACCESS in incoming.cookies or REFRESH in incoming.cookies:
            g.cookies = None
        return None
    bind_contextvars(user_id=signed_in.identity.id)
    return signed_in.identity


def _from_access(token: str) -> SignedIn | None:
    access = read_access(token) if token else None
    if access is None or access.expired:
        return None
    with reading() as database:
        signed_in = _sessions.load(database, access.session_id)
    if signed_in is None or signed_in.identity.id != access.user_id:
        return None
    if access.generation == signed_in.generation and not signed_in.seen:
        in_transaction(_sessions.saw, access.session_id, access.generation)
    return signed_in


def _from_refresh(token: str) -> SignedIn | None:
    refresh = read_refresh(token) if token else None
    if refresh is None:
        return None
    signed_in = in_transaction(_sessions.renew, *refresh)
    g.cookies = signed_in
    return signed_in


def _forget() -> None:
    session.clear()
    g.pop("csrf_token", None)


def _set_cookies(response: Response) -> Response:
    if "cookies" not in g:
        return response
    signed_in: SignedIn | None = g.cookies
    kept: dict[str, Any] = {"httponly": True, "samesite": "Lax", "secure": settings.current().secure_cookies}
    if signed_in is None:
        for name in (ACCESS, REFRESH):
            response.delete_cookie(name, **kept)
        response.headers["Clear-Site-Data"] = '"cache"'  # going back must not show pages of who has left
        return response
    refresh = refresh_token(signed_in.identity.session_id, signed_in.generation)
    response.set_cookie(ACCESS, access_token(signed_in), max_age=ACCESS_LIFE, **kept)
    response.set_cookie(REFRESH, refresh, max_age=REFRESH_LIFE, **kept)
    return response
