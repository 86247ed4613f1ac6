"""Mail goes out over SMTP as it was written, and a server that is away is said to be away."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from time import monotonic

import pytest
import requests
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from pydantic import TypeAdapter

from nene.kernel import mail, settings
from nene.kernel.breaker import NotAsked
from nene.kernel.embedded import free_port
from nene.kernel.mail import MailAway
from nene.kernel.settings import SmtpUrl
from standins.mail import Box, Receiver
from tests.conftest import Clocks
from tests.crowd import wait_until
from tests.mailbox import Mailbox

KIM = "kim@example.com"


@contextmanager
def sending_to(url: str | None) -> Iterator[None]:
    """Mail is handed in there."""
    usual = settings.current()
    server = TypeAdapter(SmtpUrl | None).validate_python(url)
    settings.use(usual.model_copy(update={"smtp_url": server}))
    yield
    settings.use(usual)


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SSLContext:
    """Of a server called localhost, which this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = tmp_path / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form) + signed.public_bytes(serialization.Encoding.PEM)
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


class Secure:
    """A mail server that speaks TLS, after STARTTLS or `at_once`; which names and passwords it was given."""

    def __init__(self, context: SSLContext, *, at_once: bool = False) -> None:
        self.box = Box()
        self.given: list[tuple[str, str]] = []
        self.port = free_port()
        # Where TLS comes first, the library does not see that it is there.
        how = {"ssl_context": context, "auth_require_tls": False} if at_once else {"tls_context": context}
        self.controller = Controller(
            Receiver(self.box), hostname="127.0.0.1", port=self.port, authenticator=self._knows, **how
        )

    def _knows(
        self, _server: object, _session: object, _envelope: object, _way: str, given: LoginPassword
    ) -> AuthResult:
        self.given.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=given.password == b"p@ss:word", handled=False)


def test_a_mail_arrives_as_it_was_written(mailbox: Mailbox, clock: Clocks) -> None:
    clock.stop_at(datetime(2026, 11, 1, 3, 0, tzinfo=UTC))
    mail.deliver(
        KIM,
        "이메일을 확인해 주세요",
        "안녕하세요.\n링크: http://localhost:8000/confirm-email/x\n.\n끝\n",
        letter_id="letter",
    )
    (got,) = mailbox.mails()
    headers = got["headers"]
    assert (got["to"], headers["To"], got["subject"]) == (KIM, KIM, "이메일을 확인해 주세요")
    assert got["sender"] == "내돈네돈 <no-reply@nene.test>"
    assert got["text"] == "안녕하세요.\n링크: http://localhost:8000/confirm-email/x\n.\n끝\n"
    assert got["links"] == ["http://localhost:8000/confirm-email/x"]
    assert parsedate_to_datetime(headers["Date"]) == datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
    assert headers["Message-ID"] == "<letter@localhost>"
    assert headers["Auto-Submitted"] == "auto-generated"


def test_a_letter_that_is_handed_in_twice_is_known_as_the_same(mailbox: Mailbox) -> None:
    one, other = mail.new_id(), mail.new_id()
    for letter_id in (one, one, other):
        mail.deliver(KIM, "하나", "둘", letter_id=letter_id)
    third, second, first = (got["headers"]["Message-ID"] for got in mailbox.mails())
    assert first == second == f"<{one}@localhost>"
    assert third == f"<{other}@localhost>"


def test_a_domain_in_hangul_is_written_as_servers_know_it(mailbox: Mailbox) -> None:
    mail.deliver("김@한국.kr", "하나", "둘", letter_id="letter")
    assert [got["to"] for got in mailbox.mails()] == ["김@xn--3e0b707e.kr"]


@pytest.mark.parametrize(
    ("to", "subject"), [(f"{KIM}\r\nBcc: spy@evil.test", "하나"), (KIM, "하나\nBcc: spy@evil.test")]
)
def test_no_header_can_be_slipped_in(mailbox: Mailbox, to: str, subject: str) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        mail.deliver(to, subject, "둘", letter_id="letter")
    assert mailbox.mails() == []


def test_a_list_of_addresses_reaches_nobody_else(mailbox: Mailbox) -> None:
    mail.deliver("kim@example.com, spy@evil.test", "하나", "둘", letter_id="letter")
    assert [got["to"] for got in mailbox.mails()] != ["spy@evil.test"]
    assert len(mailbox.mails()) <= 1


