"""U4 on "my page": linking, unlinking, and what neither may be used for."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from nene.kernel import auth, outbox
from nene.kernel.auth import read_access
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.kernel.outbox import Outbox
from nene.user import service
from nene.user.models import SocialLink, Unlinking, User
from nene.user.service import social
from nene.user.terms import Provider
from tests import world
from tests.conftest import Clocks, Race
from tests.held import hold, let_go
from tests.standins import OAuth
from tests.user.stage import (
    EMAIL,
    EVERY,
    REST,
    actions,
    come_back,
    count,
    link,
    links,
    sign_in,
    sign_up,
    signed_in,
    user,
)

pytestmark = pytest.mark.usefixtures("client", "offered")


@pytest.fixture
def kim_id(client: FlaskClient) -> int:
    return in_transaction(world.member)


@pytest.fixture
def kim(app: Flask, kim_id: int) -> FlaskClient:
    """Somebody with a password, signed in."""
    return world.signed_in(app, kim_id)


def unlink(client: FlaskClient, provider: str = "kakao", *, htmx: bool = False) -> TestResponse:
    return world.post(client, f"/me/social/{provider}/unlink", htmx=htmx)


def session_of(client: FlaskClient) -> int:
    cookie = client.get_cookie(auth.ACCESS)
    access = read_access(cookie.value) if cookie else None
    assert access is not None
    return access.session_id


def do_jobs() -> None:
    """Let a worker end links at their providers."""
    import tasks.user  # noqa: F401 - declares the job

    with reading() as session:
        jobs = list(session.scalars(select(Outbox.id).where(Outbox.name == "user.unlink_social")))
    for job_id in jobs:
        outbox.perform("user.unlink_social", job_id)


@EVERY
def test_who_links_a_provider_signs_in_by_it(
    app: Flask, kim: FlaskClient, kim_id: int, oauth: OAuth, provider: Provider
) -> None:
    assert link(kim, oauth, provider).location == "/me/password"
    assert links() == [(provider, "1001", kim_id)]
    assert "연결 끊기" in kim.get("/me/password").text
    other = app.test_client()
    assert sign_in(other, oauth, provider).location == "/"
    assert signed_in(other)
    assert count(User) == 1
    assert actions() == ["user.link", "user.sign_in"]


def test_linking_twice_is_no_fault(kim: FlaskClient, kim_id: int, oauth: OAuth) -> None:
    assert [link(kim, oauth).status_code for _time in range(2)] == [303, 303]
    assert links() == [("kakao", "1001", kim_id)]
    assert actions() == ["user.link"]


def test_one_account_of_each_provider(kim: FlaskClient, kim_id: int, oauth: OAuth) -> None:
    link(kim, oauth)
    answer = link(kim, oauth, person="no-email")
    assert answer.status_code == 409
    assert "이미 연결되어 있어요" in answer.text
    assert link(kim, oauth, "google", "no-email").status_code == 303
    assert links() == [("google", "1002", kim_id), ("kakao", "1001", kim_id)]


def test_what_somebody_has_linked_nobody_else_links(app: Flask, kim: FlaskClient, kim_id: int, oauth: OAuth) -> None:
    link(kim, oauth)
    lee = world.signed_in(app, in_transaction(world.member))
    answer = link(lee, oauth)
    assert answer.status_code == 409
    assert "다른 계정에 이미 연결되어 있어요" in answer.text
    assert 'href="/me/password"' in answer.text
    assert links() == [("kakao", "1001", kim_id)]


def test_of_two_who_link_the_same_at_once_one_comes_first(app: Flask, oauth: OAuth, race: Race) -> None:
    def one() -> Callable[[], TestResponse]:
        client = world.signed_in(app, in_transaction(world.member))
        back = oauth.decide(world.post(client, "/me/social/kakao/link").location)
        return lambda: client.get("/oauth/kakao/callback", query_string=back)

    answers = race(*[one() for _number in range(3)])
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409]
    assert len(links()) == 1


# An answer serves only what it was asked for


def test_signing_in_never_links(app: Flask, kim: FlaskClient, oauth: OAuth) -> None:
    assert sign_in(kim, oauth).location == "/signup/social"
    assert links() == []


def test_linking_never_signs_in(app: Flask, kim: FlaskClient, oauth: OAuth) -> None:
    other = app.test_client()
    sign_up(other, oauth)
    start = world.post(kim, "/me/social/kakao/link")
    for name in (auth.ACCESS, auth.REFRESH):
        kim.delete_cookie(name)
    assert come_back(kim, oauth, start).status_code == 400
    assert not signed_in(kim)
    assert len(links()) == 1


def test_a_link_is_made_only_in_the_session_that_asked(app: Flask, kim: FlaskClient, kim_id: int, oauth: OAuth) -> None:
    start = world.post(kim, "/me/social/kakao/link")
    again = world.signed_in(app, kim_id)
    for name in (auth.ACCESS, auth.REFRESH):
        cookie = again.get_cookie(name)
        assert cookie is not None
        kim.set_cookie(name, cookie.value)
    assert come_back(kim, oauth, start).status_code == 400
    assert links() == []


def test_another_does_not_finish_what_somebody_began(app: Flask, kim: FlaskClient, oauth: OAuth) -> None:
    back = oauth.decide(world.post(kim, "/me/social/naver/link").location)
    victim = world.signed_in(app, in_transaction(world.member))
    world.post(victim, "/me/social/naver/link")
    assert victim.get("/oauth/naver/callback", query_string=back).status_code == 400
    assert links() == []


def test_a_session_that_ends_meanwhile_links_nothing(kim: FlaskClient, kim_id: int, oauth: OAuth) -> None:
    profile = social.Profile(Provider.KAKAO, "1", None, email_verified=False, nickname=None, birth_on=None, token="{}")
    here = session_of(kim)
    in_transaction(social.link, user_id=kim_id, session_id=here, profile=profile)
    in_transaction(service.sign_out, session_id=here)
    other = social.Profile(Provider.NAVER, "1", None, email_verified=False, nickname=None, birth_on=None, token="{}")
    with pytest.raises(social.StateWrong):
        in_transaction(social.link, user_id=kim_id, session_id=here, profile=other)
    assert links() == [("kakao", "1", kim_id)]


@pytest.mark.parametrize("path", ["link", "unlink", "prove"])
def test_unknown_providers_and_missing_tokens_are_refused(kim: FlaskClient, path: str) -> None:
    assert world.post(kim, f"/me/social/facebook/{path}").status_code == 404
    assert kim.post(f"/me/social/kakao/{path}").status_code == 400
    assert kim.get(f"/me/social/kakao/{path}").status_code == 405


def test_who_signs_in_while_the_link_is_removed_stays_out(
    kim: FlaskClient, kim_id: int, oauth: OAuth, race: Race
) -> None:
    link(kim, oauth)
    profile = social.Profile(
        Provider.KAKAO, "1001", None, email_verified=False, nickname=None, birth_on=None, token="{}"
    )
    held = hold("user_account", id=kim_id)

    def remove() -> None:
        held.execute(text("DELETE FROM user_social_link"))
        held.commit()

    results = race(
        lambda: in_transaction(social.sign_in_by_link, profile=profile, user_agent=""),
        lambda: let_go(held, once_wait=1, then=remove),
    )
    assert results == [None, None]
    assert actions() == ["user.link"]


# Unlinking


@EVERY
@pytest.mark.parametrize("htmx", [False, True])
def test_unlinking_ends_the_link_here_and_at_the_provider(
    app: Flask, kim: FlaskClient, oauth: OAuth, provider: Provider, htmx: bool
) -> None:
    link(kim, oauth, provider)
    answer = unlink(kim, provider, htmx=htmx)
    assert answer.status_code == (200 if htmx else 303)
    assert links() == []
    assert oauth.look()["unlinked"] == []
    do_jobs()
    assert oauth.look()["unlinked"] == [[provider, "1001"]]
    assert (count(Unlinking), count(Outbox)) == (0, 0)
    assert actions() == ["user.link", "user.unlink"]
    assert sign_in(app.test_client(), oauth, provider).location == "/signup/social"


def test_unlinking_twice_is_no_fault(kim: FlaskClient, oauth: OAuth) -> None:
    link(kim, oauth)
    assert [unlink(kim).status_code for _time in range(2)] == [303, 303]
    assert count(Unlinking) == 1


def test_a_provider_that_is_away_is_asked_again(kim: FlaskClient, oauth: OAuth) -> None:
    link(kim, oauth)
    unlink(kim)
    oauth.control(fault="down")
    do_jobs()
    assert (count(Unlinking), count(Outbox)) == (1, 1)
    oauth.control(fault=None)
    do_jobs()
    assert (count(Unlinking), count(Outbox)) == (0, 0)
    assert oauth.look()["unlinked"] == [["kakao", "1001"]]


def test_the_tokens_of_a_link_cannot_be_read(kim: FlaskClient, oauth: OAuth) -> None:
    link(kim, oauth)
    unlink(kim)
    link(kim, oauth)
    with reading() as session:
        sealed = [session.scalar(select(SocialLink.sealed_token)), session.scalar(select(Unlinking.sealed_token))]
    for one in sealed:
        assert one is not None
        assert "refresh_token" not in one
        assert "refresh_token" in (social.tokens.unseal(social.TOKEN, one) or "")


def test_the_last_way_to_sign_in_stays(client: FlaskClient, oauth: OAuth) -> None:
    sign_up(client, oauth)
    answer = unlink(client)
    assert answer.status_code == 409
    assert "로그인할 방법이 하나는 있어야 해요" in answer.text
    assert len(links()) == 1
    assert link(client, oauth, "google").status_code == 303
    assert unlink(client).status_code == 303
    assert unlink(client, "google").status_code == 409
    assert [one[0] for one in links()] == ["google"]


def test_two_who_end_the_last_two_ways_at_once_leave_one(client: FlaskClient, oauth: OAuth, race: Race) -> None:
    sign_up(client, oauth)
    link(client, oauth, "naver")
    user_id = user(EMAIL).id
    results = race(
        lambda: in_transaction(social.unlink, user_id=user_id, provider=Provider.KAKAO),
        lambda: in_transaction(social.unlink, user_id=user_id, provider=Provider.NAVER),
    )
    assert sorted(type(one).__name__ for one in results) == ["LastWay", "NoneType"]
    assert len(links()) == 1


def test_who_leaves_leaves_no_link(kim: FlaskClient, kim_id: int, oauth: OAuth) -> None:
    for provider in Provider:
        link(kim, oauth, provider)
    in_transaction(social.forget, kim_id)
    assert links() == []
    do_jobs()
    assert sorted(oauth.look()["unlinked"]) == [["google", "1001"], ["kakao", "1001"], ["naver", "1001"]]


def test_links_that_somebody_else_may_have_made_are_ended_and_noted(
    kim: FlaskClient, kim_id: int, oauth: OAuth
) -> None:
    link(kim, oauth)
    in_transaction(social.remove_links, kim_id, made_before=wall.now() + timedelta(days=1))
    assert links() == []
    assert count(Unlinking) == 1
    assert actions() == ["user.link", "user.unlink"]


# The page


def test_the_page_shows_password_and_links(kim: FlaskClient, oauth: OAuth) -> None:
    page = kim.get("/me/password").text
    assert 'name="current_password"' in page
    assert page.count("연결하지 않았어요") == 3
    link(kim, oauth)
    page = kim.get("/me/password").text
    assert page.count("연결하지 않았어요") == 2
    assert 'action="/me/social/kakao/unlink"' in page
    wrong = world.post(kim, "/me/password", current_password="wrong", new_password="x", new_password_confirm="y")
    assert wrong.status_code == 422
    assert 'action="/me/social/kakao/unlink"' in wrong.text


def test_who_has_no_password_gets_the_link_to_a_first_one_by_mail(client: FlaskClient, oauth: OAuth) -> None:
    sign_up(client, oauth)
    page = client.get("/me/password").text
    assert 'name="current_password"' not in page
    assert f'name="email" value="{EMAIL}"' in page
    assert world.post(client, "/password-reset", email=EMAIL).status_code == 303
    with reading() as session:
        assert session.scalar(select(Outbox.name).where(Outbox.name == "user.send_reset"))


# A fresh sign-in, where others give their password


@EVERY
def test_a_fresh_sign_in_proves_who_one_is_for_five_minutes(
    client: FlaskClient, oauth: OAuth, clock: Clocks, provider: Provider
) -> None:
    clock.stop_at(world.NOW)
    sign_up(client, oauth, provider)
    start = world.post(client, f"/me/social/{provider}/prove")
    assert "prompt=" in start.location or "auth_type=reauthenticate" in start.location
    assert come_back(client, oauth, start).location == "/me/withdraw"
    with client.session_transaction() as kept:
        proof = kept[social.PROOF]
    here = session_of(client)
    assert social.proven(proof, here)
    assert not social.proven(proof, here + 1)
    assert not social.proven(None, here)
    clock.wall.stop_at(world.NOW + timedelta(minutes=5))
    assert not social.proven(proof, here)


def test_another_of_the_same_provider_proves_nothing(app: Flask, client: FlaskClient, oauth: OAuth) -> None:
    sign_up(client, oauth)
    answer = come_back(client, oauth, world.post(client, "/me/social/kakao/prove"), "no-email")
    assert answer.status_code == 403
    with client.session_transaction() as kept:
        assert social.PROOF not in kept


def test_a_proof_is_for_the_session_that_asked(app: Flask, client: FlaskClient, oauth: OAuth) -> None:
    sign_up(client, oauth)
    start = world.post(client, "/me/social/kakao/prove")
    world.post(client, "/logout")
    assert come_back(client, oauth, start).status_code == 400
    assert not signed_in(client)


def test_a_link_of_before_the_confirmation_goes_with_a_reset_whoever_opened_the_confirming_link(
    app: Flask, client: FlaskClient, oauth: OAuth, clock: Clocks
) -> None:
    clock.stop_at(clock.wall.now())
    sign_up(client, oauth, "kakao", "unverified", email="sup@example.com")
    clock.move(minutes=1)
    victim = user("sup@example.com")
    confirm = service.recovery._sign(service.recovery.CONFIRM, victim, service.recovery.CONFIRM_LIFE)
    app.test_client().get(f"/confirm-email/{confirm}")
    assert user("sup@example.com").email_verified_at is not None
    clock.move(minutes=1)
    reset = service.recovery._sign(service.recovery.RESET, user("sup@example.com"), service.recovery.RESET_LIFE)
    in_transaction(service.reset_password, token=reset, new_hash=service.hash_password(world.PASSWORD))
    assert links() == []


def test_a_cookie_kept_from_signing_up_is_no_way_in_later(
    app: Flask, client: FlaskClient, oauth: OAuth, clock: Clocks
) -> None:
    clock.stop_at(clock.wall.now())
    assert sign_in(client, oauth).location == "/signup/social"
    kept = client.get_cookie("nene_session")
    assert kept is not None
    assert world.post(client, "/signup/social", **REST).status_code == 303
    clock.move(minutes=1)
    thief = app.test_client()
    thief.set_cookie("nene_session", kept.value)
    world.post(thief, "/signup/social", **REST)
    assert not signed_in(thief)
