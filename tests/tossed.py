"""The practice Toss Payments in a process of its own, and what a test tells it."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask

import standins
from nene.kernel.embedded import as_child, free_port
from nene.payment import gateway
from nene.payment.gateway import Toss
from tests.servers import PATIENCE, ROOT


class PracticeToss:
    """The stand-in on a port and a file of its own; it may be stopped and started again."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.url = f"http://127.0.0.1:{free_port()}"
        self.start()

    @property
    def port(self) -> int:
        return int(urlsplit(self.url).port or 0)

    @property
    def settings(self) -> dict[str, str]:
        """What the product has to know, by the names of its settings."""
        return {name.removeprefix("NENE_").lower(): value for name, value in standins.toss_settings(self.port).items()}

    def start(self) -> None:
        command = [sys.executable, "-m", "standins.toss", "--port", str(self.port), "--state", str(self.state)]
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
        """As a power failure does."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def look(self) -> dict[str, Any]:
        """Everything: `payments`, `movements`, `calls`, `webhooks`."""
        told: dict[str, Any] = requests.get(f"{self.url}/control", timeout=5).json()
        return told

    def payment(self, order_id: str) -> dict[str, Any]:
        """The newest payment of an order."""
        return [one for one in self.look()["payments"] if one["orderId"] == order_id][-1]

    def authenticate(self, order_id: str, amount: int, **more: Any) -> str:
        """As if a person had agreed in the window; gives the payment key. `method`, `decline` by a code, `late`."""
        told = self._tell("authenticate", {"orderId": order_id, "amount": amount, **more})
        return str(told["paymentKey"])

    def break_at(self, step: str, *, times: int | None = 1, **fault: Any) -> None:
        """From now on, at confirm, cancel, find or list, only this: see standins/toss_control.py, Fault."""
        self.control(faults=[{"step": step, "times": times, **fault}])

    def control(self, **wanted: Any) -> None:
        """Such as `forget=True`, `faults=[…]`, `seed=7`, `webhook_url=…`, `webhook_repeats=3`."""
        self._tell("", wanted)

    def act(self, order_id: str, verb: str, **wanted: Any) -> dict[str, Any]:
        """`age` by `minutes`, `deposit`, `cancel` as in the console, `webhook`."""
        return self._tell(f"orders/{order_id}/{verb}", wanted)

    def _tell(self, where: str, wanted: dict[str, Any]) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/control/{where}".rstrip("/"), json=wanted, timeout=5)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture(scope="session")
def toss_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeToss]:
    one = PracticeToss(tmp_path_factory.mktemp("toss") / "state")
    yield one
    one.stop()


@pytest.fixture
def toss(toss_process: PracticeToss) -> PracticeToss:
    """Toss Payments, which remembers nothing of other tests."""
    toss_process.control(forget=True)
    return toss_process


@pytest.fixture
def paying(app: Flask, toss: PracticeToss) -> Iterator[Toss]:
    """The product asks the practice Toss, and waits two seconds for it."""
    one = Toss(toss.url, toss.settings["toss_secret_key"], read=2.0)
    gateway.use(one)
    yield one
    gateway.use(None)


@pytest.fixture
def make_toss(tmp_path: Path) -> Iterator[Callable[[], PracticeToss]]:
    """Makes one for this test alone, to be stopped and started."""
    made: list[PracticeToss] = []

    def make() -> PracticeToss:
        made.append(PracticeToss(tmp_path / f"toss{len(made)}"))
        return made[-1]

    yield make
    for one in made:
        one.stop()
