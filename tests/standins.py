"""The stand-ins for the outside world, each in a process of its own on a free port."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from nene.kernel.embedded import free_port
from standins import oauth as practice
from tests.servers import PATIENCE, ROOT

ADDRESSES = {  # of the authorize, token, userinfo and unlink pages, as the real ones are laid out
    "kakao": ("oauth/authorize", "oauth/token", "v2/user/me", "v1/user/unlink"),
    "naver": ("oauth2.0/authorize", "oauth2.0/token", "v1/nid/me", "oauth2.0/token"),
    "google": ("o/oauth2/v2/auth", "token", "v1/userinfo", "revoke"),
}


class OAuth:
    """Kakao, Naver and Google in one process."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "standins.oauth", "--port", str(urlsplit(self.url).port)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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
        known: dict[str, str] = {}
        for provider, paths in ADDRESSES.items():
            known |= {
                f"oauth_{provider}_client_id": practice.CLIENT_ID,
                f"oauth_{provider}_client_secret": practice.CLIENT_SECRET,
            }
            for name, path in zip(("authorize", "token", "userinfo", "unlink"), paths, strict=True):
                known[f"oauth_{provider}_{name}_url"] = f"{self.url}/{provider}/{path}"
        return known

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
