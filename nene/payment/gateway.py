"""Toss Payments: takes money, gives it back, and says what it did; whoever comes after it is one new file (M13)."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import partial
from time import monotonic
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlsplit

import requests
import structlog
from urllib3.exceptions import HTTPError  # what requests lets through while a body is read

from nene.kernel.breaker import Gate, NotAsked, read_in_time
from nene.kernel.clock import SEOUL
from nene.kernel.settings import Settings
from nene.payment import errors
from nene.payment.errors import BooksUnreadable, GatewayAway

CONNECT, READ, READ_PATIENTLY = 3.0, 20.0, 60.0  # seconds
WAITING, WAITING_JOBS = 4, 2  # callers at a time: a quarter of the threads of the web, and of the worker (Procfile)
FAILURES, PAUSE = 3, 5.0  # in a row, before nobody is sent to wait for so many seconds
LARGEST = 4 * 1024 * 1024  # bytes of an answer
PAGE = 1000  # transactions at a time
LONGEST_TEXT, LONGEST_REASON = 300, 200
CODE = re.compile(r"[A-Z0-9_]{1,60}")
GIVEN_BACK = {"CANCELED", "PARTIAL_CANCELED"}
NOT_DECIDED, EXPECTED = {409, 429}, {"PROVIDER_ERROR", "ALREADY_PROCESSED_PAYMENT"}  # and what is 500 or more
Parsed = TypeVar("Parsed")
log = structlog.get_logger(__name__)


class Verdict(Enum):
    """What an answer, or none, comes to."""

    OK = auto()
    DECLINED = auto()  # nothing was taken, and the person can be told why
    NOT_CHARGED = auto()  # there is nothing that could be taken
    MISCONFIGURED = auto()  # nothing was done, and our settings are to blame
    ALREADY = auto()  # a cancel that may have been done before: ask
    REFUSED = auto()  # a cancel that will not be done
    UNKNOWN = auto()  # done or not: ask


@dataclass(frozen=True)
class Cancel:
    """Money that went back, in won."""

    transaction_key: str
    amount: int
    reason: str
    at: datetime


@dataclass(frozen=True)
class TossPayment:
    """A payment as Toss has it; `total` won were asked for, `balance` of them can still go back."""

    payment_key: str
    order_id: str
    status: str
    method: str
    total: int
    balance: int
    approved_at: datetime | None
    receipt_url: str | None
    cancels: tuple[Cancel, ...]
    failure_code: str
    failure_text: str


@dataclass(frozen=True)
class Outcome:
    """What became of a question: a payment only with OK; `code` is Toss's, `text` ours, for the person."""

    verdict: Verdict
    payment: TossPayment | None = None
    code: str = ""
    text: str = ""
    is_unexpected: bool = False  # a refusal that nobody knows: somebody has to look
    is_definite: bool = False  # a refusal: the same idempotency key gets it again


@dataclass(frozen=True)
class Transaction:
    """One movement of money, in won: more than zero was taken, less than zero went back."""

    transaction_key: str
    payment_key: str
    order_id: str
    status: str
    amount: int
    at: datetime


class Gateway(Protocol):
    """Whoever takes and gives back money for us."""

    def ready(self) -> bool:
        """Whether `approve` and `cancel` would be sent at this moment."""

    def approve(self, *, payment_key: str, order_id: str, amount: int, idempotency_key: str) -> Outcome:
        """Take the money. OK is not yet taken: the caller looks at status and total. Raises GatewayAway, nothing sent."""

    def cancel(
        self, *, payment_key: str, reason: str, amount: int | None, refundable: int | None, idempotency_key: str
    ) -> Outcome:
        """Give back an amount, or all that is left, if `refundable` is what is left. Raises GatewayAway, nothing sent."""

    def find(self, order_id: str) -> Outcome:
        """What became of an order; NOT_CHARGED when it is not known there, UNKNOWN when nobody could be asked."""

    def list_transactions(self, since: datetime, until: datetime) -> Iterator[Transaction]:
        """What was taken and given back from `since` to before `until`. Raises GatewayAway, also in the middle."""


@dataclass(frozen=True)
class _Answer:
    status: int
    body: Any

    @property
    def code(self) -> str:
        """Toss's name for what is wrong; it is logged and shown, so it has to look like one."""
        code = self.body.get("code") if isinstance(self.body, dict) else None
        return code if isinstance(code, str) and CODE.fullmatch(code) else ""


