"""The stand-ins for the outside world, each in a process of its own on a free port."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from flask import Flask

import standins
from nene.kernel import settings
from nene.kernel.embedded import as_child, free_port
from nene.kernel.settings import Settings
from nene.user import gateway
from tests.servers import PATIENCE, ROOT


class OAuth:
    """Kakao, Naver and Google in one process."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        command = [sys.executable, "-m", "standins.oauth", "--port", str(self.port)]
        self.process = subprocess.Popen(
            as_child(command, signal.SIGTERM), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(requests.RequestException):
                self.look()
                return
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)

    @property
    def settings(self) -> dict[str, str]:
        """What the product has to know, by the names of its settings."""
        known = standins.oauth_settings(self.port)
        return {name.removeprefix("NENE_").lower(): value for name, value in known.items()}

    def look(self) -> dict[str, Any]:
        """Who is linked, and who was unlinked."""
        told: dict[str, Any] = requests.get(f"{self.url}/control", timeout=5).json()
        return told

    def control(self, **wanted: Any) -> None:
        """Such as `fault="down"`, `expire=True` or `forget=True`."""
        requests.post(f"{self.url}/control", json=wanted, timeout=5).raise_for_status()

    def decide(self, url: str, person: str = "full", *, decision: str = "agree", **more: str) -> dict[str, str]:
        """Be this person on the page to which the product has sent the browser; gives what comes back to it."""
        asked = urlsplit(url)
        assert requests.get(url, timeout=5).status_code == 200
        fields = {**dict(parse_qsl(asked.query)), "person": person, "decision": decision, **more}
        answer = requests.post(asked._replace(query="").geturl(), fields, allow_redirects=False, timeout=5)
        assert answer.status_code == 303
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


@pytest.fixture(scope="session")
def oauth_process() -> Iterator[OAuth]:
    one = OAuth()
    yield one
    one.stop()


@pytest.fixture
def oauth(oauth_process: OAuth) -> OAuth:
    """Kakao, Naver and Google, who remember nothing from other tests."""
    oauth_process.control(forget=True)
    return oauth_process


@pytest.fixture
def offered(app: Flask, oauth: OAuth) -> Iterator[Settings]:
    """The product knows all three providers, and has not found them silent yet."""
    gateway._gate.cache_clear()
    usual = settings.current()
    chosen = Settings.model_validate({**usual.model_dump(), **oauth.settings})
    settings.use(chosen)
    yield chosen
    settings.use(usual)
