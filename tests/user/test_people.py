"""Everybody, newest first: kept for five minutes, and never behind on who is on it (U12); by e-mail only who may (U11)."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text as text_
from sqlalchemy.orm import Session

from nene.home import service as home
from nene.kernel import redis
from nene.kernel.db import in_transaction, reading
from nene.kernel.embedded import Redis
from nene.kernel.settings import Settings
from nene.user import service
from nene.user.search import USERS
from nene.user.service import people
from nene.user.terms import Role
from tests import world
from tests.crowd import wait_until
from tests.world import NOW, TODAY

HX = {"HX-Request": "true"}
LISTS = "ORDER BY user_account.id DESC"


@pytest.fixture
def server(tmp_path: Path, settings: Settings, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """A Redis of this test's own; afterwards the process is back on the shared one."""
    monkeypatch.setattr(redis, "PAUSE", 0.3)
    with Redis(tmp_path / "redis", durable=False) as made:
        redis.start(made.url())
        yield made
    redis.start(str(settings.redis_url))


def ids_of(html: str) -> list[int]:
    """The people on a page, in order."""
    return [int(found) for found in re.findall(r'<li class="row found[^"]*" data-id="(\d+)"', html)]


def next_of(html: str) -> str | None:
    """Where the list goes on."""
    tag = re.search(r'<a\b[^>]*rel="next"[^>]*>', html)
    href = re.search(r'href="([^"]+)"', tag[0]) if tag else None
    return unescape(href[1]) if href else None


def members(session: Session, count: int) -> list[int]:
    return [world.member(session) for _ in range(count)]


def reader(app: Flask, **values: object) -> tuple[FlaskClient, int]:
    """Somebody who is signed in, and their id."""
    user_id = in_transaction(world.member, **values)
    return world.signed_in(app, user_id), user_id


def test_only_who_is_signed_in_sees_people(client: FlaskClient) -> None:
    answer = client.get("/users")
    assert answer.status_code == 303
    assert answer.location.startswith("/login")


def test_a_card_says_who_somebody_is_and_nothing_more(app: Flask, client: FlaskClient) -> None:
    browser, me = reader(app, nickname="새벽달리기", bio="매일 아침 <한강>을 달려요.", email="secret@nene.test")
    html = browser.get("/users").text
    assert ids_of(html) == [me]
    assert f'href="/users/{me}">새벽달리기</a>' in html
    assert "매일 아침 &lt;한강&gt;을 달려요." in html
    assert '<time datetime="2026-11">2026년 11월 가입</time>' in html
    assert "secret@nene.test" not in html
    admin, _ = reader(app, role=Role.ADMIN)
    assert "secret@nene.test" in admin.get("/users").text


@pytest.mark.parametrize("headers", [{}, HX])
def test_a_walk_over_the_pages_meets_everybody_once(app: Flask, client: FlaskClient, headers: dict[str, str]) -> None:
    made = in_transaction(members, 44)
    browser, me = reader(app)
    met: list[int] = []
    path: str | None = "/users"
    pages = 0
    while path:
        html = browser.get(path, headers=headers).text
        assert ("<html" in html) is not bool(headers)
        met += ids_of(html)
        path = next_of(html)
        pages += 1
    assert met == [me, *reversed(made)]
    assert pages == 3


def test_the_first_page_is_found_out_once_and_kept(app: Flask, client: FlaskClient) -> None:
    in_transaction(members, 25)
    browser, _ = reader(app)
    with world.statements() as first:
        html = browser.get("/users").text
    with world.statements() as second:
        assert browser.get("/users").text.count("data-id") == html.count("data-id")
    assert [sum(LISTS in statement for statement in sent) for sent in (first, second)] == [1, 0]
    assert len(first) <= 12


def test_who_signs_up_is_on_the_first_page_at_once(app: Flask, client: FlaskClient) -> None:
    browser, me = reader(app)
    assert ids_of(browser.get("/users").text) == [me]
    newcomer = in_transaction(world.member)
    assert ids_of(browser.get("/users").text) == [newcomer, me]


def rename(user_id: int, nickname: str, bio: str = "") -> None:
    with_birth = {"birth_on": TODAY.replace(year=1995), "bio": bio, "find_by_email": False}
    in_transaction(service.update_profile, user_id=user_id, nickname=nickname, **with_birth)


def leave(user_id: int) -> None:
    in_transaction(home.withdraw, user_id=user_id, checked_hash=world.HASH, gives_up=True)


def test_a_changed_profile_is_on_the_first_page_at_once(app: Flask, client: FlaskClient) -> None:
    browser, me = reader(app, nickname="어제이름")
    assert "어제이름" in browser.get("/users").text
    rename(me, "오늘이름", bio="새 소개")
    html = browser.get("/users").text
    assert "오늘이름" in html
    assert "새 소개" in html
    assert "어제이름" not in html