class Toss:
    """Toss Payments over HTTP; one object serves all threads of a process."""

    def __init__(
        self, url: str, secret_key: str, *, read: float = READ, waiting: int = WAITING, pause: float = PAUSE
    ) -> None:
        """`read` seconds for an answer, and at most `waiting` callers who wait for one."""
        self._url = url.rstrip("/")
        self._read = read
        self._session = requests.Session()
        self._session.auth = (secret_key, "")
        self._seats = threading.BoundedSemaphore(waiting)
        self._gate = Gate(self._seats, failures=FAILURES, pause=pause)

    def ready(self) -> bool:
        """Whether a seat is free and Toss answers, as far as we know; a hint, for the next caller may take the seat."""
        return self._gate.is_free()

    def approve(self, *, payment_key: str, order_id: str, amount: int, idempotency_key: str) -> Outcome:
        """See Gateway."""
        sent = {"paymentKey": payment_key, "orderId": order_id, "amount": amount}
        answer = self._post("confirm", "/v1/payments/confirm", sent, idempotency_key)
        return _about(_judged("confirm", answer, APPROVALS), payment_key=payment_key, order_id=order_id)

    def cancel(
        self, *, payment_key: str, reason: str, amount: int | None, refundable: int | None, idempotency_key: str
    ) -> Outcome:
        """See Gateway."""
        given = {"cancelReason": reason[:LONGEST_REASON], "cancelAmount": amount, "refundableAmount": refundable}
        sent = {name: value for name, value in given.items() if value is not None}
        answer = self._post("cancel", f"/v1/payments/{quote(payment_key, safe='')}/cancel", sent, idempotency_key)
        return _about(_judged("cancel", answer, CANCELS), payment_key=payment_key)

    def find(self, order_id: str) -> Outcome:
        """See Gateway."""
        try:
            answer = self._ask("find", "GET", f"/v1/payments/orders/{quote(order_id, safe='')}")
        except GatewayAway:
            return _outcome(Verdict.UNKNOWN)
        return _about(_judged("find", answer, FINDS), order_id=order_id)

    def list_transactions(self, since: datetime, until: datetime) -> Iterator[Transaction]:
        """See Gateway."""
        asked = {"startDate": _local(since), "endDate": _local(until), "limit": str(PAGE)}
        seen: set[str] = set()
        while True:
            answer = self._ask("list", "GET", "/v1/transactions", params=asked, read=READ_PATIENTLY)
            page = _page(answer, seen)
            seen |= {one.transaction_key for one in page}
            yield from (one for one in page if since <= one.at < until)
            if len(page) < PAGE:
                return
            asked["startingAfter"] = page[-1].transaction_key

    def _post(self, call: str, path: str, sent: dict[str, Any], key: str) -> _Answer | None:
        return self._ask(call, "POST", path, json=sent, headers={"Idempotency-Key": key})

    def _ask(self, call: str, method: str, path: str, read: float = 0, **sent: Any) -> _Answer | None:
        """The answer, or none: then it is not known what was done. Raises GatewayAway before anything is sent."""
        try:
            with self._gate.seat():
                return self._asked(call, method, path, max(read, self._read), **sent)
        except NotAsked:
            log.warning("toss.not_asked", call=call)
            raise GatewayAway from None

    def _asked(self, call: str, method: str, path: str, read: float, **sent: Any) -> _Answer | None:
        began, answer, status, code, error = monotonic(), None, None, "", ""
        try:
            answer = self._fetch(method, path, read, **sent)
            status, code = answer.status, answer.code
        except (requests.RequestException, HTTPError, ValueError, RecursionError) as failure:
            error = type(failure).__name__  # its text may hold addresses with keys
        self._gate.learn(answered=answer is not None)
        seconds = round(monotonic() - began, 3)
        log.info("toss.answered", call=call, status=status, code=code, error=error, seconds=seconds)
        return answer

    def _fetch(self, method: str, path: str, read: float, **sent: Any) -> _Answer:
        """Raises ValueError for what is no JSON, is too large, or takes too long to arrive."""
        deadline = monotonic() + read
        with self._session.request(
            method, self._url + path, timeout=(CONNECT, read), allow_redirects=False, stream=True, **sent
        ) as response:
            pieces = partial(response.raw.read1, decode_content=True)
            body = read_in_time(pieces, until=deadline, largest=LARGEST)
            return _Answer(response.status_code, json.loads(body))


OURS = dict.fromkeys(errors.MISCONFIGURED, Verdict.MISCONFIGURED)
FINDS = OURS | dict.fromkeys(errors.NOT_CHARGED, Verdict.NOT_CHARGED)
APPROVALS = FINDS | dict.fromkeys(errors.DECLINED, Verdict.DECLINED)
CANCELS = OURS | dict.fromkeys(errors.ALREADY, Verdict.ALREADY) | dict.fromkeys(errors.REFUSED, Verdict.REFUSED)


def _judged(call: str, answer: _Answer | None, verdicts: dict[str, Verdict]) -> Outcome:
    if answer is None:
        return _outcome(Verdict.UNKNOWN)
    if answer.status in range(200, 300):
        payment = _parsed(_payment, answer.body)
        return Outcome(Verdict.OK, payment) if payment else _nonsense(call)
    refused = answer.status in range(400, 500) and answer.status not in NOT_DECIDED
    verdict = verdicts.get(answer.code, Verdict.UNKNOWN) if refused else Verdict.UNKNOWN
    unexpected = refused and answer.code not in {*verdicts, *EXPECTED}
    if verdict is Verdict.MISCONFIGURED or unexpected:
        log.error("toss.unexpected", call=call, status=answer.status, code=answer.code)
    return _outcome(verdict, answer.code, unexpected=unexpected, definite=refused)


