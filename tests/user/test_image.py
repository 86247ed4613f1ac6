"""Profile pictures (U10): what is made of a file, and which are refused."""

import pytest
from PIL import Image

from nene.user import service
from nene.user.errors import ImageTooLarge, NotAnImage
from nene.user.service.image import GROUND, MEGABYTES, WIDTHS
from tests.user.pictures import BLUE, GREEN, PAPER, RED, bomb, colour, file_of, looks, opened, plain

ORIENTATION, MAKER = 0x0112, 0x010F
FIVE_MB = MEGABYTES * 1024 * 1024


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


@pytest.mark.parametrize("width", [8_001, 20_000, 60_000])
def test_a_picture_of_too_many_dots_is_refused_unread(width: int) -> None:
    data = bomb(width, 5_000)
    assert len(data) < 200
    with pytest.raises(ImageTooLarge):
        service.cut_image(data)
    with pytest.raises(NotAnImage):  # this one may be read, and is found to be broken
        service.cut_image(bomb(8_000, 5_000))
