"""What a test or a curious person may tell the practice Toss: faults, time that passes, and webhooks."""

import contextlib
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

import requests
from flask import Blueprint, Response, abort, current_app, jsonify, request

from nene.kernel.clock import SEOUL, wall
from standins.toss_book import METHODS, STATUSES, VIRTUAL_ACCOUNT, Answer, Book, refusal

STEPS = ("confirm", "cancel", "find", "list")
AGAIN_AFTER = (1.0, 4.0, 16.0)  # seconds, where Toss has minutes
WEBHOOK_PATIENCE = 10  # seconds
EVERYTHING = 10**9


@dataclass
class Fault:
    """What goes wrong at a step, before or after the thing itself is done.

    `seconds` to wait, then `close` the connection without an answer, or answer with Toss's `code`, with `body` as it is,
    or with the right answer in which the fields of `patch` were replaced. With `seconds` alone the answer is right and
    late. `times` none: always.
    """

    step: str
    after: bool = False
    seconds: float = 0
    close: bool = False
    code: str = ""
    status: int | None = None
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    patch: dict[str, Any] = field(default_factory=dict)
    times: int | None = 1
    probability: float = 1

    def __post_init__(self) -> None:
        if self.step not in STEPS:  # a misspelt fault would be a test of nothing
            abort(400, "step")
        if self.status is not None and not self.code and self.body is None:
            self.body = ""

    @property
    def answer(self) -> Answer | None:
        """Instead of doing anything: Toss's own error."""
        return Answer(self.status or STATUSES.get(self.code, 400), refusal(self.code).body) if self.code else None

    def spoil(self, right: Answer) -> Response:
        """What is heard of an answer."""
        if self.close:
            with contextlib.suppress(OSError):
                request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        wrong = self.answer or right
        if self.patch and isinstance(wrong.body, dict):
            wrong = Answer(wrong.status, {**wrong.body, **self.patch})
        response = jsonify(wrong.body)
        if self.body is not None:
            response = Response(self.body, content_type="text/html; charset=utf-8")
        response.status_code = self.status or wrong.status
        response.headers.update(self.headers)
        return response


class Faults:
    """Which fault is next; for several threads. Chance depends on the seed and on whose how-manieth call it is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """No faults, nothing counted."""
        with self._lock:
            self.waiting: list[Fault] = []
            self.seed = 0
            self.calls: Counter[str] = Counter()
            self.keys: list[str] = []
            self._calls_of: Counter[tuple[str, str]] = Counter()

    def draw(self, step: str, subject: str, key: str = "") -> Fault | None:
        """Count a call about an order or a payment, note its idempotency key, and give the fault that it meets."""
        with self._lock:
            self.calls[step] += 1
            self.keys += [key] if key else []
            self._calls_of[step, subject] += 1
            chance = random.Random(f"{self.seed} {step} {subject} {self._calls_of[step, subject]}").random()  # noqa: S311
            for fault in self.waiting:
                if fault.step != step or fault.times == 0:
                    continue
                if chance < fault.probability:
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault
                chance -= fault.probability
            return None


class Running:
    """The idempotency keys whose first answer is not given yet; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scopes: set[str] = set()

    def forget(self) -> None:
        """Whoever waits still gets an answer, but stands in nobody's way."""
        with self._lock:
            self._scopes.clear()

    @contextlib.contextmanager
    def alone(self, scope: str) -> Iterator[bool]:
        """Whether nobody else is at it; without a key it may be done side by side."""
        with self._lock:
            is_alone = scope not in self._scopes
            if scope and is_alone:
                self._scopes.add(scope)
        try:
            yield is_alone
        finally:
            if is_alone:
                with self._lock:
                    self._scopes.discard(scope)


class Postman:
    """Tells the shop what has changed, each message `repeats` times, again after a while if it is not taken."""

    def __init__(self, url: str) -> None:
        self.url, self.repeats = url, 1
        self.sent: list[dict[str, Any]] = []

    def forget(self) -> None:
        """Whom to tell, and what was told."""
        self.url, self.repeats, self.sent = "", 1, []

    def changed(self, payment: dict[str, Any]) -> None:
        """After each change, if there is anybody to tell."""
        if self.url:
            self.post(self.url, message("PAYMENT_STATUS_CHANGED", payment), times=self.repeats)
            if payment["method"] == VIRTUAL_ACCOUNT and payment["approvedAt"]:
                self.post(self.url, message("DEPOSIT_CALLBACK", payment), times=self.repeats)

    def post(self, url: str, body: dict[str, Any], *, times: int = 1, transmission_id: str = "") -> None:
        """In a thread of its own; `sent` tells what came of each try."""
        name = transmission_id or str(uuid4())
        threading.Thread(target=self._deliver, args=(url, body, times, name), daemon=True).start()

    def _deliver(self, url: str, body: dict[str, Any], times: int, name: str) -> None:
        tries = 0
        for number in range(times):
            for pause in (*AGAIN_AFTER, None):
                status = self._try(url, body, name, tries)
                tries += 1
                self.sent.append({"id": name, "number": number, "status": status, "body": body})
                if status == 200 or pause is None:  # noqa: PLR2004 - HTTP
                    break
                threading.Event().wait(pause)

    def _try(self, url: str, body: dict[str, Any], name: str, retried: int) -> int:
        prefix = "tosspayments-webhook-transmission"
        headers = {f"{prefix}-id": name, f"{prefix}-time": wall.now().isoformat(timespec="seconds")}
        headers[f"{prefix}-retried-count"] = str(retried)
        try:
            return requests.post(
                url, json=body, headers=headers, timeout=WEBHOOK_PATIENCE, allow_redirects=False
            ).status_code
        except requests.RequestException:
            return 0


