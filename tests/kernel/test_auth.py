"""Tokens by themselves."""

from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from nene.kernel import auth, tokens
from nene.kernel.auth import Identity, SignedIn
from tests import world
from tests.conftest import Clocks

KIM = SignedIn(Identity(7, 70, "김씨", "USER"), 3)

pytestmark = pytest.mark.usefixtures("app")


def test_an_access_token_says_who_in_which_session_and_generation(clock: Clocks) -> None:
    clock.stop_at(world.NOW)
    token = auth.access_token(KIM)
    assert auth.read_access(token) == auth.AccessToken(7, 70, 3, expired=False)
    clock.stop_at(world.NOW + timedelta(minutes=15))
    assert auth.read_access(token) == auth.AccessToken(7, 70, 3, expired=True)


def test_a_refresh_token_can_be_computed_again() -> None:
    assert auth.refresh_token(70, 3) == auth.refresh_token(70, 3)
    assert auth.refresh_token(70, 3).startswith("70.3.")
    assert auth.read_refresh(auth.refresh_token(70, 3)) == (70, 3)


@pytest.mark.parametrize(
    "token", ["", "70.3", "70.3.", "x.3.y", "70.4." + "A" * 43, "٧.3." + "A" * 43, "9" * 30 + ".1.x"]
)
def test_what_we_did_not_sign_is_no_refresh_token(token: str) -> None:
    assert auth.read_refresh(token) is None


def test_a_seal_fits_one_session_and_one_generation() -> None:
    seal = auth.refresh_token(70, 3).split(".")[2]
    assert auth.read_refresh(f"70.4.{seal}") is None
    assert auth.read_refresh(f"71.3.{seal}") is None


def test_only_our_algorithm_and_our_key_are_taken() -> None:
    claims = {"sub": "7", "sid": 70, "gen": 3, "exp": 9_999_999_999}
    for key in ("somebody else's key of enough length", "another secret of enough length ok"):
        assert auth.read_access(jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(key))) is None
    unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiI3Iiwic2lkIjo3MCwiZ2VuIjozLCJleHAiOjk5OTk5OTk5OTl9."
    assert auth.read_access(unsigned) is None
    long = jwt.encode({"alg": "HS512"}, claims, tokens._key("access token"), algorithms=["HS512"])
    assert auth.read_access(long) is None


@pytest.mark.parametrize(
    "claims", [{}, {"sub": "x", "sid": 1, "gen": 1, "exp": 9e9}, {"sub": "7", "exp": 9e9}, {"exp": "x"}]
)
def test_a_token_without_its_claims_is_none(claims: dict[str, object]) -> None:
    assert auth.read_access(jwt.encode({"alg": "HS256"}, claims, tokens._key("access token"))) is None


def test_the_refresh_token_is_no_access_token() -> None:
    assert auth.read_access(auth.refresh_token(70, 3)) is None
    assert auth.read_refresh(auth.access_token(KIM)) is None


def test_an_identity_speaks_to_flask_login() -> None:
    assert KIM.identity.is_authenticated
    assert KIM.identity.is_active
    assert not KIM.identity.is_anonymous
    assert KIM.identity.get_id() == "7"
    assert not KIM.identity.is_admin
    assert Identity(1, 1, "", "ADMIN").is_admin
