"""Kakao, Naver and Google: where the browser is sent, and what they say of a person and when a link ends (U4)."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import requests
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jws
from joserfc.errors import JoseError
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError  # what requests lets through while a body is read

from nene.kernel import settings
from nene.kernel.breaker import Gate, NotAsked, TooLate, hang_up_later, read_in_time
from nene.kernel.clock import wall
from nene.kernel.errors import NotThere
from nene.kernel.settings import OAuthClient
from nene.user.errors import SignedInLongAgo, SocialAway, SocialRefused
from nene.user.terms import Provider

TIMEOUT = (3, 5)  # seconds to connect, and to answer
LARGEST = 256 * 1024  # bytes of an answer
WAITING, UNLINKING = (
    3,
    1,
)  # callers at a time for each provider: of the web's 16 threads, and of the 12 of jobs (Procfile)
PATIENCE = 0.5  # seconds that one waits for the others
FAILURES, PAUSE = 3, 5.0  # without an answer in a row, before nobody is sent to wait for so many seconds
LONGEST_SUBJECT, LONGEST_TEXT, LONGEST_TOKEN = 255, 300, 1000
STATE_LENGTH, VERIFIER_LENGTH = 32, 64
SCOPES = {
    Provider.KAKAO: "profile_nickname account_email",
    Provider.NAVER: None,  # chosen in its console
    Provider.GOOGLE: "openid email profile",
}
PROVES_KEY = {Provider.KAKAO, Provider.GOOGLE}  # where PKCE is offered
LASTING = {Provider.GOOGLE: {"access_type": "offline"}}  # without it Google gives no refresh token
ANEW = {
    Provider.KAKAO: {"prompt": "login"},
    Provider.NAVER: {"auth_type": "reauthenticate"},
    Provider.GOOGLE: {"prompt": "select_account"},  # it knows no way to ask for more, but tells when one signed in
}
AUTH_TIME = {"claims": '{"id_token": {"auth_time": {"essential": true}}}'}
FRESH = timedelta(minutes=10)
ISSUERS = {"https://accounts.google.com", "accounts.google.com"}
NOT_OURS = {
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
}  # faults of our settings
NO_LONGER_GOOD = {400, 401}  # how a token is refused that has expired, or is unlinked already
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Profile:
    """What a provider says of a person; everything but the subject may be missing.

    `token` is JSON text for `unlink`, to be kept sealed.
    """

    provider: Provider
    subject: str
    email: str | None
    email_verified: bool
    nickname: str | None
    birth_on: date | None
    token: str


def offered() -> list[Provider]:
    """The providers at which we are known."""
    return [provider for provider in Provider if settings.current().oauth(provider)]


def authorize(provider: Provider, *, callback: str, anew: bool = False) -> tuple[str, str, str]:
    """Where the browser is sent, the state that must come back, and the verifier. Raises NotThere if not offered.

    `anew` asks the provider to let nobody pass who signed in there earlier.
    """
    client = _client(provider)
    verifier = generate_token(VERIFIER_LENGTH)
    with _session(provider, client, callback) as session:
        url, state = session.create_authorization_url(
            client.authorize_url,
            state=generate_token(STATE_LENGTH),
            code_verifier=verifier,
            **LASTING.get(provider, {}),
            **(ANEW[provider] if anew else {}),
            **(AUTH_TIME if anew and _tells_auth_time(provider) else {}),
        )
    return url, state, verifier


def fetch_profile(
    provider: Provider, *, callback: str, code: str, state: str, verifier: str, anew: bool = False
) -> Profile:
    """Exchange the code, once, and ask who that is. The caller has compared the state.

    Raises SocialRefused for a code that is no longer good, SocialAway, NotThere; with `anew` SignedInLongAgo, where the
    provider tells.
    """
    client = _client(provider)
    proof = {"code_verifier": verifier} if provider in PROVES_KEY else {}
    body = urlencode({"state": state}) if provider is Provider.NAVER else ""
    try:
        with _session(provider, client, callback) as session, _outside(provider), _seat(provider, WAITING):
            token = session.fetch_token(
                client.token_url, body=body, grant_type="authorization_code", code=code, **proof
            )
            answer = session.get(client.userinfo_url)
            answer.raise_for_status()
            told = READERS[provider](_object(answer.json()))
            if anew and _tells_auth_time(provider):
                _require_fresh(token, client.client_id, told["subject"])
            return Profile(provider, token=_kept(token), **told)
    except NotAsked:
        log.warning("social.not_asked", provider=provider)
        raise SocialAway from None


def unlink(provider: Provider, token: str) -> None:
    """End the link at the provider. A token that is no longer good counts as unlinked. Raises SocialAway, NotAsked."""
    client = settings.current().oauth(provider)
    kept = _object(json.loads(token))
    if client is None or not kept:
        return  # we are not known there any more, or the token was too long to keep
    with _session(provider, client, "") as session, _outside(provider), _seat(provider, UNLINKING):
        try:
            if provider is not Provider.GOOGLE and "refresh_token" in kept:
                kept = session.refresh_token(client.token_url, refresh_token=kept["refresh_token"])
        except OAuthError as refused:
            if refused.error in NOT_OURS:
                raise
            return
        _check_unlinked(provider, _ask_to_unlink(session, provider, client, kept))


def lasting(new: str, old: str | None) -> str:
    """Of two token texts the one that can end the link for longer: Google gives a refresh token only the first time."""
    if old is None or "refresh_token" in _object(json.loads(new)):
        return new
    return old if "refresh_token" in _object(json.loads(old)) else new


class _Adapter(HTTPAdapter):
    """Knows the connections that it opened, so that one can be ended while its answer is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[HTTPConnection] = []

    def get_connection_with_tls_context(self, *where: Any, **more: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*where, **more)
        pool.ConnectionCls = partial(self._open, type(pool).ConnectionCls)
        return pool

    def _open(self, kind: Callable[..., HTTPConnection], **how: Any) -> HTTPConnection:
        self.opened.append(kind(**how))
        return self.opened[-1]


