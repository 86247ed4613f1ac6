"""Signed tokens that expire, and sealed texts."""

from datetime import timedelta
from typing import Any

from joserfc import jwt

from nene.kernel import settings, tokens
from nene.kernel.settings import Settings

LIFE = timedelta(minutes=30)


def test_a_token_is_read_for_its_use_until_it_expires(app: Any, clock: Any) -> None:
    clock.stop_at(clock.wall.now())
    token = tokens.sign("reset", {"sub": "7"}, life=LIFE)
    assert (tokens.read("reset", token) or {})["sub"] == "7"
    assert tokens.read("confirm", token) is None
    clock.move(minutes=31)
    assert tokens.read("reset", token) is None


def test_a_token_without_an_end_or_of_another_key_is_none(app: Any) -> None:
    for claims in ({"sub": "7"}, {"exp": "x"}):
        assert tokens.read("reset", jwt.encode({"alg": "HS256"}, claims, tokens._key("reset"))) is None
    assert tokens.read("reset", "nonsense") is None


def test_what_is_sealed_cannot_be_read_where_it_lies(app: Any) -> None:
    sealed = tokens.seal("provider", "the provider's token")
    assert "the provider" not in sealed
    assert tokens.unseal("provider", sealed) == "the provider's token"
    assert tokens.unseal("another use", sealed) is None
    assert tokens.unseal("provider", sealed[:-4] + "AAAA") is None
    assert tokens.unseal("provider", "nonsense") is None


def test_another_secret_opens_nothing(app: Any) -> None:
    sealed, token = tokens.seal("provider", "x"), tokens.sign("reset", {}, life=LIFE)
    ours = settings.current()
    try:
        settings.use(Settings(**{**ours.model_dump(), "secret_key": "another secret of enough length ok"}))
        assert tokens.unseal("provider", sealed) is None
        assert tokens.read("reset", token) is None
    finally:
        settings.use(ours)
