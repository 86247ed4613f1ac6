"""Profile pictures: cut from what somebody sends, kept under a random key, and gone with it (U10)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from secrets import token_urlsafe
from threading import BoundedSemaphore

from PIL import Image, ImageOps
from sqlalchemy import delete
from sqlalchemy.orm import Session

from nene.kernel.errors import NotThere
from nene.user import queries
from nene.user.errors import ImagesBusy, ImageTooLarge, NotAnImage
from nene.user.models import User, UserImage

WIDTHS = (96, 160, 320)  # faces are shown 40 to 96 pixels wide, on screens of up to three dots a pixel
MEGABYTES, MEGAPIXELS = 5, 40
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
GROUND = "#FFF8E8"  # the paper behind what is transparent
QUALITY = 82
# How a camera was held, by the number that it notes in a picture, and how to set that right.
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
CUTTING, PATIENCE = 2, 2.0  # at a time, in each process; seconds that one waits for the others
_seats = BoundedSemaphore(CUTTING)  # the largest picture takes some 300 MB while it is opened


def cut_image(data: bytes) -> dict[int, bytes]:
    """Cut a picture to the square in its middle: a WebP in each width, with nothing else that the file said.

    The content decides what it is, never a name. Of a moving picture the first frame is taken. Slow: not for a
    transaction. Raises ImageTooLarge, NotAnImage; ImagesBusy after two seconds in which nobody else has finished.
    """
    if len(data) > MEGABYTES * 1024 * 1024:
        raise _too_large()
    with _seat():
        square = _square_of(data)
    return {width: _webp(square, width) for width in WIDTHS}


def set_image(session: Session, user: User, cut: Mapping[int, bytes]) -> None:
    """Give a locked account a picture in place of the one before; an empty one only takes that away."""
    forget_image(session, user)
    if cut:
        user.image = token_urlsafe(16)
        session.add_all(UserImage(key=user.image, width=width, webp=webp) for width, webp in cut.items())


def forget_image(session: Session, user: User) -> None:
    """Delete the picture of a locked account."""
    session.execute(delete(UserImage).where(UserImage.key == user.image))
    user.image = None


def find_image(session: Session, *, key: str, width: int) -> bytes:
    """A picture as WebP. Raises NotThere, also for one that was replaced."""
    found = queries.find_image(session, key=key, width=width) if key.isprintable() and width in WIDTHS else None
    if found is None:
        raise NotThere
    return found


@contextmanager
def _seat() -> Iterator[None]:
    if not _seats.acquire(timeout=PATIENCE):
        raise ImagesBusy
    try:
        yield
    finally:
        _seats.release()


def _square_of(data: bytes) -> Image.Image:
    side = max(WIDTHS)
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as opened:
            _require_pixels(opened.width * opened.height)
            opened.draft(None, (2 * side, 2 * side))  # a JPEG is read no larger than it is needed
            turn = TURNS.get(opened.getexif().get(0x0112, 1))
            square = ImageOps.fit(_in_colour(opened), (side, side), Image.Resampling.LANCZOS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large() from None
    except ImageTooLarge:
        raise
    except Exception as fault:  # of broken files almost every kind of exception comes
        raise NotAnImage from fault
    if turn:
        square = square.transpose(Image.Transpose[turn])
    square = square.convert("RGBA")
    plain = Image.new("RGB", square.size, GROUND)
    plain.paste(square, mask=square.getchannel("A"))
    return plain


def _require_pixels(count: int) -> None:
    if count > MEGAPIXELS * 1_000_000:
        raise _too_large()


def _in_colour(image: Image.Image) -> Image.Image:
    """The same in colours that can be mixed; not copied where they can be already."""
    if image.mode.startswith("I"):  # greys of 16 bits
        return image.point(lambda grey: grey / 256).convert("L")
    if image.mode == "RGBA" or (image.mode in {"RGB", "L"} and not image.has_transparency_data):
        return image
    return image.convert("RGBA")


def _webp(square: Image.Image, width: int) -> bytes:
    written = BytesIO()
    square.resize((width, width), Image.Resampling.LANCZOS).save(written, "WEBP", quality=QUALITY)
    return written.getvalue()


def _too_large() -> ImageTooLarge:
    return ImageTooLarge(megabytes=MEGABYTES, pixels=f"{MEGAPIXELS * 100:,}")
