"""Pictures to be sent, and what is seen in the ones that come back."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

RED, GREEN, BLUE, PAPER = (200, 0, 0), (0, 160, 0), (0, 0, 200), (255, 248, 232)


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


def bomb(width: int, height: int) -> bytes:
    """A PNG that is small as a file and says that it is this large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