class _Session(OAuth2Session):  # type: ignore[misc]
    """Reads an answer at once, and no longer than it may take."""

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        until = monotonic() + sum(TIMEOUT)
        opened = self.get_adapter(request.url).opened
        over = hang_up_later(lambda: [each.sock for each in opened], after=sum(TIMEOUT))
        try:
            response: requests.Response = super().send(request, **{**how, "stream": True})
            pieces = partial(response.raw.read1, decode_content=True)
            response._content = read_in_time(pieces, until=until, largest=LARGEST)  # noqa: SLF001 - as requests would
        finally:
            over.set()
        if monotonic() > until:
            raise TooLate  # headers that were cut off look as if they had ended
        return response


@cache
def _gate(_provider: Provider, waiting: int) -> Gate:
    return Gate(threading.BoundedSemaphore(waiting), failures=FAILURES, pause=PAUSE)


@contextmanager
def _seat(provider: Provider, waiting: int) -> Iterator[None]:
    """Whatever a provider says is an answer; so that others wait for nothing only silence counts. Raises NotAsked."""
    gate = _gate(provider, waiting)
    with gate.seat(patience=PATIENCE):
        try:
            yield
        except (requests.ConnectionError, requests.Timeout, HTTPError, TooLate):
            gate.learn(answered=False)
            raise
        except Exception:
            gate.learn(answered=True)
            raise
        gate.learn(answered=True)


def _client(provider: Provider) -> OAuthClient:
    client = settings.current().oauth(provider)
    if client is None:
        raise NotThere
    return client


