"""Profile pictures (U10) in the browser: sent, shown, replaced, taken away, and none left behind."""

import io
import re
from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from nene.home import service as home
from nene.kernel import settings
from nene.kernel.db import in_transaction, reading
from nene.user import service
from nene.user.models import User, UserImage
from nene.user.service import image as images
from nene.user.service.image import WIDTHS
from tests import world
from tests.conftest import Race
from tests.user.pictures import BLUE, GREEN, RED, bomb, colour, file_of, looks, opened, plain

PROFILE = {"nickname": "김씨", "birth_date": "1995-05-05", "bio": ""}


@pytest.fixture
def kim(committed: None) -> int:
    return in_transaction(world.member, nickname="김씨")


@pytest.fixture
def client(app: Flask, kim: int) -> FlaskClient:
    return world.signed_in(app, kim)


def send(client: FlaskClient, data: bytes | None = None, name: str = "me.png", **changed: str) -> TestResponse:
    """Save the profile, with a picture or without."""
    file = {} if data is None else {"image": (io.BytesIO(data), name)}
    answer = world.post(client, "/me/profile", **{**PROFILE, **changed, **file})
    answer.request.environ["wsgi.input"].close()  # of what is large the client makes a file
    return answer


def key_of(user_id: int) -> str | None:
    with reading() as session:
        return session.scalar(select(User.image).where(User.id == user_id))


def kept() -> set[str]:
    with reading() as session:
        return set(session.scalars(select(UserImage.key)))


def kept_widths() -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(UserImage)) or 0


def test_a_picture_is_shown_to_everybody_for_a_long_time(app: Flask, client: FlaskClient, kim: int) -> None:
    assert send(client, file_of(plain(GREEN))).status_code == 303
    key = key_of(kim)
    assert key
    assert len(key) >= 20
    stranger = app.test_client()
    for width in WIDTHS:
        answer = stranger.get(f"/images/{key}/{width}.webp")
        assert answer.status_code == 200
        assert answer.mimetype == "image/webp"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in answer.headers
        assert opened(answer.data).size == (width, width)
        assert looks(colour(opened(answer.data)), GREEN)


def test_a_picture_costs_one_query(client: FlaskClient, kim: int) -> None:
    send(client, file_of(plain()))
    path = f"/images/{key_of(kim)}/96.webp"
    with world.statements() as sent:
        assert client.get(path).status_code == 200
    assert len(sent) == 1


@pytest.mark.parametrize(
    "path", ["/images/x/96.webp", "/images/{key}/97.webp", "/images/{key}/96.png", "/images/{key}"]
)
def test_what_is_no_picture_is_not_there(client: FlaskClient, kim: int, path: str) -> None:
    send(client, file_of(plain()))
    answer = client.get(path.format(key=key_of(kim)))
    assert answer.status_code == 404
    assert "immutable" not in answer.headers["Cache-Control"]


def test_the_content_counts_and_not_the_name(client: FlaskClient, kim: int) -> None:
    refused = send(client, b"just words", name="me.jpg")
    assert refused.status_code == 422
    assert kept() == set()
    assert send(client, file_of(plain(), "JPEG"), name="words.txt").status_code == 303
    assert kept() == {key_of(kim)}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x" * (6 * 1024 * 1024), "사진이 너무 커요. 5MB, 4,000만 화소까지"),
        (bomb(9_000, 9_000), "사진이 너무 커요"),
        (b"just words", "사진으로 읽을 수 없어요"),
        (b"", "사진으로 읽을 수 없어요"),
    ],
    ids=["large", "bomb", "words", "empty"],
)
def test_a_refused_picture_changes_nothing_and_keeps_what_was_typed(
    client: FlaskClient, kim: int, data: bytes, words: str
) -> None:
    send(client, file_of(plain()))
    before = key_of(kim)
    answer = send(client, data, name="me.jpg", nickname="새이름", bio="새 소개", find_by_email="y")
    assert answer.status_code == 422
    assert words in answer.text
    assert 'id="image-problem"' in answer.text
    assert 'value="새이름"' in answer.text
    assert "새 소개</textarea>" in answer.text
    assert re.search(r'<input [^>]*checked[^>]*name="find_by_email"', answer.text)
    with reading() as session:
        assert service.own_profile(session, kim).nickname == "김씨"
    assert kept() == {before} == {key_of(kim)}


def test_what_is_larger_than_any_form_is_told_so(client: FlaskClient, kim: int) -> None:
    answer = send(client, b"x" * (9 * 1024 * 1024))
    assert answer.status_code == 413
    assert "파일이 너무 커요" in answer.text
    assert kept() == set()


def test_another_fault_asks_for_the_picture_again(client: FlaskClient, kim: int) -> None:
    answer = send(client, file_of(plain()), nickname="a b")
    assert answer.status_code == 422
    assert 'id="nickname-problem"' in answer.text
    assert "사진은 다시 골라 주세요." in answer.text
    assert kept() == set()
    in_transaction(world.member, nickname="곰돌이")
    taken = send(client, file_of(plain()), nickname="곰돌이")
    assert "사진은 다시 골라 주세요." in taken.text
    assert kept() == set()
    assert "사진은 다시 골라 주세요." not in send(client, nickname="a b").text


