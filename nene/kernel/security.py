"""What keeps strangers out: headers, CSRF, rate limits, proxies that are trusted, and how much may be sent."""

import hashlib
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Self

from flask import Flask, g, request
from flask_limiter import Limiter, RateLimitExceeded
from flask_login import current_user
from flask_talisman import Talisman
from flask_wtf import CSRFProtect
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage, Storage
from redis.exceptions import RedisError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from nene.kernel import redis, settings
from nene.kernel.clock import wall
from nene.kernel.errors import TooMany
from nene.kernel.settings import Settings
from nene.kernel.web import refused

LARGEST_BODY = 8 * 1024 * 1024  # bytes
UNLIMITED = {"/healthz", "/readyz", "/metrics", "/dev/clock"}
NONCED = ["script-src", "style-src"]
CONTENT = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
ALSO = ("script-src", "frame-src", "img-src", "connect-src", "form-action")
PERMISSIONS = dict.fromkeys(("browsing-topics", "camera", "geolocation", "microphone", "payment", "usb"), "()")
csrf = CSRFProtect()
talisman = Talisman()


class Counters(Storage):
    """Counts in Redis, and in this process's memory while Redis is away."""

    STORAGE_SCHEME = ["nene"]  # noqa: RUF012 - the library declares its type

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **_options: float | str | bool) -> None:  # noqa: FBT001, FBT002 - given by the library
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._redis = RedisStorage("redis://", connection_pool=redis.client().connection_pool, key_prefix="limit")
        self._memory = MemoryStorage()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What this storage may raise."""
        return RedisError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, and give the new count; the first one begins the window of `expiry` seconds."""
        try:
            return self._redis.incr(key, expiry, amount)
        except RedisError:
            return self._memory.incr(key, expiry, amount)

    def get(self, key: str) -> int:
        """The count."""
        try:
            return self._redis.get(key)
        except RedisError:
            return self._memory.get(key)

    def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds of the epoch."""
        try:
            return self._redis.get_expiry(key)
        except RedisError:
            return self._memory.get_expiry(key)

    def check(self) -> bool:
        """Whether it can count: always."""
        return True

    def reset(self) -> int | None:
        """Forget every count."""
        self._memory.reset()
        return self._redis.reset()

    def clear(self, key: str) -> None:
        """Forget one count."""
        self._memory.clear(key)
        self._redis.clear(key)


class Attempt:
    """A try that may fail, counted before its outcome is known, so that many at once get no further than one by one."""

    def __init__(self, caps: Mapping[str, int], *, minutes: int, refusal: type[TooMany] = TooMany) -> None:
        """Count it under each key; raises `refusal`, with nothing counted, when a key had as many as its cap."""
        self._counted: list[tuple[RateLimitItem, str]] = []
        for key, cap in caps.items():
            # Keys hold e-mails: Redis gets only their digests.
            place = (RateLimitItemPerMinute(_scaled(cap), minutes), hashlib.sha256(key.encode()).hexdigest())
            self._counted.append(place)
            if not limiter.limiter.hit(*place):
                until = limiter.limiter.get_window_stats(*place).reset_time
                self.succeeded()
                raise refusal(retry_after=_seconds_to(until))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_more: object) -> None:
        """Nothing came of it: it does not count."""
        if kind is not None:
            self.succeeded()

    def succeeded(self) -> None:
        """It was no failure: take it out of the counts."""
        for place in self._counted:
            limiter.limiter.hit(*place, cost=-1)
        self._counted.clear()


def also_load_from(origins: Iterable[str]) -> None:
    """Let the page of this answer take scripts, frames, pictures and data from there too, and send forms there."""
    g.also_from = " ".join(origins)


def init(app: Flask, given: Settings) -> None:
    """Protect every request; needs the Redis client, and web.init before it."""
    app.config.update(
        SECRET_KEY=given.secret_key,
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        SESSION_COOKIE_NAME="nene_session",
        SESSION_COOKIE_SECURE=given.secure_cookies,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: people leave pages open
    )
    if given.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=given.trusted_proxies, x_proto=given.trusted_proxies)  # type: ignore[method-assign]
    app.after_request(_open_policy)  # before talisman's, and so called after it
    talisman.init_app(
        app,
        force_https=False,  # the proxy in front does
        session_cookie_secure=given.secure_cookies,
        strict_transport_security=given.production,
        content_security_policy={**CONTENT, "form-action": f"'self' {' '.join(given.oauth_origins)}".strip()},
        content_security_policy_nonce_in=NONCED,
        permissions_policy=PERMISSIONS,
        frame_options="DENY",
    )
    app.after_request(_isolate)
    limiter.init_app(app)
    app.register_error_handler(RateLimitExceeded, _limited)
    csrf.init_app(app)


def _open_policy(response: Response) -> Response:
    if "also_from" in g:
        policy = response.content_security_policy
        for directive in ALSO:
            policy[directive] = f"{policy.get(directive, policy['default-src'])} {g.also_from}"
    return response


def _isolate(response: Response) -> Response:
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _limited(_error: RateLimitExceeded) -> Response:
    reached = limiter.current_limit
    return refused(TooMany(retry_after=_seconds_to(reached.window.reset_time) if reached else 1))


def _seconds_to(moment: float) -> int:
    return max(1, ceil(moment - wall.now().timestamp()))


def _scaled(amount: int) -> int:
    return max(1, round(amount * settings.current().rate_scale))


def address() -> str:
    """Who asks, for counting: an address, or the 64 bits of an IPv6 one that a household has all addresses of."""
    given = request.remote_addr or "unknown"
    try:
        found = ip_address(given)
    except ValueError:
        return given
    if not isinstance(found, IPv6Address):
        return given
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))


def _user() -> str:
    return f"user:{current_user.id}" if current_user.is_authenticated else address()


limiter = Limiter(
    address,
    application_limits=[lambda: f"{_scaled(600)} per minute"],
    storage_uri="nene://",
    strategy="fixed-window",
)
limiter.request_filter(lambda: request.path in UNLIMITED)
# Decorators of routes, under `@blueprint.post(...)` and `@login_required`.
limit_sign_up = limiter.limit(lambda: f"{_scaled(20)} per hour", methods=["POST"])
limit_money = limiter.shared_limit(lambda: f"{_scaled(60)} per minute", scope="money", key_func=_user)
limit_search = limiter.shared_limit(lambda: f"{_scaled(120)} per minute", scope="search", key_func=_user)