def _session(provider: Provider, client: OAuthClient, callback: str) -> OAuth2Session:
    session = _Session(
        client.client_id,
        client.client_secret,
        token_endpoint_auth_method="client_secret_post",  # noqa: S106 - the name of a method
        scope=SCOPES[provider],
        redirect_uri=callback,
        code_challenge_method="S256" if provider in PROVES_KEY else None,
        default_timeout=TIMEOUT,
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    session.max_redirects = 0  # none of these addresses moves
    return session


@contextmanager
def _outside(provider: Provider) -> Any:
    """Whatever goes wrong out there is one of two things. Only the kind is logged: texts may hold codes and tokens."""
    try:
        yield
    except OAuthError as refused:
        ours = refused.error in NOT_OURS
        log.log(40 if ours else 20, "social.refused", provider=provider, error=str(refused.error)[:60])
        raise (SocialAway if ours else SocialRefused) from None
    except (
        requests.RequestException,
        HTTPError,
        AuthlibBaseError,
        JoseError,
        ValueError,
        KeyError,
        TypeError,
    ) as error:
        log.warning("social.away", provider=provider, error=type(error).__name__)
        raise SocialAway from None


def _tells_auth_time(provider: Provider) -> bool:
    return provider is Provider.GOOGLE and settings.current().oauth_google_tells_auth_time


def _require_fresh(token: dict[str, Any], client_id: str, subject: str) -> None:
    """Raises SignedInLongAgo, also where the time is missing: the browser could have left the question out.

    The token came from the provider itself, over TLS, so that its signature says nothing more.
    """
    claims = _object(json.loads(jws.extract_compact(str(token["id_token"]).encode()).payload))
    if claims["iss"] not in ISSUERS or claims["aud"] != client_id or str(claims["sub"]) != subject:
        raise ValueError
    signed_in = claims.get("auth_time")
    if not isinstance(signed_in, int) or wall.now() - datetime.fromtimestamp(signed_in, UTC) > FRESH:
        raise SignedInLongAgo


def _ask_to_unlink(
    session: OAuth2Session, provider: Provider, client: OAuthClient, kept: dict[str, Any]
) -> requests.Response:
    headers, fields = {}, {}
    if provider is Provider.KAKAO:
        headers = {"Authorization": f"Bearer {kept['access_token']}"}
    elif provider is Provider.GOOGLE:
        fields = {"token": kept.get("refresh_token") or kept["access_token"]}
    else:
        fields = {"grant_type": "delete", "access_token": kept["access_token"]}
        fields |= {"client_id": client.client_id, "client_secret": client.client_secret}
    answer: requests.Response = session.post(client.unlink_url, fields, headers=headers, withhold_token=True)
    return answer


def _check_unlinked(provider: Provider, answer: requests.Response) -> None:
    if answer.status_code not in NO_LONGER_GOOD:
        answer.raise_for_status()
    if answer.ok and provider is Provider.GOOGLE:
        return  # it need not say anything
    if _object(answer.json()).get("error") in NOT_OURS:
        raise ValueError


def _kept(token: dict[str, Any]) -> str:
    """The refresh token, which gives the other whenever it is needed; else the access token; none that fills a cookie."""
    access = token["access_token"]
    name, value = ("refresh_token", token["refresh_token"]) if token.get("refresh_token") else ("access_token", access)
    return json.dumps({name: value} if isinstance(value, str) and len(value) <= LONGEST_TOKEN else {})


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _subject(value: Any) -> str:
    """The stable id as text. Raises ValueError for none, and for one that no provider gives."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not 0 < len(text) <= LONGEST_SUBJECT or "\0" in text:
        raise ValueError
    return text


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT else None


def _kakao(told: dict[str, Any]) -> dict[str, Any]:
    account = _object(told.get("kakao_account") or {})
    return {
        "subject": _subject(told.get("id")),
        "email": _text(account.get("email")),
        "email_verified": account.get("is_email_valid") is True and account.get("is_email_verified") is True,
        "nickname": _text(_object(account.get("profile") or {}).get("nickname")),
        "birth_on": None,
    }


def _naver(told: dict[str, Any]) -> dict[str, Any]:
    response = _object(told.get("response"))
    return {
        "subject": _subject(response.get("id")),
        "email": _text(response.get("email")),
        "email_verified": False,  # it does not say whether anybody reads there
        "nickname": _text(response.get("nickname")),
        "birth_on": _day(f"{response.get('birthyear')}-{response.get('birthday')}"),
    }


def _google(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "subject": _subject(told.get("sub")),
        "email": _text(told.get("email")),
        "email_verified": told.get("email_verified") is True,
        "nickname": _text(told.get("name")),
        "birth_on": None,
    }


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


READERS: dict[Provider, Callable[[dict[str, Any]], dict[str, Any]]] = {
    Provider.KAKAO: _kakao,
    Provider.NAVER: _naver,
    Provider.GOOGLE: _google,
}