def test_who_has_left_is_on_the_first_page_no_more(app: Flask, client: FlaskClient) -> None:
    browser, me = reader(app)
    other = in_transaction(world.member)
    assert ids_of(browser.get("/users").text) == [other, me]
    with world.statements() as sent:
        leave(other)
        assert ids_of(browser.get("/users").text) == [me]
    assert any(LISTS in statement for statement in sent), "the page was made anew, with who moved up"


def test_who_left_while_redis_hung_is_shown_by_no_page_that_it_kept(
    app: Flask, server: Redis, client: FlaskClient
) -> None:
    browser, me = reader(app, nickname="남은사람")
    other = in_transaction(world.member, nickname="떠난사람")
    assert ids_of(browser.get("/users").text) == [other, me]
    server.pause()
    assert not _answers(), "from here on nothing is even sent to it, for a while"
    leave(other)
    rename(me, "새이름")
    assert ids_of(browser.get("/users").text) == [me]
    server.resume()
    wait_until(_answers)
    with world.statements() as sent:
        html = browser.get("/users").text
    assert not any(LISTS in statement for statement in sent), "the page of before is still kept"
    assert ids_of(html) == [me]
    assert "떠난사람" not in html
    assert "새이름" in html


def _answers() -> bool:
    try:
        return bool(redis.client().ping())
    except redis.RedisError:
        return False


@pytest.mark.parametrize("way", ["pause", "stop"])
def test_people_are_listed_without_redis(app: Flask, server: Redis, client: FlaskClient, way: str) -> None:
    browser, me = reader(app)
    getattr(server, way)()
    assert ids_of(browser.get("/users").text) == [me]


@pytest.mark.parametrize("headers", [{}, HX])
def test_a_cursor_that_is_not_ours_is_refused(app: Flask, client: FlaskClient, headers: dict[str, str]) -> None:
    browser, _ = reader(app)
    answer = browser.get("/users?cursor=xyz", headers=headers)
    assert answer.status_code == 400
    assert "목록의 자리를 알 수 없어요" in answer.text


# By a word


@pytest.fixture
def crowd(client: FlaskClient) -> dict[str, int]:
    """Some people, by a short name."""

    def make(session: Session) -> dict[str, int]:
        said = {
            "kim": ("김새벽", "한강에서 달려요"),
            "run": ("Runner_7", "I love Morning runs"),
            "dawn": ("새벽", "책을 읽는 사람"),
            "dawn2": ("새벽반장", ""),
        }
        return {
            name: world.member(session, nickname=nickname, bio=bio, email=f"{name}@nene.test")
            for name, (nickname, bio) in said.items()
        }

    return in_transaction(make)


def find(browser: FlaskClient, text: str) -> list[int]:
    """Whom a browser finds by a text, in order; the same with HTMX."""
    html, rows = (browser.get("/users", query_string={"q": text}, headers=headers).text for headers in ({}, HX))
    assert rows in html
    assert ("찾는 사람이 없어요" in html) is not bool(ids_of(html))
    return ids_of(html)


def test_people_are_found_by_any_part_of_nickname_and_bio(app: Flask, crowd: dict[str, int]) -> None:
    browser, _ = reader(app)
    for text, names in (
        ("김", ["kim"]),
        ("새벽", ["dawn", "dawn2", "kim"]),
        ("한강에서달", ["kim"]),
        ("한강 에서 달", ["kim"]),
        ("RUNNER", ["run"]),
        ("ｍｏｒｎｉｎｇ　ＲＵＮ", ["run"]),
        ("읽는", ["dawn"]),
        ("nene.test", []),
        ("kim@nene.test", []),
        ("없는말", []),
    ):
        assert find(browser, text) == [crowd[name] for name in names], text


def test_where_nobody_is_found_there_is_a_way_on(app: Flask, crowd: dict[str, int]) -> None:
    browser, _ = reader(app)
    html = browser.get("/users?q=없는말", headers=HX).text
    assert "찾는 사람이 없어요" in html
    assert 'href="/users"' in html


def set_mail(user_id: int, *, allowed: bool, confirmed: bool) -> None:
    """Say whether members may find somebody by e-mail, and whether the address was shown to be theirs."""

    def step(session: Session) -> None:
        user = service.lock_account(session, user_id)
        user.find_by_email = allowed
        user.email_verified_at = NOW if confirmed else None
        session.flush()
        people.index(session, user)

    in_transaction(step)


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("confirmed", [True, False])
def test_members_find_by_the_whole_confirmed_address_of_who_allowed_it(
    app: Flask, crowd: dict[str, int], *, allowed: bool, confirmed: bool
) -> None:
    browser, _ = reader(app)
    set_mail(crowd["kim"], allowed=allowed, confirmed=confirmed)
    found = [crowd["kim"]] if allowed and confirmed else []
    for text in ("kim@nene.test", " KIM@nene.TEST "):
        html = browser.get("/users", query_string={"q": text}).text
        assert ids_of(html) == found
        assert "kim@nene.test</p>" not in html
    for part in ("kim@", "kim@nene.tes", "@nene.test", "im@nene.test", "nene"):
        assert find(browser, part) == []