@pytest.mark.parametrize("template", ["confirm", "reset"])
def test_a_letter_has_its_subject_in_its_first_line(app: Flask, template: str) -> None:
    subject, text = mail.write(template, link="http://localhost:8000/here?a=1&b=2")
    assert subject
    assert subject == subject.strip()
    assert "\nhttp://localhost:8000/here?a=1&b=2\n" in text
    assert "{" not in subject + text


@pytest.mark.usefixtures("app")
def test_nowhere_to_hand_it_in_counts_as_away() -> None:
    with sending_to(None), pytest.raises(MailAway):
        mail.deliver(KIM, "하나", "둘", letter_id="letter")


@pytest.mark.usefixtures("app")
def test_a_server_that_is_down_is_away() -> None:
    with sending_to(f"smtp://127.0.0.1:{free_port()}"), pytest.raises(MailAway):
        mail.deliver(KIM, "하나", "둘", letter_id="letter")


@pytest.mark.usefixtures("app")
def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with sending_to(f"smtp://127.0.0.1:{port}"), pytest.raises(MailAway):
            mail.deliver(KIM, "하나", "둘", letter_id="letter")


def test_a_server_that_hangs_in_the_middle_is_given_up(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "LONGEST", 0.2)
    mailbox.tell("hang")
    with pytest.raises(MailAway):
        mail.deliver(KIM, "하나", "둘", letter_id="letter")


@pytest.mark.usefixtures("app")
def test_a_server_that_talks_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "LONGEST", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as chatty:

        def chat() -> None:
            caller, _address = chatty.accept()
            with caller, suppress(OSError):
                while True:
                    caller.sendall(b"220-one moment\r\n")
                    threading.Event().wait(0.02)

        threading.Thread(target=chat, daemon=True).start()
        began = monotonic()
        with sending_to(f"smtp://127.0.0.1:{chatty.getsockname()[1]}"), pytest.raises(MailAway):
            mail.deliver(KIM, "하나", "둘", letter_id="letter")
        assert monotonic() - began < mail.TIMEOUT


