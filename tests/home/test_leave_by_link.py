"""U9: who has no password leaves after a fresh sign-in where they are linked, and is unlinked there."""

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from nene.kernel import outbox, settings
from nene.kernel.db import reading
from nene.kernel.settings import Settings
from nene.user.models import RetainedIdentity, SocialLink, Unlinking, User
from tasks import user as _jobs  # noqa: F401 - declares them
from tests import world
from tests.conftest import Clocks
from tests.standins import OAuth
from tests.user.stage import come_back, count, sign_in, sign_up

pytestmark = pytest.mark.usefixtures("offered")


def prove(
    client: FlaskClient, oauth: OAuth, person: str = "full", provider: str = "kakao", **more: str
) -> TestResponse:
    return come_back(client, oauth, world.post(client, f"/me/social/{provider}/prove"), person, **more)


def alive() -> bool:
    with reading() as session:
        return session.query(User).filter(User.withdrawn_at.is_(None)).count() == 1


def test_without_a_fresh_sign_in_nobody_leaves(client: FlaskClient, oauth: OAuth) -> None:
    sign_up(client, oauth)
    page = client.get("/me/withdraw").text
    assert 'action="/me/social/kakao/prove"' in page
    assert 'action="/me/withdraw"' not in page
    answer = world.post(client, "/me/withdraw", confirm="y", password="")
    assert answer.status_code == 409
    assert "아직 탈퇴하지 않았어요" in answer.text
    assert alive()


def test_a_provider_that_is_no_longer_known_is_no_way_out(client: FlaskClient, oauth: OAuth) -> None:
    sign_up(client, oauth)
    settings.use(settings.current().model_copy(update={"oauth_kakao_client_id": None}))
    page = client.get("/me/withdraw").text
    assert "/prove" not in page
    assert 'href="/me/password"' in page


def test_who_has_left_leaves_no_page_behind(client: FlaskClient, oauth: OAuth) -> None:
    sign_up(client, oauth)
    prove(client, oauth)
    assert world.post(client, "/me/withdraw", confirm="y").headers["Clear-Site-Data"] == '"cache"'


def test_somebody_else_at_the_provider_proves_nothing(client: FlaskClient, oauth: OAuth) -> None:
    sign_up(client, oauth)
    prove(client, oauth, "no-email")
    assert world.post(client, "/me/withdraw", confirm="y").status_code == 409
    assert alive()


def test_a_fresh_sign_in_is_good_for_five_minutes(client: FlaskClient, oauth: OAuth, clock: Clocks) -> None:
    clock.stop_at(clock.wall.now())
    sign_up(client, oauth)
    prove(client, oauth)
    clock.move(minutes=5, seconds=1)
    assert world.post(client, "/me/withdraw", confirm="y").status_code == 409
    assert alive()


@pytest.mark.parametrize("more", [{"fault": "stale"}, {"claims": ""}])
def test_who_signed_in_at_google_long_ago_proves_nothing(
    client: FlaskClient, oauth: OAuth, more: dict[str, str]
) -> None:
    sign_up(client, oauth, "google")
    answer = prove(client, oauth, provider="google", **more)  # without claims: left out by the browser
    assert answer.status_code == 403
    assert "로그아웃하고 다시 로그인한 뒤에 해 주세요" in answer.text
    assert 'href="/me/withdraw"' in answer.text
    assert world.post(client, "/me/withdraw", confirm="y").status_code == 409
    assert alive()
    assert prove(client, oauth, provider="google").location == "/me/withdraw"
    assert world.post(client, "/me/withdraw", confirm="y").location == "/"
    assert not alive()


def test_where_google_does_not_tell_when_one_signed_in_choosing_the_account_is_enough(
    client: FlaskClient, oauth: OAuth, offered: Settings
) -> None:
    settings.use(offered.model_copy(update={"oauth_google_tells_auth_time": False}))
    sign_up(client, oauth, "google")
    start = world.post(client, "/me/social/google/prove")
    assert "prompt=select_account" in start.location
    assert "claims" not in start.location
    assert come_back(client, oauth, start).location == "/me/withdraw"


def test_signing_in_as_usual_asks_nobody_when_they_signed_in(client: FlaskClient, oauth: OAuth) -> None:
    sign_up(client, oauth, "google")
    world.post(client, "/logout")
    assert sign_in(client, oauth, "google", fault="stale").location == "/"


def test_who_leaves_is_unlinked_at_the_provider_too(client: FlaskClient, oauth: OAuth) -> None:
    sign_up(client, oauth)
    prove(client, oauth)
    assert 'name="password"' not in client.get("/me/withdraw").text
    assert world.post(client, "/me/withdraw", confirm="y").location == "/"
    assert not alive()
    assert (count(SocialLink), count(RetainedIdentity), count(Unlinking)) == (0, 0, 1)
    with reading() as session:
        jobs = [(job.id, job.name) for job in session.query(outbox.Outbox).all()]
    for job_id, name in jobs:
        if name == "user.unlink_social":
            outbox.perform(name, job_id)
    assert count(Unlinking) == 0
    assert oauth.look()["unlinked"] == [["kakao", "1001"]]