@pytest.mark.parametrize("way", ["confirm", "reset"])
def test_an_address_is_found_from_when_it_is_confirmed(app: Flask, crowd: dict[str, int], way: str) -> None:
    browser, _ = reader(app)
    set_mail(crowd["kim"], allowed=True, confirmed=False)
    assert find(browser, "kim@nene.test") == []
    with reading() as session:
        letter = (service.write_confirmation if way == "confirm" else service.write_reset)(session, crowd["kim"])
    assert letter
    token = letter.link.rsplit("/", 1)[1]
    if way == "confirm":
        in_transaction(service.confirm_email, token)
    else:
        in_transaction(service.reset_password, token=token, new_hash=world.HASH)
    assert find(browser, "kim@nene.test") == [crowd["kim"]]


def test_admins_find_by_any_part_of_an_address(app: Flask, crowd: dict[str, int]) -> None:
    admin, _ = reader(app, role=Role.ADMIN, email="boss@elsewhere.test")
    assert find(admin, "kim@ne") == [crowd["kim"]]
    html = admin.get("/users?q=NENE.test").text
    assert ids_of(html) == sorted(crowd.values(), reverse=True)
    assert "kim@nene.test</p>" in html


def test_what_the_index_still_says_discloses_nobody(app: Flask, crowd: dict[str, int]) -> None:
    browser, _ = reader(app)
    set_mail(crowd["kim"], allowed=True, confirmed=True)

    def behind_the_index(session: Session) -> None:
        user = service.lock_account(session, crowd["kim"])
        user.find_by_email = False
        user.rename("다른이름")

    assert find(browser, "kim@nene.test") == [crowd["kim"]]
    in_transaction(behind_the_index)
    for text in ("kim@nene.test", "김새벽"):
        assert find(browser, text) == []


def test_a_new_nickname_is_found_and_the_old_one_not(app: Flask, crowd: dict[str, int]) -> None:
    browser, _ = reader(app)
    rename(crowd["kim"], "이저녁", bio="산에 올라요")
    assert find(browser, "이저녁") == [crowd["kim"]]
    assert find(browser, "산에") == [crowd["kim"]]
    for text in ("김새벽", "한강"):
        assert find(browser, text) == []


def test_who_has_left_is_found_by_nothing(app: Flask, crowd: dict[str, int]) -> None:
    set_mail(crowd["kim"], allowed=True, confirmed=True)
    browser, _ = reader(app)
    admin, _ = reader(app, role=Role.ADMIN)
    leave(crowd["kim"])
    for text in ("김새벽", "한강", "kim@nene.test", "탈퇴한"):
        for who in (browser, admin):
            assert find(who, text) == []
    with reading() as session:
        kept = session.execute(text_("SELECT * FROM search_document WHERE id = :id"), {"id": crowd["kim"]}).one()
    assert not any(word in str(kept) for word in ("김새벽", "한강", "nene.test"))


def test_a_walk_over_what_is_found_meets_each_once(app: Flask, client: FlaskClient) -> None:
    def make(session: Session) -> list[int]:
        return [world.member(session, bio="같이 달려요") for _ in range(45)]

    made = in_transaction(make)
    browser, _ = reader(app)
    met: list[int] = []
    path: str | None = "/users?q=달려"
    while path:
        html = browser.get(path, headers=HX).text
        met += ids_of(html)
        path = next_of(html)
    assert met == made[::-1]


def test_a_word_of_blanks_or_beyond_the_longest_counts_as_none(app: Flask, client: FlaskClient) -> None:
    browser, me = reader(app)
    for text in ("   ", "가" * 255, "\u200b"):
        assert find(browser, text) == [me]
    html = browser.get("/users", query_string={"q": "가" * 254}).text
    assert ids_of(html) == []
    assert 'maxlength="254"' in html


def test_a_long_address_is_found_whole(app: Flask, client: FlaskClient) -> None:
    browser, _ = reader(app)
    address = f"{'long' * 15}@{'very.' * 4}example.com"
    other = in_transaction(world.member, email=address)
    set_mail(other, allowed=True, confirmed=True)
    assert len(address) > 64
    assert find(browser, address) == [other]


def test_every_living_account_is_told_to_the_index(app: Flask, crowd: dict[str, int]) -> None:
    leave(crowd["dawn"])
    with reading() as session:
        told = [document.id for document in USERS.documents(session, 0, 500)]
        assert told == [one for name, one in crowd.items() if name != "dawn"]
        assert [document.id for document in USERS.documents(session, told[0], 1)] == [told[1]]
