"""U5 to U8 and U15: tokens that are renewed on the fly, two tabs at once, lost answers, thieves, and ending sessions."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from nene.kernel import auth
from nene.kernel.db import db, in_transaction, reading
from nene.notification.models import Notification
from nene.user import service
from nene.user.models import UserSession
from nene.user.terms import Role
from tests import world
from tests.conftest import Clocks

PAGE = "/me/sessions"


@pytest.fixture(autouse=True)
def now(clock: Clocks) -> None:
    clock.stop_at(world.NOW)


@pytest.fixture
def kim(committed: None) -> int:
    return in_transaction(world.member)


def held(client: FlaskClient, name: str) -> str | None:
    cookie = client.get_cookie(name)
    return cookie.value if cookie else None


def with_tokens(app: Flask, *, access: str | None = None, refresh: str | None = None) -> FlaskClient:
    client = app.test_client()
    for name, value in ((auth.ACCESS, access), (auth.REFRESH, refresh)):
        if value:
            client.set_cookie(name, value)
    return client


def is_in(client: FlaskClient) -> bool:
    return client.get(PAGE).status_code == 200


def renewed(app: Flask, refresh: str | None) -> FlaskClient:
    """A browser whose access token has expired and that shows this refresh token."""
    client = with_tokens(app, refresh=refresh)
    client.get(PAGE)
    return client


def alerts(user_id: int) -> list[str]:
    with reading() as session:
        return list(session.scalars(select(Notification.type).where(Notification.user_id == user_id)))


def test_the_access_token_serves_for_fifteen_minutes(app: Flask, kim: int, clock: Clocks) -> None:
    client = with_tokens(app, access=held(world.signed_in(app, kim), auth.ACCESS))
    clock.move(minutes=14, seconds=59)
    assert is_in(client)
    clock.move(seconds=1)
    assert not is_in(client)


def test_who_asks_is_found_by_one_query(app: Flask, kim: int) -> None:
    client = world.signed_in(app, kim)
    asked: list[str] = []
    listen = lambda *given: asked.append(given[2])  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", listen)
    client.get("/nowhere")
    event.remove(db.engine, "before_cursor_execute", listen)
    assert len([statement for statement in asked if "user_session" in statement]) == 1
    assert not [statement for statement in asked if statement.startswith(("UPDATE", "INSERT"))]


def test_an_expired_access_token_is_renewed_in_the_same_answer(app: Flask, kim: int, clock: Clocks) -> None:
    client = world.signed_in(app, kim)
    before = held(client, auth.REFRESH)
    clock.move(hours=1)
    assert is_in(client)
    assert held(client, auth.REFRESH) != before
    clock.move(minutes=14)
    assert is_in(with_tokens(app, access=held(client, auth.ACCESS)))


def test_a_post_is_renewed_as_well(app: Flask, kim: int, clock: Clocks) -> None:
    client = world.signed_in(app, kim)
    csrf = world.token(client)
    clock.move(hours=1)
    fields = {"nickname": "새이름", "birth_date": "1995-05-05", "bio": "", "csrf_token": csrf}
    assert client.post("/me/profile", data=fields).location == "/me"


def test_the_refresh_token_lives_fourteen_days_from_its_last_use(app: Flask, kim: int, clock: Clocks) -> None:
    client = world.signed_in(app, kim)
    for _time in range(3):
        clock.move(days=13)
        assert is_in(client)
    clock.move(days=14)
    assert not is_in(client)
    assert held(client, auth.REFRESH) is None
    assert alerts(kim) == []


def test_two_tabs_that_refresh_at_once_stay_signed_in(
    app: Flask, kim: int, clock: Clocks, race: Callable[..., list[Any]]
) -> None:
    refresh = held(world.signed_in(app, kim), auth.REFRESH)
    clock.move(hours=1)
    tabs = [with_tokens(app, refresh=refresh) for _tab in range(6)]
    answers = race(*[lambda tab=tab: tab.get(PAGE) for tab in tabs])
    assert [answer.status_code for answer in answers] == [200] * 6
    assert len({held(tab, auth.REFRESH) for tab in tabs}) == 1


def test_an_answer_that_was_lost_signs_nobody_out(app: Flask, kim: int, clock: Clocks) -> None:
    refresh = held(world.signed_in(app, kim), auth.REFRESH)
    clock.move(hours=1)
    lost = held(renewed(app, refresh), auth.REFRESH)
    clock.move(days=5)
    assert held(renewed(app, refresh), auth.REFRESH) == lost


def test_the_token_before_is_good_for_ten_seconds_after_the_new_one_was_seen(
    app: Flask, kim: int, clock: Clocks
) -> None:
    refresh = held(world.signed_in(app, kim), auth.REFRESH)
    clock.move(hours=1)
    client = renewed(app, refresh)
    clock.move(minutes=5)
    assert is_in(client)  # its access token carries the new generation: now it was seen
    clock.move(seconds=10)
    assert is_in(with_tokens(app, refresh=refresh))
    clock.move(seconds=1)
    assert not is_in(with_tokens(app, refresh=refresh))


def test_a_token_that_is_too_old_ends_the_session_and_the_user_is_told(app: Flask, kim: int, clock: Clocks) -> None:
    stolen = held(world.signed_in(app, kim), auth.REFRESH)
    clock.move(hours=1)
    client = renewed(app, stolen)
    assert is_in(client)
    clock.move(hours=1)
    thief = with_tokens(app, refresh=stolen)
    assert not is_in(thief)
    assert held(thief, auth.REFRESH) is None
    assert not is_in(client)
    assert alerts(kim) == ["SYSTEM_ALERT"]
    assert not is_in(with_tokens(app, refresh=stolen))
    assert alerts(kim) == ["SYSTEM_ALERT"]


def test_two_generations_back_is_theft_though_the_new_one_was_not_seen(app: Flask, kim: int, clock: Clocks) -> None:
    first = held(world.signed_in(app, kim), auth.REFRESH)
    second = held(renewed(app, first), auth.REFRESH)
    renewed(app, second)
    assert not is_in(with_tokens(app, refresh=first))
    assert alerts(kim) == ["SYSTEM_ALERT"]


def test_a_forged_token_is_nobodys(app: Flask, kim: int) -> None:
    client = world.signed_in(app, kim)
    with reading() as session:
        mine = session.scalars(select(UserSession.id)).one()
    for forged in (f"{mine}.1.{'A' * 43}", f"{mine}.1", "1.1.1", "", auth.refresh_token(mine, 9)):
        assert not is_in(with_tokens(app, refresh=forged))
    for forged in ("a.b.c", held(client, auth.ACCESS)[:-3] + "AAA"):  # type: ignore[index]
        assert not is_in(with_tokens(app, access=forged))
    assert is_in(client)
    assert alerts(kim) == []


@pytest.mark.parametrize("ended_by", ["password", "role", "withdrawal"])
def test_other_sessions_end_at_once(app: Flask, committed: None, ended_by: str) -> None:
    hashed = service.hash_password(world.PASSWORD)
    kim = in_transaction(world.member, password_hash=hashed)
    here, there = world.signed_in(app, kim), world.signed_in(app, kim)
    assert is_in(there)
    if ended_by == "password":
        fields = {"current_password": world.PASSWORD, "new_password": "other-1!", "new_password_confirm": "other-1!"}
        assert world.post(here, "/me/password", **fields).location == "/me"
        assert is_in(here)
    elif ended_by == "role":
        in_transaction(service.change_role, by=None, user_id=kim, role=Role.ADMIN)
        assert not is_in(here)
    else:
        in_transaction(service.withdraw, user_id=kim, has_paid=False)
        assert not is_in(here)
    assert not is_in(there)


def test_my_sessions_are_listed_with_this_one_marked(app: Flask, kim: int) -> None:
    here, _there = world.signed_in(app, kim), world.signed_in(app, kim)
    stranger = in_transaction(world.member)
    world.signed_in(app, stranger)
    page = here.get(PAGE).text
    assert page.count("data-id=") == 2
    assert page.count("지금 쓰고 있는 기기") == 1
    assert "Chrome · Android" in page


def sessions_of(user_id: int) -> list[int]:
    with reading() as session:
        return [one.id for one in service.list_sessions(session, user_id)]


@pytest.mark.parametrize("htmx", [False, True])
def test_another_session_of_mine_can_be_ended(app: Flask, kim: int, htmx: bool) -> None:
    here = world.signed_in(app, kim)
    mine = sessions_of(kim)
    there = world.signed_in(app, kim)
    (theirs,) = set(sessions_of(kim)) - set(mine)
    answer = world.post(here, f"{PAGE}/{theirs}/revoke", htmx=htmx)
    if htmx:
        assert answer.status_code == 200
        assert f'data-id="{theirs}"' not in answer.text
        assert 'hx-swap-oob="true"' in answer.text
        assert "<html" not in answer.text
    else:
        assert (answer.status_code, answer.location) == (303, PAGE)
    assert is_in(here)
    assert not is_in(there)


def test_ending_this_session_signs_out(app: Flask, kim: int) -> None:
    here = world.signed_in(app, kim)
    answer = world.post(here, f"{PAGE}/{sessions_of(kim)[0]}/revoke")
    assert (answer.status_code, answer.location) == (303, "/")
    assert not is_in(here)


def test_nobody_ends_a_strangers_session(app: Flask, kim: int) -> None:
    theirs = world.signed_in(app, kim)
    stranger = world.signed_in(app, in_transaction(world.member))
    for htmx in (False, True):
        assert world.post(stranger, f"{PAGE}/{sessions_of(kim)[0]}/revoke", htmx=htmx).status_code == 404
    assert is_in(theirs)


def test_a_session_is_seen_when_it_is_renewed(app: Flask, kim: int, clock: Clocks) -> None:
    client = world.signed_in(app, kim)
    clock.move(hours=2)
    client.get(PAGE)
    with reading() as session:
        assert session.scalars(select(UserSession.last_seen_at)).one() == world.NOW + timedelta(hours=2)
