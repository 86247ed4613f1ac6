"""Mail: letters from templates, handed in over SMTP. Only a job sends one, with no transaction open."""

import smtplib
import ssl
from contextlib import closing, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog
from flask_babel import gettext, ngettext
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nene.kernel import settings
from nene.kernel.clock import wall
from nene.kernel.settings import SmtpUrl

SENDER = "내돈네돈"
TIMEOUT = 10.0  # seconds for each exchange
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


def write(template: str, **values: object) -> tuple[str, str]:
    """Subject and text of a mail: the first line of `templates/mail/<template>.txt`, and what follows it."""
    subject, text = _letters.get_template(f"{template}.txt").render(values).split("\n", 1)
    return subject, text.strip() + "\n"


def deliver(to: str, subject: str, text: str) -> None:
    """Hand a mail to the server of NENE_SMTP_URL, in at most some times 10 seconds. Raises MailAway.

    An address that the server refuses for good is noted, and that is all: there is nobody to write to.
    """
    url = settings.current().smtp_url
    if url is None:
        message = "NENE_SMTP_URL is not set"
        raise MailAway(message)
    letter = _letter(to, subject, text)
    try:
        _hand_in(url, letter, _in_ascii(to))
    except smtplib.SMTPRecipientsRefused as refused:
        status = min(code for code, _text in refused.recipients.values())
        if status < FINAL:
            raise MailAway(str(status)) from None
        log.warning("mail.refused", status=status)
    except OSError as error:
        # Only the kind: what a server says may repeat the address.
        raise MailAway(type(error).__name__) from None


def _letter(to: str, subject: str, text: str) -> EmailMessage:
    given = settings.current()
    letter = EmailMessage()
    letter["From"] = str(Address(SENDER, addr_spec=given.mail_from))
    letter["To"] = _in_ascii(to)
    letter["Subject"] = subject
    letter["Date"] = wall.now()
    letter["Message-ID"] = make_msgid(domain=_host())
    letter["Auto-Submitted"] = "auto-generated"  # so that no holiday notice comes back
    letter.set_content(text)
    return letter


def _hand_in(url: SmtpUrl, letter: EmailMessage, to: str) -> None:
    host, port, name = str(url.host), url.port or PORTS[url.scheme], _host()
    encrypted = ssl.create_default_context()
    made = (
        smtplib.SMTP_SSL(host, port, name, timeout=TIMEOUT, context=encrypted)
        if url.scheme == "smtps"
        else smtplib.SMTP(host, port, name, timeout=TIMEOUT)
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
        server.send_message(letter, to_addrs=[to])
        with suppress(OSError):  # it was taken: a lost farewell must not send it a second time
            server.quit()


def _host() -> str:
    return urlsplit(settings.current().site).hostname or "localhost"


def _in_ascii(address: str) -> str:
    """The address with its domain as mail servers spell it."""
    local, _at, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"