@pytest.mark.usefixtures("app")
def test_a_server_that_talks_without_end_after_a_late_handshake_is_given_up(
    certificate: SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "LONGEST", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as chatty:

        def chat() -> None:
            caller, _address = chatty.accept()
            threading.Event().wait(0.5)  # longer than the whole may take
            with suppress(OSError), certificate.wrap_socket(caller, server_side=True) as secret:
                for _time in range(200):
                    secret.sendall(b"220-one moment\r\n")
                    threading.Event().wait(0.05)

        threading.Thread(target=chat, daemon=True).start()
        began = monotonic()
        with sending_to(f"smtps://localhost:{chatty.getsockname()[1]}"), pytest.raises(MailAway):
            mail.deliver(KIM, "하나", "둘", letter_id="letter")
        assert monotonic() - began < 5


def test_who_looks_long_at_a_letter_gets_it_once(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "TIMEOUT", 0.3)
    mailbox.tell("hold")
    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(mail.deliver, KIM, "하나", "둘", letter_id="letter")
        wait_until(lambda: mailbox.hanging() == 1)
        threading.Event().wait(3 * mail.TIMEOUT)
        mailbox.tell("take")
        sending.result()
    assert len(mailbox.mails()) == 1


@pytest.mark.usefixtures("app")
def test_nothing_goes_on_after_a_connection_that_was_refused() -> None:
    with sending_to(f"smtp://127.0.0.1:{free_port()}"), pytest.raises(MailAway):
        mail.deliver(KIM, "하나", "둘", letter_id="letter")
    wait_until(lambda: "hang-up" not in {thread.name for thread in threading.enumerate()})


def test_few_letters_go_at_a_time_and_none_to_who_does_not_answer(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "PAUSE", 0.5)
    mailbox.tell("hang")
    with ThreadPoolExecutor(mail.SENDING) as threads:
        waiting = [
            threads.submit(mail.deliver, KIM, "하나", "둘", letter_id=f"{number}") for number in range(mail.SENDING)
        ]
        wait_until(lambda: mailbox.hanging() == mail.SENDING)
        with pytest.raises(NotAsked):
            mail.deliver(KIM, "하나", "둘", letter_id="letter")
        mailbox.tell("take")
        for each in waiting:
            each.result()
    assert len(mailbox.mails()) == mail.SENDING
    mailbox.tell("hang")
    monkeypatch.setattr(mail, "LONGEST", 0.2)
    for _silence in range(mail.FAILURES):
        with pytest.raises(MailAway):
            mail.deliver(KIM, "하나", "둘", letter_id="letter")
    with pytest.raises(NotAsked):
        mail.deliver(KIM, "하나", "둘", letter_id="letter")


def test_a_server_that_says_no_has_answered(mailbox: Mailbox) -> None:
    mailbox.tell("fail")
    for _time in range(mail.FAILURES + 1):
        with pytest.raises(MailAway):
            mail.deliver(KIM, "하나", "둘", letter_id="letter")
    mailbox.tell("take")
    mail.deliver(KIM, "하나", "둘", letter_id="letter")
    assert len(mailbox.mails()) == 1


def test_what_is_refused_for_now_counts_as_away(mailbox: Mailbox) -> None:
    mailbox.tell("fail")
    with pytest.raises(MailAway):
        mail.deliver(KIM, "하나", "둘", letter_id="letter")
    mailbox.tell("take")
    mail.deliver(KIM, "하나", "둘", letter_id="letter")
    assert len(mailbox.mails()) == 1


def test_an_address_that_is_refused_for_good_is_not_tried_again(
    mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    mailbox.tell("refuse")
    mail.deliver(KIM, "하나", "둘", letter_id="letter")
    said = capsys.readouterr().out
    assert "mail.refused" in said
    assert "550" in said
    assert "kim" not in said


def test_what_is_raised_names_nobody(mailbox: Mailbox) -> None:
    mailbox.tell("fail")
    with pytest.raises(MailAway) as raised:
        mail.deliver(KIM, "하나", "둘", letter_id="letter")
    assert "kim" not in str(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_password_goes_over_tls(certificate: SSLContext, scheme: str) -> None:
    server = Secure(certificate, at_once=scheme == "smtps")
    server.controller.start()
    with sending_to(f"{scheme}://nene%40example.com:p%40ss%3Aword@localhost:{server.port}"):
        mail.deliver(KIM, "하나", "둘", letter_id="letter")
    server.controller.stop()
    assert [got.to for got in server.box.mails] == [KIM]
    assert server.given == [("nene@example.com", "p@ss:word")]


@pytest.mark.usefixtures("app")
def test_a_wrong_password_counts_as_away(certificate: SSLContext) -> None:
    server = Secure(certificate)
    server.controller.start()
    with sending_to(f"smtp://nene:wrong@localhost:{server.port}"), pytest.raises(MailAway):
        mail.deliver(KIM, "하나", "둘", letter_id="letter")
    server.controller.stop()
    assert server.box.mails == []


@pytest.mark.usefixtures("app")
def test_a_server_that_nobody_vouches_for_gets_nothing(
    certificate: SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    server = Secure(certificate)
    server.controller.start()
    with sending_to(f"smtp://nene:p%40ss%3Aword@localhost:{server.port}"), pytest.raises(MailAway):
        mail.deliver(KIM, "하나", "둘", letter_id="letter")
    server.controller.stop()
    assert (server.box.mails, server.given) == ([], [])


def test_a_password_is_not_sent_in_the_clear(mailbox: Mailbox) -> None:
    with sending_to(f"smtp://nene:secret@127.0.0.1:{mailbox.port}"), pytest.raises(MailAway):
        mail.deliver(KIM, "하나", "둘", letter_id="letter")
    assert mailbox.mails() == []


def test_the_page_shows_what_arrived(mailbox: Mailbox) -> None:
    mail.deliver(KIM, "첫째 <b>", "가 http://localhost:8000/a?b=1&c=2 나", letter_id="letter")
    mail.deliver("lee@example.com", "둘째", "다", letter_id="letter")
    page = requests.get(mailbox.url, timeout=5)
    assert page.text.index("둘째") < page.text.index("첫째 &lt;b&gt;")
    assert page.headers["Cache-Control"] == "no-store"
    first = mailbox.mails(KIM)[0]["id"]
    shown = requests.get(f"{mailbox.url}/mails/{first}", timeout=5).text
    assert 'href="http://localhost:8000/a?b=1&amp;c=2"' in shown
    assert KIM in shown
    assert requests.get(f"{mailbox.url}/mails/999999", timeout=5).status_code == 404


def test_only_the_newest_mails_are_kept() -> None:
    box = Box()
    for number in range(201):
        box.put(f"Subject: {number}\n\n\n".encode(), KIM)
    assert [len(box.mails), box.mails[0].subject, box.mails[-1].subject] == [200, "200", "1"]
