"""A mail server for the demo and for tests: it takes every mail, sends none, and shows on a page what arrived.

`python -m standins.mail --port 1025 --page-port 8025`. GET /control gives the mails as JSON, DELETE forgets them, and
PUT sets what happens to the next ones: `{"mode": "fail"}`.
"""

import asyncio
import logging
import re
import signal
import threading
from argparse import ArgumentParser
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from email import message_from_bytes, policy
from itertools import count
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask, abort, render_template, request
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from nene.kernel.clock import SEOUL, wall
from nene.kernel.settings import Settings

LOOPBACK = "127.0.0.1"
KEPT = 200  # mails
LARGEST = 1_000_000  # bytes
ANSWERS = {"take": "250 OK", "fail": "451 try again later", "refuse": "550 no such mailbox"}
MODES = {*ANSWERS, "hang", "hold", "lose"}
LINK = re.compile(r"https?://[^\s<>]+")


@dataclass(frozen=True)
class Mail:
    """What arrived, decoded."""

    id: int
    arrived_at: datetime
    sender: str
    to: str
    subject: str
    text: str
    headers: dict[str, str]

    @property
    def links(self) -> list[str]:
        """The addresses in the text."""
        return LINK.findall(self.text)


class Box:
    """The mails of everybody, newest first, and what to do with further ones; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mails: deque[Mail] = deque(maxlen=KEPT)
        self._numbers = count(1)
        self.mode = "take"
        self.hanging = 0

    @property
    def mails(self) -> list[Mail]:
        """All that is kept."""
        with self._lock:
            return list(self._mails)

    def put(self, content: bytes, to: str) -> None:
        """Keep a mail to an address."""
        message = message_from_bytes(content, policy=policy.default)
        body = message.get_body(("plain",))
        with self._lock:
            self._mails.appendleft(
                Mail(
                    id=next(self._numbers),
                    arrived_at=wall.now().astimezone(SEOUL),
                    sender=str(message["From"]),
                    to=to,
                    subject=str(message["Subject"]),
                    text=body.get_content().replace("\r\n", "\n") if body is not None else "",
                    headers={name: str(value) for name, value in message.items()},
                )
            )

    def empty(self) -> None:
        """Forget everything."""
        with self._lock:
            self._mails.clear()
            self.mode = "take"


class Receiver:
    """What the SMTP server asks while a mail arrives."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Fail if told to, or hang until told otherwise."""
        await self._wait_while("hang")
        if self._box.mode == "fail":
            return ANSWERS["fail"]
        envelope.mail_from, envelope.mail_options = address, options
        return ANSWERS["take"]

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Refuse the address if told to."""
        if self._box.mode == "refuse":
            return ANSWERS["refuse"]
        envelope.rcpt_tos.append(address)
        return ANSWERS["take"]

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        """Take the mail, once for each address, as late as told; lose the receipt if told to."""
        await self._wait_while("hold")
        for address in envelope.rcpt_tos:
            self._box.put(envelope.original_content or b"", address)
        if self._box.mode == "lose" and server.transport is not None:
            server.transport.close()
        return ANSWERS["take"]

    async def _wait_while(self, mode: str) -> None:
        if self._box.mode == mode:
            self._box.hanging += 1
            try:
                while self._box.mode == mode:  # noqa: ASYNC110 - another thread is told
                    await asyncio.sleep(0.05)
            finally:
                self._box.hanging -= 1


def create_page(box: Box) -> Flask:
    """The page of what arrived, and the control for tests."""
    app = Flask(__name__)

    @app.get("/")
    def index() -> str:
        return render_template("mails.html", mails=box.mails)

    @app.get("/mails/<int:mail_id>")
    def show(mail_id: int) -> str:
        found = next((mail for mail in box.mails if mail.id == mail_id), None)
        return render_template("mail.html", mail=found or abort(404))

    @app.get("/control")
    def control() -> dict[str, Any]:
        mails = [{**asdict(mail), "links": mail.links} for mail in box.mails]
        return {"mode": box.mode, "hanging": box.hanging, "mails": mails}

    @app.put("/control")
    def tell() -> dict[str, Any]:
        mode = request.get_json()["mode"]
        box.mode = mode if mode in MODES else abort(400)
        return {"mode": box.mode}

    @app.delete("/control")
    def forget() -> dict[str, Any]:
        box.empty()
        return {"mode": box.mode}

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    return app


async def serve(port: int, page_port: int) -> None:
    """Take mail and show it, until told to end."""
    box, end, loop = Box(), asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    page = make_server(LOOPBACK, page_port, create_page(box), threaded=True)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    receiver = Receiver(box)
    server = await loop.create_server(
        lambda: SMTP(receiver, data_size_limit=LARGEST, enable_SMTPUTF8=True, ident="mail stand-in"), LOOPBACK, port
    )
    await end.wait()
    server.close()
    page.shutdown()


def main() -> None:
    """Run in the foreground."""
    parser = ArgumentParser(prog="python -m standins.mail", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="of SMTP")
    parser.add_argument("--page-port", type=int, required=True, help="of the page")
    ports = parser.parse_args()
    if Settings.load().production:
        parser.error("NENE_ENV=production: this server sends nothing to anybody")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    asyncio.run(serve(ports.port, ports.page_port))


if __name__ == "__main__":
    main()