def message(kind: str, payment: dict[str, Any]) -> dict[str, Any]:
    """The body of a webhook; its time has no zone, as Toss's has none."""
    created = wall.now().astimezone(SEOUL).replace(tzinfo=None).isoformat(timespec="milliseconds")
    if kind == "DEPOSIT_CALLBACK":
        names = {"secret": "secret", "status": "status", "transactionKey": "lastTransactionKey", "orderId": "orderId"}
        return {"createdAt": created, **{name: payment[field_] for name, field_ in names.items()}}
    return {"eventType": kind, "createdAt": created, "data": payment}


@dataclass
class World:
    """All that the stand-in is made of."""

    book: Book
    faults: Faults
    running: Running
    postman: Postman


def world() -> World:
    """Of the application that answers this request."""
    found: World = current_app.extensions["toss"]
    return found


control = Blueprint("control", __name__, url_prefix="/control")


@control.get("")
def look() -> Any:
    """Every payment with its balance, what was asked how often, and which webhooks were sent."""
    here = world()
    return jsonify(
        payments=here.book.all(),
        movements=here.book.movements("", "9999", "", EVERYTHING),
        calls=dict(here.faults.calls),
        keys=here.faults.keys,
        faults=[asdict(fault) for fault in here.faults.waiting],
        webhooks=here.postman.sent,
    )


@control.post("")
def tell() -> Any:
    """`forget` everything; `faults` from now on, by `seed`; `webhook_url` and `webhook_repeats`."""
    here, wanted = world(), request.get_json()
    if wanted.get("forget"):
        here.faults.forget()
        here.running.forget()
        here.postman.forget()
        here.book.forget()
    here.faults.seed = wanted.get("seed", here.faults.seed)
    if "faults" in wanted:
        here.faults.waiting = [Fault(**one) for one in wanted["faults"]]
    here.postman.url = wanted.get("webhook_url", here.postman.url)
    here.postman.repeats = wanted.get("webhook_repeats", here.postman.repeats)
    return jsonify({})


@control.post("/authenticate")
def authenticate() -> Any:
    """A payment as after the window: `orderId`, `amount`, and if wanted `method`, `decline`, `late`; gives its key."""
    wanted = {"method": METHODS[0], "decline": "", "late": False, **request.get_json()}
    book = world().book
    key = book.open(wanted["orderId"], wanted["amount"], "연습")
    book.authenticate(key, wanted["method"], decline=wanted["decline"], late=wanted["late"])
    return jsonify(paymentKey=key)


@control.post("/orders/<order_id>/age")
def age(order_id: str) -> Any:
    """Let `minutes` pass for what nobody has confirmed."""
    world().book.age(order_id, request.get_json()["minutes"])
    return jsonify({})


@control.post("/orders/<order_id>/deposit")
def deposit(order_id: str) -> Any:
    """Pay into the virtual account."""
    entry = world().book.deposit(order_id)
    return jsonify(entry.payment if entry else abort(409))


@control.post("/orders/<order_id>/cancel")
def cancel(order_id: str) -> Any:
    """As somebody does in Toss's console: the whole rest, or `amount` of it."""
    book, wanted = world().book, request.get_json()
    key, reason = _known(order_id)["paymentKey"], wanted.get("reason", "관리자 취소")
    answer = book.once("", lambda: book.cancel(key, reason, wanted.get("amount"), None))
    return jsonify(answer.body), answer.status


@control.post("/orders/<order_id>/webhook")
def webhook(order_id: str) -> Any:
    """Tell `url`, `times` times under the same `id`, of a payment: PAYMENT_STATUS_CHANGED unless `kind` says otherwise."""
    postman, wanted = world().postman, request.get_json()
    body = message(wanted.get("kind", "PAYMENT_STATUS_CHANGED"), _known(order_id))
    postman.post(
        wanted.get("url", postman.url), body, times=wanted.get("times", 1), transmission_id=wanted.get("id", "")
    )
    return jsonify({})


def _known(order_id: str) -> dict[str, Any]:
    entry = world().book.find_order(order_id)
    return entry.payment if entry else abort(404)
