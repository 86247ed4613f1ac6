"""Nobody reads or changes another's anything: every route, tried by a stranger who is signed in."""

from typing import Any

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from sqlalchemy import text

from nene.challenge import service
from nene.kernel.db import in_transaction, reading
from nene.payment import service as payment
from tests import world
from tests.conftest import Clocks
from tests.world import START, noon

# What a signed-in stranger is answered at somebody else's challenge or session; what is not here is their own page.
STRANGER = {
    ("GET", "challenge.edit"): 403,
    ("POST", "challenge.edit"): 403,
    ("POST", "challenge.quit_"): 409,
    ("POST", "challenge.ready"): 403,
    ("POST", "challenge.cancel"): 403,
    ("GET", "challenge.verifications"): 403,
    ("POST", "challenge.verify"): 409,
    ("GET", "challenge.settlement"): 404,
    ("POST", "user.revoke"): 404,
    ("GET", "payment.show"): 404,
    ("GET", "payment.ask_cancel"): 404,
    ("POST", "payment.confirm"): 404,
    ("POST", "payment.cancel"): 404,
}
ROWS = "SELECT (SELECT count(*) FROM {0}), (SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {0} t)"
TABLES = ("challenge", "participant", "verification", "point_posting", "user_account", "user_consent", "payment")


@pytest.fixture
def somebody(client: FlaskClient, clock: Clocks) -> dict[str, Any]:
    """Two people in a running challenge, on its first day."""
    clock.stop_at(noon(START))

    def make(session: Any) -> dict[str, Any]:
        host, guest = (world.member(session, 5_000) for _ in range(2))
        challenge_id = world.opened(session, host)
        world.joined(session, challenge_id, guest)
        order_id = payment.start_payment(session, user_id=host, amount=10_000)
        return {"challenge_id": challenge_id, "user_id": host, "order_id": order_id}

    made = in_transaction(make)
    service.advance(noon(START))
    return made


def routes(app: Flask, ids: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Method, endpoint and path of every route, filled with somebody's ids."""
    found = []
    for rule in app.url_map.iter_rules():
        values = {name: ids.get(name, 1) for name in rule.arguments}
        values |= {"filename": "icons.svg"} if "filename" in rule.arguments else {}
        values |= {"verb": "join"} if "verb" in rule.arguments else {}
        with app.test_request_context():
            path = url_for(rule.endpoint, **values)
        found += [(method, rule.endpoint, path) for method in ("GET", "POST") if method in (rule.methods or ())]
    return found


def rows() -> list[Any]:
    with reading() as session:
        return [session.execute(text(ROWS.format(table))).one() for table in TABLES]


def ask(client: FlaskClient, method: str, path: str) -> Any:
    return client.get(path) if method == "GET" else world.post(client, path)


def test_a_stranger_changes_and_reads_nothing_of_others(
    app: Flask, client: FlaskClient, somebody: dict[str, Any]
) -> None:
    stranger_id = in_transaction(world.member, 5_000)
    world.signed_in(app, somebody["user_id"])
    stranger = world.signed_in(app, stranger_id)
    with reading() as session:
        others_session = session.scalar(
            text("SELECT id FROM user_session WHERE user_id = :id"), {"id": somebody["user_id"]}
        )
    before = rows()
    expected = dict(STRANGER)
    for method, endpoint, path in routes(app, {**somebody, "session_id": others_session or 0}):
        if (method, endpoint) in expected:
            status = ask(stranger, method, path).status_code
            # A form that is not filled in is refused as such, and does nothing either.
            assert status in {expected.pop((method, endpoint)), 422}, (method, path, status)
    assert not expected
    assert rows() == before


def test_what_others_may_not_know_of_a_person_is_in_no_page(app: Flask, client: FlaskClient) -> None:
    secret = {"email": "very-secret@nene.test"}
    user_id = in_transaction(world.member, 4_321, **secret)
    stranger = world.signed_in(app, in_transaction(world.member))
    page = stranger.get(f"/users/{user_id}")
    assert page.status_code == 200
    for hidden in ("very-secret", "1995", "4,321", "4321", "USER"):
        assert hidden not in page.text
