"""Signed tokens that expire, and sealed texts; each use has a key of its own, derived from the one secret."""

import hashlib
import hmac
from datetime import timedelta
from functools import cache
from typing import Any

from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from nene.kernel import settings
from nene.kernel.clock import wall


def sign(use: str, claims: dict[str, Any], *, life: timedelta) -> str:
    """A JSON web token for one use, good for so long by the wall clock."""
    expires = int((wall.now() + life).timestamp())
    return jwt.encode({"alg": "HS256"}, {**claims, "exp": expires}, _key(use))


def read(use: str, token: str, *, expired_too: bool = False) -> dict[str, Any] | None:
    """The claims of a token that was signed for this use; none if it is not ours, or no longer good."""
    try:
        claims = jwt.decode(token, _key(use), algorithms=["HS256"]).claims
        return claims if expired_too or claims["exp"] > wall.now().timestamp() else None
    except (JoseError, KeyError, TypeError, ValueError):
        return None


def seal(use: str, text: str) -> str:
    """Encrypt what must be kept, but never be read where it lies."""
    return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, text, _key(use))


def unseal(use: str, sealed: str) -> str | None:
    """What was sealed for this use; none if it is not ours."""
    try:
        return (jwe.decrypt_compact(sealed, _key(use)).plaintext or b"").decode()
    except (JoseError, TypeError, ValueError):
        return None


def derived(use: str) -> bytes:
    """32 bytes for one use alone: whoever learns them learns nothing of the secret, nor of another use."""
    return hmac.digest(settings.current().secret_key.encode(), use.encode(), hashlib.sha256)


def _key(use: str) -> OctKey:
    return _imported(derived(use))


@cache
def _imported(secret: bytes) -> OctKey:
    return OctKey.import_key(secret)