def test_a_new_picture_takes_the_place_of_the_old_one(client: FlaskClient, kim: int) -> None:
    send(client, file_of(plain(RED)))
    old = key_of(kim)
    send(client, file_of(plain(BLUE)))
    new = key_of(kim)
    assert new != old
    assert kept() == {new}
    assert kept_widths() == len(WIDTHS)
    assert client.get(f"/images/{old}/96.webp").status_code == 404
    assert client.get(f"/images/{new}/96.webp").status_code == 200


def test_without_a_new_picture_the_old_one_stays(client: FlaskClient, kim: int) -> None:
    send(client, file_of(plain()))
    before = key_of(kim)
    assert send(client, bio="새 소개").status_code == 303
    assert key_of(kim) == before
    assert send(client, b"", name="").status_code == 303  # as a browser sends a field in which nothing was chosen
    assert key_of(kim) == before
    assert kept() == {before}


def test_a_picture_can_be_taken_away(client: FlaskClient, kim: int) -> None:
    assert 'name="image_remove"' not in client.get("/me/profile").text
    send(client, file_of(plain()))
    key = key_of(kim)
    assert 'name="image_remove"' in client.get("/me/profile").text
    assert send(client, image_remove="y").status_code == 303
    assert key_of(kim) is None
    assert kept() == set()
    assert client.get(f"/images/{key}/96.webp").status_code == 404


def test_who_chooses_a_picture_wants_it(client: FlaskClient, kim: int) -> None:
    send(client, file_of(plain()))
    send(client, file_of(plain(BLUE)), image_remove="y")
    assert kept() == {key_of(kim)}


def test_others_keep_theirs(app: Flask, client: FlaskClient, kim: int) -> None:
    bear = in_transaction(world.member, nickname="곰돌이")
    send(world.signed_in(app, bear), file_of(plain()), nickname="곰돌이")
    send(client, file_of(plain()))
    send(client, image_remove="y")
    assert kept() == {key_of(bear)}


def test_who_leaves_takes_the_picture_along(client: FlaskClient, kim: int) -> None:
    send(client, file_of(plain()))
    key = key_of(kim)
    in_transaction(home.withdraw, user_id=kim, checked_hash=world.HASH, gives_up=True)
    assert kept() == set()
    assert client.get(f"/images/{key}/96.webp").status_code == 404


def test_two_pictures_at_once_leave_one(app: Flask, kim: int, race: Race) -> None:
    def upload(colour: tuple[int, int, int]) -> Callable[[], TestResponse]:
        browser = world.signed_in(app, kim)
        return lambda: send(browser, file_of(plain(colour)))

    answers = race(upload(RED), upload(GREEN), upload(BLUE))
    assert [answer.status_code for answer in answers] == [303, 303, 303]
    assert kept() == {key_of(kim)}
    assert kept_widths() == len(WIDTHS)


@pytest.mark.parametrize("htmx", [False, True])
def test_who_cannot_be_served_soon_is_told_and_nothing_is_saved(
    client: FlaskClient, kim: int, monkeypatch: pytest.MonkeyPatch, htmx: bool
) -> None:
    monkeypatch.setattr(images, "PATIENCE", 0.2)
    file = {"image": (io.BytesIO(file_of(plain())), "me.png")}
    with ExitStack() as others:
        for _one in range(images.CUTTING):
            others.enter_context(images._seat())
        began = monotonic()
        refused = world.post(client, "/me/profile", htmx=htmx, **{**PROFILE, "bio": "새 소개", **file})
        assert monotonic() - began < 5
    assert refused.status_code == 503
    assert "사진을 올리는 사람이 많아서 아무것도 저장하지 않았어요" in refused.text
    assert "새 소개" in refused.text
    assert (key_of(kim), kept()) == (None, set())
    assert "새 소개" not in client.get("/me/profile").text
    assert send(client, file_of(plain()), bio="새 소개").status_code == 303


def test_a_large_picture_does_not_keep_others_waiting(client: FlaskClient) -> None:
    with images._seat():  # somebody's large one
        assert send(client, file_of(plain())).status_code == 303


def test_nobody_keeps_us_busy_with_pictures(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_current", settings.current().model_copy(update={"rate_scale": 0.1}))
    answers = [send(client, file_of(plain())).status_code for _time in range(4)]
    assert answers == [303, 303, 303, 429]
    assert send(client).status_code == 303


def test_faces_are_pictures_wherever_people_are_shown(app: Flask, client: FlaskClient, kim: int) -> None:
    send(client, file_of(plain()))
    key = key_of(kim)
    bear = in_transaction(world.member, 50_000, nickname="곰돌이")
    challenge_id = in_transaction(world.opened, bear)
    in_transaction(world.give, kim, 5_000)
    in_transaction(world.joined, challenge_id, kim)
    page = world.signed_in(app, bear).get(f"/challenges/{challenge_id}").text
    assert f'src="/images/{key}/96.webp"' in page
    for path in ("/me", f"/users/{kim}", "/me/profile"):
        assert f"/images/{key}/" in client.get(path).text
    assert "/images/" not in client.get(f"/users/{bear}").text


def test_every_width_that_a_page_names_is_there(client: FlaskClient, kim: int) -> None:
    send(client, file_of(plain()))
    page = client.get("/me").text
    named = {word.strip('"') for word in page.replace(",", " ").replace('src="', " ").split() if "/images/" in word}
    named = {word.removeprefix('srcset="') for word in named}
    assert len(named) == len(WIDTHS)
    for path in named:
        assert client.get(path).status_code == 200, path


def test_a_width_beyond_every_number_is_not_there(client: FlaskClient) -> None:
    assert client.get("/images/x/9999999999.webp").status_code == 404