def _outcome(verdict: Verdict, code: str = "", *, unexpected: bool = False, definite: bool = False) -> Outcome:
    known = "" if verdict is Verdict.UNKNOWN else errors.explain(code)
    text = known or str(errors.CHECKING)
    return Outcome(verdict, code=code, text=text, is_unexpected=unexpected, is_definite=definite)


def _nonsense(call: str) -> Outcome:
    log.error("toss.nonsense", call=call)
    return _outcome(Verdict.UNKNOWN)


def _about(outcome: Outcome, **expected: str) -> Outcome:
    """An answer about another payment is none about ours."""
    if outcome.payment and any(getattr(outcome.payment, name) != value for name, value in expected.items()):
        return _nonsense("about another payment")
    return outcome


def _page(answer: _Answer | None, seen: set[str]) -> list[Transaction]:
    """Raises GatewayAway without an answer; BooksUnreadable unless it is a page that goes on where the others ended."""
    if answer is None:
        raise GatewayAway
    if answer.status != 200 or not isinstance(answer.body, list):  # noqa: PLR2004 - HTTP
        raise BooksUnreadable
    page = _parsed(lambda body: [_transaction(one) for one in body], answer.body)
    if page is None or len(page) > PAGE or any(one.transaction_key in seen for one in page):
        log.error("toss.nonsense", call="list")
        raise BooksUnreadable
    return page


def _parsed(parse: Callable[[Any], Parsed], body: Any) -> Parsed | None:
    try:
        return parse(body)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # something that we rely on is missing, or of another type


def _payment(body: Any) -> TossPayment:
    total, balance = _won(body["totalAmount"]), _won(body["balanceAmount"])
    if balance > total:
        raise ValueError
    receipt, failure = body.get("receipt") or {}, body.get("failure") or {}
    return TossPayment(
        payment_key=_text(body["paymentKey"]),
        order_id=_text(body["orderId"]),
        status=_text(body["status"]),
        method=_optional(body.get("method")),
        total=total,
        balance=balance,
        approved_at=None if body.get("approvedAt") is None else _moment(body["approvedAt"]),
        receipt_url=_link(receipt.get("url")),
        cancels=tuple(_cancel(one) for one in body.get("cancels") or []),
        failure_code=_optional(failure.get("code")),
        failure_text=_optional(failure.get("message")),
    )


def _cancel(body: Any) -> Cancel:
    return Cancel(
        transaction_key=_text(body["transactionKey"]),
        amount=_won(body["cancelAmount"]),
        reason=_optional(body.get("cancelReason")),
        at=_moment(body["canceledAt"]),
    )


def _transaction(body: Any) -> Transaction:
    status, amount = _text(body["status"]), _won(abs(body["amount"]))
    return Transaction(
        transaction_key=_text(body["transactionKey"]),
        payment_key=_text(body["paymentKey"]),
        order_id=_text(body["orderId"]),
        status=status,
        amount=-amount if status in GIVEN_BACK else amount,
        at=_moment(body["transactionAt"]),
    )


def _won(value: Any) -> int:
    """Money is never a float, not even a whole one; and True is no number."""
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT or "\0" in value:
        raise ValueError
    return value


def _optional(value: Any) -> str:
    """What is only shown is cut, or left out."""
    return value.replace("\0", "")[:LONGEST_TEXT] if isinstance(value, str) else ""


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError
    return moment


def _link(value: Any) -> str | None:
    """People click on it."""
    text = _optional(value)
    return text if urlsplit(text).scheme in {"http", "https"} else None


def _local(moment: datetime) -> str:
    """As the feed takes a moment: in Seoul, without a zone."""
    return moment.astimezone(SEOUL).replace(tzinfo=None).isoformat(timespec="seconds")


_current: Gateway | None = None


def of(settings: Settings, *, patient: bool = False) -> Toss | None:
    """Toss as these settings know it; none without a secret key. Jobs are patient, people are not."""
    if settings.toss_secret_key is None:
        return None
    read, waiting = (READ_PATIENTLY, WAITING_JOBS) if patient else (READ, WAITING)
    return Toss(str(settings.toss_api_url), settings.toss_secret_key, read=read, waiting=waiting)


def use(gateway: Gateway | None) -> None:
    """Make this the gateway of this process; none: nobody can pay."""
    global _current  # noqa: PLW0603 - one gateway a process
    _current = gateway


def current() -> Gateway:
    """The gateway of this process. Raises GatewayAway if there is none."""
    if _current is None:
        raise GatewayAway
    return _current
