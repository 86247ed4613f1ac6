"""Profile pictures (U10): what is made of a file, who is refused, and that none is left behind."""

import io
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from nene.home import service as home
from nene.kernel import settings
from nene.kernel.db import in_transaction, reading
from nene.user import service
from nene.user.errors import ImageTooLarge, NotAnImage
from nene.user.models import User, UserImage
from nene.user.service.image import GROUND, MEGABYTES, WIDTHS
from tests import world
from tests.conftest import Race

RED, GREEN, BLUE, PAPER = (200, 0, 0), (0, 160, 0), (0, 0, 200), (255, 248, 232)
PROFILE = {"nickname": "김씨", "birth_date": "1995-05-05", "bio": ""}
ORIENTATION, MAKER = 0x0112, 0x010F
FIVE_MB = MEGABYTES * 1024 * 1024


def plain(colour: Any = RED, *, size: tuple[int, int] = (400, 400), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def file_of(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def opened(webp: bytes) -> Image.Image:
    return Image.open(io.BytesIO(webp), formats=["WEBP"])


def colour(image: Image.Image, x: float = 0.5, y: float = 0.5) -> tuple[int, ...]:
    """The colour there; x and y from 0 to 1."""
    found = image.convert("RGB").getpixel((int(x * (image.width - 1)), int(y * (image.height - 1))))
    assert isinstance(found, tuple)
    return tuple(int(part) for part in found)


def looks(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether it is this colour, but for what packing it costs."""
    return all(abs(one - other) <= 12 for one, other in zip(found, wanted, strict=True))


def cut(data: bytes) -> Image.Image:
    return opened(service.cut_image(data)[max(WIDTHS)])


# What is made of a file


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_each_width_is_a_square_webp(kind: str) -> None:
    made = service.cut_image(file_of(plain(size=(640, 300)), kind))
    assert tuple(made) == WIDTHS
    for width, webp in made.items():
        assert opened(webp).format == "WEBP"
        assert opened(webp).size == (width, width)
        assert looks(colour(opened(webp)), RED)


@pytest.mark.parametrize("size", [(900, 300), (300, 900)])
def test_the_middle_is_what_is_kept(size: tuple[int, int]) -> None:
    image = plain(BLUE, size=size)
    image.paste(plain(GREEN, size=(300, 300)), ((size[0] - 300) // 2, (size[1] - 300) // 2))
    found = cut(file_of(image))
    corners = [colour(found, x, y) for x in (0.02, 0.98) for y in (0.02, 0.98)]
    assert all(looks(each, GREEN) for each in corners), corners


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "red_at"),
    [
        (1, (0.1, 0.1)),
        (2, (0.9, 0.1)),
        (3, (0.9, 0.9)),
        (4, (0.1, 0.9)),
        (5, (0.1, 0.1)),
        (6, (0.9, 0.1)),
        (7, (0.9, 0.9)),
        (8, (0.1, 0.9)),
    ],
)
def test_a_picture_stands_upright_however_the_camera_was_held(
    kind: str, orientation: int, red_at: tuple[float, float]
) -> None:
    image = plain(BLUE)
    image.paste(plain(RED, size=(120, 60)), (0, 0))  # wider than high, in the corner above on the left
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    found = cut(file_of(image, kind, exif=exif))
    assert looks(colour(found, *red_at), RED)
    beside = (abs(red_at[0] - 0.15), red_at[1]) if orientation < 5 else (red_at[0], abs(red_at[1] - 0.15))
    assert looks(colour(found, *beside), RED)
    others = [(x, y) for x in (0.1, 0.9) for y in (0.1, 0.9) if (x, y) != red_at]
    assert all(looks(colour(found, *each), BLUE) for each in others)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_that_the_file_says_besides_is_kept(kind: str) -> None:
    exif = Image.Exif()
    exif[MAKER] = "Secret Camera"
    exif.get_ifd(0x8825)[1] = "N"  # where it was taken
    sent = file_of(plain(), kind, exif=exif, icc_profile=b"Secret Profile" * 20)
    assert b"Secret Camera" in sent
    for webp in service.cut_image(sent).values():
        assert not {b"EXIF", b"ICCP", b"XMP "} & {webp[at : at + 4] for at in range(len(webp) - 3)}
        assert b"Secret" not in webp
        assert not opened(webp).getexif()


def test_of_a_moving_picture_the_first_frame_is_taken() -> None:
    for kind in ("GIF", "WEBP", "PNG"):
        moving = file_of(plain(RED), kind, save_all=True, append_images=[plain(GREEN), plain(BLUE)], duration=100)
        found = cut(moving)
        assert looks(colour(found), RED), kind
        assert getattr(found, "n_frames", 1) == 1


def see_through(mode: str) -> bytes:
    """A picture of which nothing is to be seen."""
    if mode == "P":
        image = plain(0, mode="P")
        image.putpalette([0, 0, 0, 255, 255, 255])
        return file_of(image, transparency=0)
    nothing = {"RGBA": (0, 0, 0, 0), "LA": (0, 0), "L": 0, "RGB": (0, 0, 0)}[mode]
    key = {"L": {"transparency": 0}, "RGB": {"transparency": (0, 0, 0)}}.get(mode, {})
    return file_of(plain(nothing, mode=mode), **key)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB"])
def test_what_is_transparent_shows_paper(mode: str) -> None:
    assert "#{:02X}{:02X}{:02X}".format(*PAPER) == GROUND
    assert looks(colour(cut(see_through(mode))), PAPER)


def test_a_picture_for_printing_keeps_its_colours() -> None:
    assert looks(colour(cut(file_of(plain((0, 255, 255, 0), mode="CMYK"), "JPEG"))), (254, 0, 0))


@pytest.mark.parametrize("grey", [0, 90 * 256, 200 * 256])
def test_fine_greys_stay_as_bright_as_they_are(grey: int) -> None:
    assert looks(colour(cut(file_of(plain(grey, mode="I;16")))), (grey // 256,) * 3)


def test_black_and_white_is_read_too() -> None:
    assert looks(colour(cut(file_of(plain(1, mode="1")))), (255, 255, 255))


def test_a_single_dot_is_a_picture() -> None:
    assert cut(file_of(plain(size=(1, 1)))).size == (max(WIDTHS),) * 2


def test_the_longest_strip_is_no_trouble() -> None:
    assert cut(file_of(plain(size=(20_000, 1)))).size == (max(WIDTHS),) * 2


# Who is refused


def half_of(data: bytes) -> bytes:
    return data[: len(data) // 2]


def noise() -> Image.Image:
    return Image.effect_noise((400, 400), 90)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture at all",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"\xff\xd8\xff" + b"\x00" * 500,
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 500,
        b"RIFF\x40\x00\x00\x00WEBPVP8 " + b"\xff" * 60,
        b"GIF89a" + b"\xff" * 60,
        half_of(file_of(noise(), "JPEG")),
        half_of(file_of(noise(), "PNG")),
        half_of(file_of(noise().convert("RGB"), "WEBP")),
        file_of(plain(), "BMP"),
        file_of(plain(), "TIFF"),
    ],
    ids=["empty", "text", "svg", "jpeg", "png", "webp", "gif", "half-jpeg", "half-png", "half-webp", "bmp", "tiff"],
)
def test_what_is_no_whole_picture_is_refused(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        service.cut_image(data)


def test_a_file_may_have_five_megabytes_and_no_byte_more() -> None:
    sent = file_of(plain(), "JPEG")
    assert looks(colour(cut(sent.ljust(FIVE_MB, b"\0"))), RED)
    with pytest.raises(ImageTooLarge):
        service.cut_image(sent.ljust(FIVE_MB + 1, b"\0"))


def bomb(width: int, height: int) -> bytes:
    """A PNG that is small as a file and says that it is this large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("width", [8_001, 20_000, 60_000])
def test_a_picture_of_too_many_dots_is_refused_unread(width: int) -> None:
    data = bomb(width, 5_000)
    assert len(data) < 200
    with pytest.raises(ImageTooLarge):
        service.cut_image(data)
    with pytest.raises(NotAnImage):  # this one may be read, and is found to be broken
        service.cut_image(bomb(8_000, 5_000))


# In the browser


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
    in_transaction(home.withdraw, user_id=kim, gives_up=True)
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
