"""Mail: letters from templates, handed in over SMTP. Only a job sends one, with no transaction open."""

import smtplib
import ssl
import threading
from contextlib import closing, suppress
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from flask_babel import gettext, ngettext
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nene.kernel import settings
from nene.kernel.breaker import Gate, hang_up_later
from nene.kernel.clock import wall
from nene.kernel.settings import SmtpUrl

SENDER = "내돈네돈"
TIMEOUT = 10.0  # seconds to connect, and for each answer of a greeting and of a farewell
LONGEST = 60.0  # seconds for all together, which the letter itself may use
SENDING = 2  # letters at a time: a sixth of the threads of jobs (Procfile)
FAILURES, PAUSE = 3, 30.0  # without an answer in a row, before nothing is handed in for so many seconds
# Whoever says "not now" may say so for minutes, to see who comes again, or for hours; after a day nobody waits for it.
RETRY_AFTER = tuple(timedelta(minutes=each) for each in (0.1, 0.5, 2, 10, 30, 60, 120, *[240] * 5))
PORTS = {"smtp": 587, "smtps": 465}
FINAL = 500  # and above: asking again would be answered the same
_letters = Environment(
    loader=FileSystemLoader(Path(__file__).parents[2] / "templates" / "mail"),
    autoescape=False,  # noqa: S701 - plain text
    undefined=StrictUndefined,
    extensions=["jinja2.ext.i18n"],
)
_letters.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
log = structlog.get_logger(__name__)


class MailAway(Exception):
    """The mail server is away, slow, not set up, or did not take the mail for now."""


def new_id() -> str:
    """Names a letter, for however often it is handed in."""
    return token_hex(16)


def write(template: str, **values: object) -> tuple[str, str]:
    """Subject and text of a mail: the first line of `templates/mail/<template>.txt`, and what follows it."""
    subject, text = _letters.get_template(f"{template}.txt").render(values).split("\n", 1)
    return subject, text.strip() + "\n"


def deliver(to: str, subject: str, text: str, *, letter_id: str) -> None:
    """Hand a mail to the server of NENE_SMTP_URL, in little more than a minute. Raises MailAway; NotAsked, nothing sent.

    With the same `letter_id` it is the same mail for whoever gets it twice, because our server's answer was lost. An
    address that the server refuses for good is noted, and that is all: there is nobody to write to.
    """
    url = settings.current().smtp_url
    if url is None:
        message = "NENE_SMTP_URL is not set"
        raise MailAway(message)
    letter = _letter(to, subject, text, letter_id)
    gate = _gate(url)
    with gate.seat():
        try:
            _hand_in(url, letter, _in_ascii(to))
            gate.learn(answered=True)
        except smtplib.SMTPRecipientsRefused as refused:
            gate.learn(answered=True)
            _judge(min(code for code, _text in refused.recipients.values()))
        except OSError as error:
            silent = isinstance(error, smtplib.SMTPServerDisconnected) or not isinstance(error, smtplib.SMTPException)
            gate.learn(answered=not silent)
            # Only the kind: what a server says may repeat the address.
            raise MailAway(type(error).__name__) from None


class _Plain(smtplib.SMTP):
    """Hangs up after LONGEST."""

    def connect(self, *where: Any, **more: Any) -> tuple[int, bytes]:
        self._closed = hang_up_later(lambda: [self.sock], after=LONGEST)
        try:
            return super().connect(*where, **more)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._closed.set()
        super().close()

    def wait_for_answers(self, seconds: float) -> None:
        if self.sock is not None:
            self.sock.settimeout(seconds)


class _Encrypted(_Plain, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte on."""


@cache
def _gate(_url: SmtpUrl) -> Gate:
    return Gate(threading.BoundedSemaphore(SENDING), failures=FAILURES, pause=PAUSE)


def _judge(status: int) -> None:
    if status < FINAL:
        raise MailAway(str(status)) from None
    log.warning("mail.refused", status=status)


def _letter(to: str, subject: str, text: str, letter_id: str) -> EmailMessage:
    given = settings.current()
    letter = EmailMessage()
    letter["From"] = str(Address(SENDER, addr_spec=given.mail_from))
    letter["To"] = _in_ascii(to)
    letter["Subject"] = subject
    letter["Date"] = wall.now()
    letter["Message-ID"] = f"<{letter_id}@{_host()}>"
    letter["Auto-Submitted"] = "auto-generated"  # so that no holiday notice comes back
    letter.set_content(text)
    return letter


def _hand_in(url: SmtpUrl, letter: EmailMessage, to: str) -> None:
    host, port, name = str(url.host), url.port or PORTS[url.scheme], _host()
    encrypted = ssl.create_default_context()
    made = (
        _Encrypted(host, port, name, timeout=TIMEOUT, context=encrypted)
        if url.scheme == "smtps"
        else _Plain(host, port, name, timeout=TIMEOUT)
    )
    with closing(made) as server:
        server.ehlo()
        if url.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=encrypted)
            server.ehlo()
        elif url.scheme == "smtp" and url.username:
            message = "no password without encryption"
            raise MailAway(message)
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        server.wait_for_answers(LONGEST)  # what looks for spam takes its time, and RFC 5321 (4.5.3.2) gives it minutes
        server.send_message(letter, to_addrs=[to])
        server.wait_for_answers(TIMEOUT)
        with suppress(OSError):  # it was taken: a lost farewell must not send it a second time
            server.quit()


def _host() -> str:
    return urlsplit(settings.current().site).hostname or "localhost"


def _in_ascii(address: str) -> str:
    """The address with its domain as mail servers spell it."""
    local, _at, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"
