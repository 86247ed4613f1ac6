"""U4 in the browser: who signs in at a provider gets their own account, and nobody another's."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from nene.kernel import auth, settings
from nene.kernel.db import in_transaction
from nene.kernel.settings import Settings
from nene.point.models import PointAccount
from nene.user import gateway, service
from nene.user.models import User
from nene.user.terms import Provider
from tests import world
from tests.conftest import Clocks, Race
from tests.standins import OAuth
from tests.user.stage import EMAIL, EVERY, REST, actions, come_back, count, links, sign_in, sign_up, signed_in, user

pytestmark = pytest.mark.usefixtures("offered")


@EVERY
def test_twice_with_an_empty_browser_is_one_account_and_one_wallet(
    app: Flask, client: FlaskClient, oauth: OAuth, provider: Provider
) -> None:
    wallets = count(PointAccount)
    assert sign_up(client, oauth, provider).location == "/"
    assert signed_in(client)
    again = app.test_client()
    assert sign_in(again, oauth, provider).location == "/"
    assert signed_in(again)
    assert (count(User), count(PointAccount) - wallets) == (1, 1)
    assert links() == [(provider, "1001", user(EMAIL).id)]
    assert actions().count("user.sign_in") == 1


@EVERY
def test_what_the_provider_tells_is_proposed(client: FlaskClient, oauth: OAuth, provider: Provider) -> None:
    sign_in(client, oauth, provider)
    page = client.get("/signup/social").text
    assert f'value="{EMAIL}"' in page
    assert 'value="하늘"' in page
    assert ('value="1995-05-05"' in page) is (provider is Provider.NAVER)
    assert 'name="password"' not in page
    assert count(User) == 0


@pytest.mark.parametrize(
    ("provider", "person", "email", "confirmed"),
    [
        ("kakao", "full", EMAIL, True),
        ("google", "full", EMAIL, True),
        ("naver", "full", EMAIL, False),
        ("kakao", "full", "other@example.com", False),
        ("kakao", "unverified", "sup@example.com", False),
        ("google", "unverified", "sup@example.com", False),
        ("kakao", "no-email", "typed@example.com", False),
    ],
)
def test_an_email_counts_as_confirmed_only_if_the_provider_says_so_of_this_one(
    client: FlaskClient, oauth: OAuth, provider: str, person: str, email: str, confirmed: bool
) -> None:
    sign_up(client, oauth, provider, person, email=email)
    assert (user(email).email_verified_at is not None) is confirmed


@pytest.mark.parametrize("person", ["no-email", "no-nickname"])
def test_what_is_missing_is_asked_for(client: FlaskClient, oauth: OAuth, person: str) -> None:
    field = person.removeprefix("no-")
    answer = sign_up(client, oauth, "kakao", person, **{field: ""})
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert sign_up(client, oauth, "kakao", person).location == "/"


@pytest.mark.parametrize("field", ["agree_terms", "agree_privacy", "birth_date"])
def test_consents_and_age_are_asked_for_as_ever(client: FlaskClient, oauth: OAuth, field: str) -> None:
    answer = sign_up(client, oauth, **{field: ""})
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert count(User) == 0


def test_nobody_under_fourteen_joins_by_a_provider(client: FlaskClient, oauth: OAuth) -> None:
    assert sign_up(client, oauth, birth_date="2020-01-01").status_code == 422
    assert count(User) == 0


@EVERY
def test_who_refuses_is_led_back_with_a_word(client: FlaskClient, oauth: OAuth, provider: Provider) -> None:
    answer = sign_in(client, oauth, provider, decision="refuse")
    assert answer.location == "/login"
    assert "동의하지 않아서" in client.get("/login").text
    assert count(User) == 0


@EVERY
@pytest.mark.parametrize(("fault", "status"), [("state", 400), ("expired", 400), ("down", 503), ("profile-down", 503)])
def test_a_fault_out_there_does_nothing_and_shows_a_way_on(
    client: FlaskClient, oauth: OAuth, provider: Provider, fault: str, status: int
) -> None:
    answer = sign_in(client, oauth, provider, fault=fault)
    assert answer.status_code == status
    assert 'href="/login"' in answer.text
    if status == 503:
        assert "아무것도 처리되지 않았습니다" in answer.text
        assert f'href="/oauth/{provider}"' in answer.text
    assert not signed_in(client)
    assert client.get("/signup/social").status_code == 400


def test_a_slow_provider_is_away(client: FlaskClient, oauth: OAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "TIMEOUT", (3, 0.5))
    assert sign_in(client, oauth, fault="slow").status_code == 503


def test_an_error_without_a_name_of_ours_is_the_providers(client: FlaskClient, oauth: OAuth) -> None:
    start = client.get("/oauth/kakao")
    back = oauth.decide(start.location, decision="refuse")
    answer = client.get("/oauth/kakao/callback", query_string={**back, "error": "server_error"})
    assert answer.status_code == 503


@pytest.mark.parametrize("method", ["/oauth/{}", "/oauth/{}/callback"])
def test_unknown_and_unoffered_providers_are_not_there(client: FlaskClient, offered: Settings, method: str) -> None:
    settings.use(offered.model_copy(update={"oauth_naver_client_id": None}))
    for name in ("naver", "facebook", "KAKAO", "1"):
        assert client.get(method.format(name)).status_code == 404
    page = client.get("/login").text
    assert "/oauth/kakao" in page
    assert "/oauth/naver" not in page


def test_nothing_is_offered_where_nobody_knows_us(client: FlaskClient, offered: Settings) -> None:
    settings.use(offered.model_copy(update={f"oauth_{provider}_client_id": None for provider in Provider}))
    assert "또는" not in client.get("/login").text


@pytest.mark.parametrize(("wanted", "led_to"), [("/me/profile", "/me/profile"), ("//evil.test", "/"), ("", "/")])
def test_where_one_wanted_to_go_survives_the_way_around(
    app: Flask, client: FlaskClient, oauth: OAuth, wanted: str, led_to: str
) -> None:
    assert come_back(client, oauth, client.get("/oauth/kakao", query_string={"next": wanted})).status_code == 303
    assert world.post(client, "/signup/social", **REST).location == led_to
    other = app.test_client()
    assert come_back(other, oauth, other.get("/oauth/kakao", query_string={"next": wanted})).location == led_to


def test_the_login_page_hands_on_where_one_wanted_to_go(client: FlaskClient) -> None:
    assert 'href="/oauth/google?next=/me/profile"' in client.get("/login?next=/me/profile").text


# Whose answer it is


def test_an_answer_is_taken_once(client: FlaskClient, oauth: OAuth) -> None:
    back = oauth.decide(client.get("/oauth/kakao").location)
    assert client.get("/oauth/kakao/callback", query_string=back).location == "/signup/social"
    assert client.get("/oauth/kakao/callback", query_string=back).status_code == 400
    assert oauth.look()["asked"] == {"kakao": 1}  # the second time nobody even looks at the code


def test_an_answer_is_of_no_use_in_another_browser(app: Flask, client: FlaskClient, oauth: OAuth) -> None:
    # At Naver, where no verifier guards the code too.
    back = oauth.decide(client.get("/oauth/naver").location)
    victim = app.test_client()
    victim.get("/oauth/naver")
    assert victim.get("/oauth/naver/callback", query_string=back).status_code == 400
    assert app.test_client().get("/oauth/naver/callback", query_string=back).status_code == 400


def test_an_answer_is_of_one_provider(client: FlaskClient, oauth: OAuth) -> None:
    back = oauth.decide(client.get("/oauth/kakao").location)
    assert client.get("/oauth/naver/callback", query_string=back).status_code == 400


@pytest.mark.parametrize(
    "query", [{}, {"code": "x"}, {"state": ""}, {"code": "x", "state": "ü"}, {"error": "access_denied"}]
)
def test_an_answer_that_nobody_asked_for_is_refused(client: FlaskClient, query: dict[str, str]) -> None:
    assert client.get("/oauth/kakao/callback", query_string=query).status_code == 400
    client.get("/oauth/kakao")
    assert client.get("/oauth/kakao/callback", query_string=query).status_code == 400


def test_a_question_grows_old(client: FlaskClient, oauth: OAuth, clock: Clocks) -> None:
    back = oauth.decide(client.get("/oauth/kakao").location)
    clock.move(minutes=16)
    assert client.get("/oauth/kakao/callback", query_string=back).status_code == 400


def test_signing_up_can_wait_for_half_an_hour(client: FlaskClient, oauth: OAuth, clock: Clocks) -> None:
    sign_in(client, oauth)
    clock.move(minutes=29)
    assert client.get("/signup/social").status_code == 200
    clock.move(minutes=2)
    assert world.post(client, "/signup/social", **REST).status_code == 400
    assert count(User) == 0


def test_only_who_was_at_a_provider_signs_up_there(client: FlaskClient) -> None:
    assert client.get("/signup/social").status_code == 400
    assert world.post(client, "/signup/social", **REST).status_code == 400
    assert count(User) == 0


def test_the_cookie_tells_nothing_and_is_small(client: FlaskClient, oauth: OAuth) -> None:
    sign_in(client, oauth, "naver")
    cookie = client.get_cookie("nene_session")
    assert cookie is not None
    assert len(cookie.value) < 3000
    with client.session_transaction() as kept:
        assert "haneul" not in str(dict(kept))


def test_signing_in_gives_a_new_session_and_ends_the_browsers_old_one(
    app: Flask, client: FlaskClient, oauth: OAuth
) -> None:
    sign_up(client, oauth)
    client.post("/logout", data={"csrf_token": world.token(client)})
    other = world.signed_in(app, in_transaction(world.member))
    old = other.get_cookie(auth.ACCESS)
    assert old is not None
    before = world.token(other)
    assert sign_in(other, oauth).location == "/"
    assert other.post("/logout", data={"csrf_token": before}).status_code == 400
    left = app.test_client()
    left.set_cookie(auth.ACCESS, old.value)
    assert not signed_in(left)


# Nobody into another's account


@pytest.mark.parametrize("person", ["demo1", "demo1-unverified"])
@EVERY
def test_an_email_that_has_an_account_joins_nothing(
    client: FlaskClient, oauth: OAuth, provider: Provider, person: str
) -> None:
    in_transaction(world.member, email="demo1@nene.test")
    assert sign_in(client, oauth, provider, person).location == "/signup/social"
    shown = client.get("/signup/social")
    assert "이미 가입한 이메일이에요. 로그인한 뒤 마이페이지에서 연결해 주세요." in shown.text
    answer = world.post(client, "/signup/social", **{**REST, "email": "DEMO1@nene.test"})
    assert answer.status_code == 422
    assert "이미 가입한 이메일이에요. 로그인한 뒤 마이페이지에서 연결해 주세요." in answer.text
    assert "/login?next=/me/password" in answer.text
    assert not signed_in(client)
    assert links() == []


def test_who_waits_with_anothers_email_loses_the_link_when_the_owner_sets_a_password(
    app: Flask, client: FlaskClient, oauth: OAuth
) -> None:
    sign_up(client, oauth, "kakao", "unverified", email="sup@example.com")
    late = app.test_client()
    start = world.post(client, "/me/social/google/link")
    back = oauth.decide(start.location, "unverified")
    code = service.recovery._sign(service.recovery.RESET, user("sup@example.com"), service.recovery.RESET_LIFE)
    in_transaction(service.reset_password, token=code, new_hash=service.hash_password(world.PASSWORD))
    assert links() == []
    assert not signed_in(client)
    assert client.get("/oauth/google/callback", query_string=back).status_code == 400
    assert sign_in(late, oauth, "kakao", "unverified").location == "/signup/social"
    assert not signed_in(late)


def test_two_providers_with_one_id_are_two_people(app: Flask, client: FlaskClient, oauth: OAuth) -> None:
    sign_up(client, oauth, "kakao")
    other = app.test_client()
    assert sign_in(other, oauth, "google").location == "/signup/social"
    assert not signed_in(other)


def test_two_browsers_at_once_make_one_account(app: Flask, client: FlaskClient, oauth: OAuth, race: Race) -> None:
    def one(number: int) -> Callable[[], TestResponse]:
        browser = app.test_client()
        assert sign_in(browser, oauth).location == "/signup/social"
        fields = {**REST, "email": f"same{number % 2}@example.com", "nickname": f"하늘{number}"}
        token = world.token(browser)
        return lambda: browser.post("/signup/social", data={**fields, "csrf_token": token})

    wallets = count(PointAccount)
    answers = race(*[one(number) for number in range(6)])
    assert [answer.status_code for answer in answers] == [303] * 6
    assert (count(User), count(PointAccount) - wallets, len(links())) == (1, 1, 1)
