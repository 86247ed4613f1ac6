"""U4, outside: what each provider is asked, what it answers, and what its faults come to."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import OctKey

from nene.kernel import settings
from nene.kernel.clock import wall
from nene.kernel.errors import NotThere
from nene.kernel.settings import Settings
from nene.user import gateway
from nene.user.errors import SignedInLongAgo, SocialAway, SocialRefused
from nene.user.gateway import Profile
from nene.user.terms import Provider
from tests.servers import ROOT
from tests.standins import OAuth

BACK = "http://localhost:8000/oauth/{}/callback"
EVERY = pytest.mark.parametrize("provider", list(Provider))


pytestmark = pytest.mark.usefixtures("offered")


def fetch(oauth: OAuth, provider: Provider, person: str = "full", **more: str) -> Profile:
    """Sign in as this person, all the way."""
    return exchange(oauth, provider, person, **more)()


def exchange(oauth: OAuth, provider: Provider, person: str = "full", **more: str) -> Callable[..., Profile]:
    """Up to the moment at which the code has come back."""
    callback = BACK.format(provider)
    url, state, verifier = gateway.authorize(provider, callback=callback)
    back = oauth.decide(url, person, **more)
    assert back["state"] == state

    def run(**changed: str) -> Profile:
        values = {"callback": callback, "code": back["code"], "state": state, "verifier": verifier, **changed}
        return gateway.fetch_profile(provider, **values)

    return run


@pytest.mark.parametrize(
    ("provider", "verified", "birth_on"),
    [
        (Provider.KAKAO, True, None),
        (Provider.NAVER, False, date(1995, 5, 5)),
        (Provider.GOOGLE, True, None),
    ],
)
def test_each_provider_tells_who_it_is(oauth: OAuth, provider: Provider, verified: bool, birth_on: date | None) -> None:
    told = fetch(oauth, provider)
    assert (told.provider, told.subject, told.email) == (provider, "1001", "haneul@example.com")
    assert (told.email_verified, told.nickname, told.birth_on) == (verified, "하늘", birth_on)


@EVERY
@pytest.mark.parametrize(
    ("person", "email", "nickname"),
    [
        ("no-email", None, "바다"),
        ("no-nickname", "nameless@example.com", None),
        ("unverified", "sup@example.com", "숲"),
    ],
)
def test_what_is_not_told_is_missing(
    oauth: OAuth, provider: Provider, person: str, email: str | None, nickname: str | None
) -> None:
    told = fetch(oauth, provider, person)
    assert (told.email, told.nickname) == (email, nickname)


@EVERY
def test_an_unconfirmed_email_is_not_verified(oauth: OAuth, provider: Provider) -> None:
    assert not fetch(oauth, provider, "unverified").email_verified


@pytest.mark.parametrize(
    "account",
    [
        {"email": "a@example.com", "is_email_valid": True},
        {"email": "a@example.com", "is_email_verified": True},
        {"email": "a@example.com", "is_email_valid": "true", "is_email_verified": "true"},
    ],
)
def test_kakao_has_to_say_both_that_an_email_is_valid_and_that_it_is_verified(account: dict[str, object]) -> None:
    assert not gateway._kakao({"id": 7, "kakao_account": account})["email_verified"]


@pytest.mark.parametrize("told", [{}, {"id": None}, {"id": True}, {"id": ""}, {"id": "x" * 256}, {"id": ["1"]}])
def test_nobody_is_told_apart_without_an_id(told: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        gateway._kakao(told)


@pytest.mark.parametrize(("provider", "proof"), [("kakao", True), ("naver", False), ("google", True)])
def test_the_browser_is_sent_with_a_state_and_a_proof_where_one_is_offered(provider: str, proof: bool) -> None:
    url, state, verifier = gateway.authorize(Provider(provider), callback=BACK.format(provider))
    asked = parse_qs(urlsplit(url).query)
    assert asked["state"] == [state]
    assert asked["redirect_uri"] == [BACK.format(provider)]
    assert ("code_challenge" in asked) is proof
    assert verifier not in url
    assert len(state) >= 32


@EVERY
def test_who_has_to_show_anew_who_they_are_is_asked_by_the_provider(provider: Provider) -> None:
    usual, _state, _verifier = gateway.authorize(provider, callback=BACK.format(provider))
    anew, _state, _verifier = gateway.authorize(provider, callback=BACK.format(provider), anew=True)
    assert "prompt=" not in usual
    assert "auth_type=" not in usual
    assert "prompt=" in anew or "auth_type=reauthenticate" in anew


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.test"},
        {"aud": "somebody-else"},
        {"sub": "1002"},
    ],
)
def test_an_id_token_about_something_else_proves_nothing(claims: dict[str, str]) -> None:
    right = {"iss": "https://accounts.google.com", "aud": "us", "sub": "1001", "auth_time": int(wall.now().timestamp())}

    def told(claims: dict[str, object]) -> dict[str, str]:
        return {"id_token": jwt.encode({"alg": "HS256"}, claims, OctKey.generate_key(256))}

    gateway._require_fresh(told(right), "us", "1001")
    with pytest.raises(ValueError, match=r"^$"):
        gateway._require_fresh(told({**right, **claims}), "us", "1001")
    for late in (None, "1", right["auth_time"] - 601):
        with pytest.raises(SignedInLongAgo):
            gateway._require_fresh(told({**right, "auth_time": late}), "us", "1001")


@EVERY
def test_a_code_works_once(oauth: OAuth, provider: Provider) -> None:
    run = exchange(oauth, provider)
    run()
    with pytest.raises(SocialRefused):
        run()


@EVERY
def test_an_expired_code_is_refused(oauth: OAuth, provider: Provider) -> None:
    with pytest.raises(SocialRefused):
        fetch(oauth, provider, fault="expired")


@EVERY
def test_a_code_is_for_the_page_that_asked(oauth: OAuth, provider: Provider) -> None:
    with pytest.raises(SocialRefused):
        exchange(oauth, provider)(callback="http://localhost:8000/elsewhere/callback")


@pytest.mark.parametrize("provider", [Provider.KAKAO, Provider.GOOGLE])
def test_a_stolen_code_is_of_no_use_without_the_verifier(oauth: OAuth, provider: Provider) -> None:
    with pytest.raises(SocialRefused):
        exchange(oauth, provider)(verifier="a" * 64)


@EVERY
@pytest.mark.parametrize("fault", ["down", "nonsense", "profile-down", "profile-nonsense", "profile-empty"])
def test_a_provider_that_fails_is_away(oauth: OAuth, provider: Provider, fault: str) -> None:
    with pytest.raises(SocialAway):
        fetch(oauth, provider, fault=fault)


def test_nobody_waits_for_a_slow_provider(oauth: OAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gateway.TIMEOUT == (3, 5)
    monkeypatch.setattr(gateway, "TIMEOUT", (3, 0.5))
    with pytest.raises(SocialAway):
        fetch(oauth, Provider.KAKAO, fault="slow")


def test_a_provider_that_cannot_be_reached_is_away(oauth: OAuth, offered: Settings) -> None:
    run = exchange(oauth, Provider.NAVER)
    settings.use(offered.model_copy(update={"oauth_naver_token_url": "http://127.0.0.1:1/token"}))
    with pytest.raises(SocialAway):
        run()


def test_a_fault_of_our_own_settings_is_not_the_persons(oauth: OAuth, offered: Settings) -> None:
    run = exchange(oauth, Provider.KAKAO)
    settings.use(offered.model_copy(update={"oauth_kakao_client_secret": "wrong"}))
    with pytest.raises(SocialAway):
        run()


def test_a_provider_that_does_not_know_us_is_not_offered(offered: Settings) -> None:
    settings.use(offered.model_copy(update={"oauth_naver_client_id": None}))
    assert gateway.offered() == [Provider.KAKAO, Provider.GOOGLE]
    with pytest.raises(NotThere):
        gateway.authorize(Provider.NAVER, callback=BACK.format("naver"))


@EVERY
@pytest.mark.parametrize("late", [False, True])
def test_unlinking_ends_the_link_also_when_the_access_token_has_expired(
    oauth: OAuth, provider: Provider, late: bool
) -> None:
    told = fetch(oauth, provider)
    assert oauth.look()["linked"] == [[provider, "1001"]]
    oauth.control(expire=late)
    gateway.unlink(provider, told.token)
    assert oauth.look()["linked"] == []
    assert oauth.look()["unlinked"] == [[provider, "1001"]]


@pytest.mark.parametrize(
    ("token", "kept"),
    [
        ({"access_token": "a", "refresh_token": "r"}, '{"refresh_token": "r"}'),
        ({"access_token": "a"}, '{"access_token": "a"}'),
        ({"access_token": "a" * 1001}, "{}"),
    ],
)
def test_of_the_tokens_one_is_kept_that_fits_into_a_cookie(token: dict[str, object], kept: str) -> None:
    assert gateway._kept(token) == kept


@EVERY
def test_a_link_without_a_token_is_left_to_the_person(oauth: OAuth, provider: Provider) -> None:
    fetch(oauth, provider)
    gateway.unlink(provider, "{}")
    assert oauth.look()["unlinked"] == []


@EVERY
def test_unlinking_twice_is_no_fault(oauth: OAuth, provider: Provider) -> None:
    told = fetch(oauth, provider)
    gateway.unlink(provider, told.token)
    gateway.unlink(provider, told.token)
    assert len(oauth.look()["unlinked"]) == 1


@pytest.mark.parametrize(
    ("provider", "fault"),
    [*((provider, "down") for provider in Provider), (Provider.KAKAO, "nonsense"), (Provider.NAVER, "nonsense")],
)
def test_unlinking_says_when_the_provider_is_away(oauth: OAuth, provider: Provider, fault: str) -> None:
    told = fetch(oauth, provider)
    oauth.control(fault=fault)
    with pytest.raises(SocialAway):
        gateway.unlink(provider, told.token)


def test_the_token_that_lasts_is_kept() -> None:
    first, brief = '{"access_token": "a", "refresh_token": "r"}', '{"access_token": "b"}'
    assert gateway.lasting(brief, None) == brief
    assert gateway.lasting(brief, first) == first
    assert gateway.lasting(first, brief) == first
    assert gateway.lasting(brief, '{"access_token": "c"}') == brief


def test_the_stand_in_does_not_serve_where_money_is_real() -> None:
    environment = {**os.environ, "NENE_ENV": "production"}
    done = subprocess.run(
        [sys.executable, "-m", "standins.oauth"], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"production" in done.stderr


@EVERY
def test_the_stand_in_knows_no_strangers_token(oauth: OAuth, offered: Settings, provider: Provider) -> None:
    client = offered.oauth(provider)
    assert client is not None
    answer = requests.get(client.userinfo_url, headers={"Authorization": "Bearer nobody"}, timeout=5)
    assert answer.status_code == 401
