"""What nobody types by accident is answered in plain words, and never by a fault of ours."""

from time import process_time

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from nene.challenge import routes
from nene.challenge import service as challenge
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import OutcomeUnknown
from nene.kernel.forms import tidy, tidy_line
from nene.kernel.settings import Settings
from nene.point import service as point
from tests import world
from tests.conftest import Clocks
from tests.world import NOW

HTMX = {"HX-Request": "true"}


@pytest.fixture
def member(app: Flask, client: FlaskClient, clock: Clocks) -> FlaskClient:
    clock.stop_at(NOW)
    return world.signed_in(app, in_transaction(world.member, 50_000))


@pytest.mark.parametrize("number", [0, 2**63, 10**20])
@pytest.mark.parametrize(
    "path", ["/challenges/{}", "/challenges/{}/seats", "/challenges/{}/settlement", "/challenges/{}/edit", "/users/{}"]
)
def test_a_number_that_no_row_has_is_not_there(member: FlaskClient, path: str, number: int) -> None:
    assert member.get(path.format(number)).status_code == 404
    assert member.get(path.format(number), headers=HTMX).status_code == 404


@pytest.mark.parametrize("number", [2**63, 10**20])
@pytest.mark.parametrize(
    "path",
    [
        *(f"/challenges/{{}}/{verb}" for verb in ("join", "quit", "ready", "cancel", "edit", "verifications")),
        "/me/sessions/{}/revoke",
    ],
)
def test_no_button_is_there_either(member: FlaskClient, path: str, number: int) -> None:
    assert world.post(member, path.format(number), version="1").status_code in {404, 405}


@pytest.mark.parametrize(
    "query",
    [
        "/points?to=9999-12-31",
        "/points?from=0001-01-01&to=0001-01-01",
        "/points?reason=NOTHING&cursor=",
        "/challenges?min_fee=99999999999999999999&starts_from=9999-12-31&due_until=0001-01-01",
        "/challenges?q=%00&status=x&category=y&sort=z",
        "/me/challenges?status=x",
    ],
)
def test_a_filter_that_makes_no_sense_counts_as_not_given(member: FlaskClient, query: str) -> None:
    assert member.get(query).status_code == 200
    assert member.get(query, headers=HTMX).status_code == 200


MARKED = "a" + "\u0301" * 40_000 + "\u0316" * 40_000  # in mixed order: sorting them takes half a minute


@pytest.mark.parametrize("field", ["email", "nickname", "bio"])
def test_marks_without_end_hold_nobody_up(client: FlaskClient, field: str) -> None:
    data = {"csrf_token": world.token(client), "email": "kim@example.com", field: MARKED}
    began = process_time()
    assert client.post("/signup" if field != "email" else "/login", data=data).status_code == 422
    assert client.get("/challenges", query_string={"q": MARKED[35_000:45_000]}).status_code == 200
    assert process_time() - began < 5


@pytest.mark.parametrize("path", ["/nope", "/dev/clock", "/challenges/1/join"])
def test_a_referrer_that_is_no_address_hurts_nobody(client: FlaskClient, path: str) -> None:
    data = {"csrf_token": world.token(client), "days": "99"}
    answer = client.post(path, data=data, headers={"Referer": "http://[bad"})
    assert answer.status_code in {303, 404, 422}
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("fee", ["1_000", "١٠٠٠", "1e3", " ", "0x3e8"])
def test_a_fee_is_written_in_plain_digits(member: FlaskClient, fee: str) -> None:
    answer = world.post(member, "/challenges", fee=fee, name="아침 달리기")
    assert answer.status_code == 422
    assert "숫자로 적어 주세요." in answer.text


def test_a_category_that_does_not_exist_is_asked_for_again(member: FlaskClient) -> None:
    answer = world.post(member, "/challenges", category="ZZ")
    assert (answer.status_code, "분류를 골라 주세요." in answer.text) == (422, True)


@pytest.mark.parametrize("words", ["   ", "\0", "\u202e\u200f", "\n\n"])
def test_words_that_nobody_can_see_are_no_words(member: FlaskClient, words: str) -> None:
    answer = world.post(member, "/challenges", description=words, name=words)
    for message in ("약속을 적어 주세요.", "이름을 적어 주세요."):
        assert message in answer.text


def test_text_is_kept_as_people_mean_it() -> None:
    assert tidy("  e\u0301a\r\nb\u202e\0 \U0001f468\u200d\U0001f469 ") == "\u00e9a\nb \U0001f468\u200d\U0001f469"
    assert tidy_line(" a \n\t b ") == "a b"
    assert [tidy(None), tidy_line("")] == [None, ""]


def test_what_was_done_is_never_called_undone(member: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database goes away after the commit, before the page could be read."""
    host = in_transaction(world.member, 50_000)
    made = in_transaction(world.opened, host)
    token = world.token(member)

    def away(*_given: object, **_named: object) -> None:
        raise OperationalError("select", {}, Exception())

    monkeypatch.setattr(routes, "_detail", away)
    answer = member.post(f"/challenges/{made}/join", data={"csrf_token": token, "version": "1"}, headers=HTMX)
    assert (answer.status_code, answer.headers.get("HX-Redirect")) == (200, f"/challenges/{made}")
    with reading() as session:
        assert point.full_escrows(session)[made] == 2_000


def test_a_connection_lost_while_committing_leaves_the_outcome_open(
    app: Flask, committed: None, settings: Settings
) -> None:
    def step(session: Session) -> None:
        point.open_wallet(session, user_id=1)
        own = session.connection().connection.dbapi_connection
        assert isinstance(own, psycopg.Connection)
        address = str(settings.database_url).replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [own.info.backend_pid])

    with pytest.raises(OutcomeUnknown) as refusal:
        in_transaction(step)
    assert (refusal.value.status, "확인해 주세요" in refusal.value.message) == (503, True)


def test_a_part_that_refreshes_itself_alarms_nobody(member: FlaskClient) -> None:
    polled = member.get("/challenges/1/seats", headers={**HTMX, "X-Poll": "1"})
    assert (polled.status_code, polled.headers["HX-Reswap"]) == (404, "none")


def test_who_quit_a_running_challenge_is_told_so(app: Flask, client: FlaskClient, clock: Clocks) -> None:
    clock.stop_at(NOW)
    host, guest = (in_transaction(world.member, 50_000) for _ in range(2))
    made = in_transaction(world.opened, host)
    in_transaction(challenge.join_challenge, challenge_id=made, user_id=guest, version=1, now=NOW)
    clock.stop_at(world.noon(world.START))
    browser = world.signed_in(app, guest)
    assert world.post(browser, f"/challenges/{made}/quit").status_code == 303
    answer = world.post(browser, f"/challenges/{made}/join", version="1")
    assert answer.status_code == 409
    assert "그만둔 챌린지에는 다시 참가할 수 없어요." in answer.text
