"""U4: a provider that does not answer takes neither the web's threads nor those of jobs."""

import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from time import monotonic

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

import tasks.user  # noqa: F401 - the jobs
from nene.kernel import mail, outbox, settings
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.kernel.outbox import DeadLetter, Outbox
from nene.kernel.search import elastic
from nene.kernel.settings import Settings
from nene.payment import gateway as toss
from nene.user import gateway
from nene.user.models import SocialLink, Unlinking, User
from nene.user.service import social
from nene.user.terms import Provider
from tests import world
from tests.conftest import Clocks
from tests.crowd import wait_until
from tests.mailbox import work
from tests.servers import ROOT
from tests.standins import OAuth
from tests.user.stage import count, link, sign_in, sign_up

pytestmark = pytest.mark.usefixtures("offered")


@contextmanager
def kept_waiting(browsers: list[FlaskClient], oauth: OAuth) -> Iterator[list[Future[TestResponse]]]:
    """Each of them waits for Kakao, which is slow."""
    backs = [oauth.decide(browser.get("/oauth/kakao").location, fault="slow") for browser in browsers]
    with ThreadPoolExecutor(len(browsers)) as threads:
        waiting = [
            threads.submit(browser.get, "/oauth/kakao/callback", query_string=back)
            for browser, back in zip(browsers, backs, strict=True)
        ]
        wait_until(lambda: oauth.look()["asked"].get("kakao") == len(browsers))
        yield waiting


def test_few_wait_for_a_silent_provider_and_the_others_are_told_at_once(
    app: Flask, client: FlaskClient, oauth: OAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "TIMEOUT", (3, 4))
    with kept_waiting([app.test_client() for _number in range(gateway.WAITING)], oauth) as waiting:
        began = monotonic()
        refused = sign_in(client, oauth)
        assert monotonic() - began < 2
        assert refused.status_code == 503
        assert "아무것도 처리되지 않았습니다. 로그인 서비스가 응답하지 않아요." in refused.text
        assert 'href="/oauth/kakao"' in refused.text
        assert sign_in(client, oauth, "naver").location == "/signup/social"  # the others are not affected
    assert [each.result().status_code for each in waiting] == [503] * gateway.WAITING
    assert oauth.look()["asked"]["kakao"] == gateway.WAITING
    assert (count(User), count(SocialLink)) == (0, 0)


def test_after_three_silences_nobody_is_sent_to_wait_until_one_is_answered(
    client: FlaskClient, oauth: OAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "TIMEOUT", (3, 0.3))
    monkeypatch.setattr(gateway, "PAUSE", 1)
    for _silence in range(gateway.FAILURES):
        assert sign_in(client, oauth, fault="slow").status_code == 503
    assert sign_in(client, oauth).status_code == 503
    assert oauth.look()["asked"]["kakao"] == gateway.FAILURES
    wait_until(lambda: sign_in(client, oauth).location == "/signup/social")


@pytest.mark.parametrize("fault", ["down", "nonsense", "profile-down", "profile-empty", "expired"])
def test_whatever_a_provider_says_is_an_answer(client: FlaskClient, oauth: OAuth, fault: str) -> None:
    for _time in range(gateway.FAILURES + 1):
        sign_in(client, oauth, fault=fault)
    assert sign_in(client, oauth).location == "/signup/social"


@pytest.mark.parametrize("begun", [b"Content-Length: 1000\r\n\r\n", b"X-Long: "])
def test_an_answer_in_drops_is_not_waited_for(
    client: FlaskClient, oauth: OAuth, offered: Settings, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(gateway, "TIMEOUT", (0.3, 0.3))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            caller, _address = server.accept()
            with caller, suppress(OSError):
                caller.recv(65_536)
                caller.sendall(b"HTTP/1.1 200 OK\r\n" + begun)
                for _drop in range(200):
                    caller.sendall(b" ")
                    threading.Event().wait(0.05)

        threading.Thread(target=drip, daemon=True).start()
        token = f"http://127.0.0.1:{server.getsockname()[1]}/token"
        settings.use(offered.model_copy(update={"oauth_kakao_token_url": token}))
        began = monotonic()
        assert sign_in(client, oauth).status_code == 503
        assert monotonic() - began < 5
        assert gateway._gate(Provider.KAKAO, gateway.WAITING)._failures == 1  # silence, not an answer


def test_outside_services_never_take_all_threads_of_the_web() -> None:
    procfile = (ROOT / "Procfile").read_text()
    web, jobs = (int(number) for number in re.findall(r"threads (\d+)", procfile))
    assert web - toss.WAITING - len(Provider) * gateway.WAITING >= 3
    waiting = len(Provider) * gateway.UNLINKING + mail.SENDING + elastic.FEEDING + toss.WAITING_JOBS
    assert jobs - waiting >= 4


def test_a_job_that_finds_no_seat_is_put_off_and_has_not_failed(client: FlaskClient, oauth: OAuth) -> None:
    sign_up(client, oauth)
    work()
    with reading() as session:
        user_id = session.scalar(select(SocialLink.user_id))
    assert user_id is not None
    in_transaction(social.forget, user_id)
    with gateway._gate(Provider.KAKAO, gateway.UNLINKING).seat():
        work()
    with reading() as session:
        job = session.scalars(select(Outbox).where(Outbox.name == "user.unlink_social")).one()
    assert (job.failures, count(DeadLetter), oauth.look()["unlinked"]) == (0, 0, [])
    outbox.perform(job.name, job.id)
    assert oauth.look()["unlinked"] == [["kakao", "1001"]]


def test_a_provider_that_stays_away_leaves_one_dead_letter_and_is_given_up_after_a_week(
    app: Flask, oauth: OAuth, clock: Clocks, capsys: pytest.CaptureFixture[str]
) -> None:
    began, user_id = wall.now(), in_transaction(world.member)
    link(world.signed_in(app, user_id), oauth)
    in_transaction(social.forget, user_id)
    oauth.control(fault="down")
    for hour in range(1, 4):
        for _time in range(4):
            work()
        assert (count(Unlinking), count(Outbox), count(DeadLetter)) == (1, 0, 1)
        clock.wall.stop_at(began + timedelta(hours=hour))
        assert in_transaction(social.retry_unlinking) == 1
    clock.wall.stop_at(began + timedelta(days=8))
    assert in_transaction(social.retry_unlinking) == 0
    work()
    assert (count(Unlinking), count(Outbox), count(DeadLetter)) == (0, 0, 0)
    assert "social.unlinking_given_up" in capsys.readouterr().out
