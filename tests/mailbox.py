"""The mail stand-in in a process of its own, and what a test asks of it."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask import Flask
from pydantic import TypeAdapter
from sqlalchemy import select

from nene.kernel import mail, outbox
from nene.kernel import settings as current
from nene.kernel.db import reading
from nene.kernel.embedded import as_child, free_port
from nene.kernel.outbox import Outbox
from nene.kernel.settings import SmtpUrl
from tests import servers
from tests.crowd import wait_until


class Mailbox:
    """What was sent, and how the next mails fare: `mode` is take, fail, refuse, hang, hold or lose."""

    def __init__(self) -> None:
        self.port, page_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{page_port}"
        self.smtp_url = f"smtp://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "standins.mail", "--port", str(self.port), "--page-port", str(page_port)]
        self.process = subprocess.Popen(
            as_child(command, signal.SIGTERM), env=servers._environment({}), cwd=servers.ROOT
        )
        wait_until(self._answers)

    def tell(self, mode: str) -> None:
        """From now on."""
        requests.put(f"{self.url}/control", json={"mode": mode}, timeout=5).raise_for_status()

    def empty(self) -> None:
        """Forget everything, and take mail again."""
        requests.delete(f"{self.url}/control", timeout=5).raise_for_status()

    def hanging(self) -> int:
        """How many wait for an answer at this moment."""
        return int(requests.get(f"{self.url}/control", timeout=5).json()["hanging"])

    def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """What arrived, newest first."""
        found = requests.get(f"{self.url}/control", timeout=5).json()["mails"]
        return [one for one in found if to in {None, one["to"]}]

    def wait(self, to: str, subject: str = "") -> dict[str, Any]:
        """The newest mail to an address with this in its subject, once it is there."""
        found: list[dict[str, Any]] = []

        def arrived() -> bool:
            found[:] = [one for one in self.mails(to) if subject in one["subject"]]
            return bool(found)

        wait_until(arrived)
        return found[0]

    def path(self, to: str) -> str:
        """Of our page behind the one link of the newest mail to an address."""
        (link,) = self.wait(to)["links"]
        site = current.current().site
        assert link.startswith(f"{site}/")
        return str(link.removeprefix(site))

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(servers.PATIENCE)

    def _answers(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/control", timeout=5).ok
        assert self.process.poll() is None, "the mail stand-in ended"
        time.sleep(0.05)
        return False


@pytest.fixture(scope="session")
def mail_server() -> Iterator[Mailbox]:
    """One for each worker of the run; journeys look for the mail of their own people."""
    made = Mailbox()
    yield made
    made.close()


@pytest.fixture
def mailbox(app: Flask, mail_server: Mailbox) -> Iterator[Mailbox]:
    """Empty, and where the application of `client` sends its mail."""
    mail_server.empty()
    mail._gate.cache_clear()
    usual = current.current()
    current.use(usual.model_copy(update={"smtp_url": TypeAdapter(SmtpUrl).validate_python(mail_server.smtp_url)}))
    yield mail_server
    current.use(usual)


def work() -> None:
    """Do the jobs that wait, as a worker would."""
    with reading() as session:
        jobs = session.execute(select(Outbox.id, Outbox.name).order_by(Outbox.id)).all()
    for job_id, name in jobs:
        outbox.perform(name, job_id)
