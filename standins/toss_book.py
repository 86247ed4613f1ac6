"""What the practice Toss remembers, also over restarts: payments, movements of money, and answers under a key.

Every change is one transaction of SQLite under one lock, so an order is approved once, however often it is asked for.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from nene.kernel.clock import SEOUL, wall

SESSION_LIFE = timedelta(minutes=10)  # from authentication to confirmation
WINDOW_LIFE = timedelta(minutes=30)
LATE = 30.0  # seconds: longer than a request waits
VIRTUAL_ACCOUNT = "가상계좌"
METHODS = ("카드", "간편결제", "계좌이체", "휴대폰", VIRTUAL_ACCOUNT)
TAKEN = ("WAITING_FOR_DEPOSIT", "DONE", "PARTIAL_CANCELED", "CANCELED")
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS payment (
    number INTEGER PRIMARY KEY, payment_key TEXT UNIQUE, order_id TEXT, payment TEXT, own TEXT
);
CREATE INDEX IF NOT EXISTS payment_order ON payment (order_id);
CREATE TABLE IF NOT EXISTS movement (number INTEGER PRIMARY KEY, at TEXT, movement TEXT);
CREATE TABLE IF NOT EXISTS answer (scope TEXT PRIMARY KEY, status INTEGER, body TEXT);
"""
STATUSES = {  # of the codes that this Toss gives by itself; every other one is a 400
    **dict.fromkeys(("UNAUTHORIZED_KEY",), 401),
    **dict.fromkeys(
        (
            *("INCORRECT_BASIC_AUTH_FORMAT", "FORBIDDEN_REQUEST"),
            *("REJECT_CARD_PAYMENT", "REJECT_CARD_COMPANY", "REJECT_ACCOUNT_PAYMENT", "EXCEED_MAX_AUTH_COUNT"),
            *("EXCEED_MAX_ONE_DAY_AMOUNT", "FDS_ERROR", "INVALID_PASSWORD"),
            *("NOT_CANCELABLE_AMOUNT", "NOT_CANCELABLE_PAYMENT", "EXCEED_MAX_REFUND_DUE", "NOT_ALLOWED_PARTIAL_REFUND"),
        ),
        403,
    ),
    **dict.fromkeys(("NOT_FOUND", "NOT_FOUND_PAYMENT_SESSION", "NOT_FOUND_PAYMENT"), 404),
    "IDEMPOTENT_REQUEST_PROCESSING": 409,
    "TOO_MANY_REQUESTS": 429,
    **dict.fromkeys(("FAILED_REFUND_PROCESS", "FAILED_METHOD_HANDLING_CANCEL", "COMMON_ERROR"), 500),
}
PASSING = {409, 429}  # and what is 500 or more: asked again, it may be answered otherwise
NOT_KEPT = {
    *("UNAUTHORIZED_KEY", "INVALID_API_KEY", "INCORRECT_BASIC_AUTH_FORMAT", "FORBIDDEN_REQUEST"),
}


@dataclass(frozen=True)
class Answer:
    """A status of HTTP and a body for JSON; `late` answers are given when nobody waits any more."""

    status: int
    body: Any
    late: bool = False

    def is_kept(self, scope: str) -> bool:
        """Whether the same idempotency key gets it again."""
        code = self.body.get("code")
        if code == "PROVIDER_ERROR" and not scope.endswith("/confirm"):
            return False  # kinder than Toss may be: a cancel is repeated under the same key until it is done (M8)
        return self.status < 500 and self.status not in PASSING and code not in NOT_KEPT  # noqa: PLR2004 - HTTP


@dataclass
class Entry:
    """A payment as Toss shows it, and what Toss keeps to itself: where the browser goes, what it will say later."""

    payment: dict[str, Any]
    own: dict[str, Any]

    @property
    def is_taken(self) -> bool:
        """Whether it was confirmed, whatever became of it."""
        return self.payment["status"] in TAKEN

    def grow_old(self, now: datetime) -> bool:
        """Expire if nobody went on in time; tells whether it did."""
        since = self.own["authenticated_at"] or self.payment["requestedAt"]
        life = SESSION_LIFE if self.own["authenticated_at"] else WINDOW_LIFE
        if self.payment["status"] not in {"READY", "IN_PROGRESS"} or now - datetime.fromisoformat(since) < life:
            return False
        self.fail("EXPIRED", "EXPIRED_PAYMENT", "결제가 만료되었습니다. 다시 시도해주세요.")
        return True

    def fail(self, status: str, code: str, message: str) -> None:
        """End it without money."""
        self.payment |= {"status": status, "balanceAmount": 0, "failure": {"code": code, "message": message}}


def refusal(code: str) -> Answer:
    """An error of Toss by its code."""
    return Answer(STATUSES.get(code, 400), {"code": code, "message": f"연습용 답입니다. ({code})"})


def stamp() -> str:
    """The present moment as Toss writes it."""
    return wall.now().astimezone(SEOUL).isoformat(timespec="seconds")


def _why_not(entry: Entry, amount: int, refundable: int | None) -> str:
    """The code by which a cancel is refused, if it is."""
    status, balance = entry.payment["status"], entry.payment["balanceAmount"]
    faults = {
        "ALREADY_CANCELED_PAYMENT": status == "CANCELED",
        "NOT_CANCELABLE_PAYMENT": not entry.is_taken,
        "NOT_MATCHES_REFUNDABLE_AMOUNT": refundable not in {None, balance},
        "NOT_CANCELABLE_AMOUNT": not 0 < amount <= balance,
        "NOT_ALLOWED_PARTIAL_REFUND": status == "WAITING_FOR_DEPOSIT" and amount < balance,
    }
    return next((code for code, is_so in faults.items() if is_so), "")


class Book:
    """All payments; for several threads. `changed` is told of each payment that got another status or balance."""

    def __init__(self, path: str, base: str) -> None:
        self._lock = threading.RLock()
        self._sqlite = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._sqlite.executescript(SCHEMA)
        self._base = base
        self._news: list[dict[str, Any]] = []
        self.changed: Callable[[dict[str, Any]], None] = lambda _payment: None

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._lock:
            if self._sqlite.in_transaction:  # a step of a larger one
                yield
                return
            self._sqlite.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._news.clear()
                self._sqlite.execute("ROLLBACK")
                raise
            self._sqlite.execute("COMMIT")
            news, self._news = self._news, []
        for payment in news:
            self.changed(payment)

    def forget(self) -> None:
        """Everything."""
        with self._change():
            for table in ("payment", "movement", "answer"):
                self._sqlite.execute(f"DELETE FROM {table}")  # noqa: S608 - three words of ours

    def all(self) -> list[dict[str, Any]]:
        """Every payment, oldest first."""
        with self._lock:
            return [json.loads(row[0]) for row in self._sqlite.execute("SELECT payment FROM payment ORDER BY number")]

    def movements(self, since: str, until: str, after: str, limit: int) -> list[dict[str, Any]]:
        """What was taken and given back from one moment to another, both included, behind a transaction key."""
        with self._lock:
            rows = self._sqlite.execute(
                "SELECT movement FROM movement WHERE at BETWEEN ? AND ? ORDER BY number", (since, until)
            )
            found = [json.loads(row[0]) for row in rows]
        keys = [one["transactionKey"] for one in found]
        begin = keys.index(after) + 1 if after in keys else 0
        return found[begin : begin + limit]

    def find(self, payment_key: str) -> Entry | None:
        """By the key of one payment."""
        with self._change():
            return self._aged("payment_key = ?", payment_key)

    def find_order(self, order_id: str) -> Entry | None:
        """The payment of an order: the one that was confirmed, else the newest."""
        with self._change():
            return self._of_order(order_id)

    def once(self, scope: str, work: Callable[[], Answer]) -> Answer:
        """The answer that was given under this scope, or that of the work, kept in the same transaction as its effect."""
        with self._change():
            given = self._sqlite.execute("SELECT status, body FROM answer WHERE scope = ?", (scope,)).fetchone()
            if scope and given:
                return Answer(given[0], json.loads(given[1]))
            answer = work()
            if scope and answer.is_kept(scope):
                kept = (scope, answer.status, json.dumps(answer.body))
                self._sqlite.execute("INSERT INTO answer VALUES (?, ?, ?)", kept)
            return answer

    def open(self, order_id: str, amount: int, name: str, **own: Any) -> str:
        """Begin a payment, or go on with one whose window is open; gives its key."""
        with self._change():
            waiting = self._aged("order_id = ?", order_id)
            if waiting and waiting.payment["status"] == "READY" and waiting.payment["totalAmount"] == amount:
                return str(waiting.payment["paymentKey"])
            key = f"practice_{token_hex(16)}"
            payment = {
                "mId": "practice",
                "version": "2022-11-16",
                "type": "NORMAL",
                "currency": "KRW",
                "country": "KR",
                "paymentKey": key,
                "orderId": order_id,
                "orderName": name,
                "status": "READY",
                "method": None,
                "totalAmount": amount,
                "balanceAmount": amount,
                "requestedAt": stamp(),
                "approvedAt": None,
                "receipt": None,
                "cancels": None,
                "failure": None,
                "secret": f"ps_{token_hex(12)}",
                "lastTransactionKey": None,
                "isPartialCancelable": True,
            }
            row = (key, order_id, json.dumps(payment), json.dumps({"authenticated_at": None, **own}))
            self._sqlite.execute("INSERT INTO payment (payment_key, order_id, payment, own) VALUES (?, ?, ?, ?)", row)
            return key

    def authenticate(self, payment_key: str, method: str, **own: Any) -> Entry | None:
        """The person has agreed; `decline` and `late` say what the confirmation will come to. None if it is over."""
        with self._change():
            entry = self._aged("payment_key = ?", payment_key)
            if entry is None or entry.payment["status"] != "READY":
                return None
            entry.payment |= {"status": "IN_PROGRESS", "method": method}
            entry.own |= {"authenticated_at": stamp(), **own}
            self._save(entry)
            return entry

    def age(self, order_id: str, minutes: float) -> None:
        """Let time pass for the payments of an order that nobody has confirmed."""
        with self._change():
            for (key,) in self._sqlite.execute(
                "SELECT payment_key FROM payment WHERE order_id = ?", (order_id,)
            ).fetchall():
                entry = self._load("payment_key = ?", key)
                if entry is None or entry.is_taken:
                    continue
                for where, name in ((entry.payment, "requestedAt"), (entry.own, "authenticated_at")):
                    if where[name]:
                        where[name] = (datetime.fromisoformat(where[name]) - timedelta(minutes=minutes)).isoformat()
                self._save(entry, news=False)

    def confirm(self, payment_key: str, order_id: str, amount: int) -> Answer:
        """Take the money, once for an order. Inside of `once`."""
        entry = self._aged("payment_key = ?", payment_key)
        taken = self._of_order(order_id)
        if entry is None or entry.payment["orderId"] != order_id:
            return refusal("NOT_FOUND_PAYMENT_SESSION")
        if entry.is_taken or (taken and taken.is_taken):
            return refusal("ALREADY_PROCESSED_PAYMENT")
        if entry.payment["status"] != "IN_PROGRESS":
            return refusal("NOT_FOUND_PAYMENT_SESSION")
        if entry.payment["totalAmount"] != amount:
            return refusal("INVALID_REQUEST")
        if code := entry.own.get("decline"):
            answer = refusal(code)
            entry.fail("ABORTED", code, answer.body["message"])
        else:
            self._take(entry)
            answer = Answer(200, entry.payment, late=bool(entry.own.get("late")))
        self._save(entry)
        return answer

    def deposit(self, order_id: str) -> Entry | None:
        """Somebody paid into the virtual account of an order."""
        with self._change():
            entry = self._of_order(order_id)
            if entry is None or entry.payment["status"] != "WAITING_FOR_DEPOSIT":
                return None
            self._approve(entry)
            self._save(entry)
            return entry

    def cancel(self, payment_key: str, reason: str, amount: int | None, refundable: int | None) -> Answer:
        """Give money back: a part, or all that is left. Inside of `once`."""
        entry = self._aged("payment_key = ?", payment_key)
        if entry is None:
            return refusal("NOT_FOUND_PAYMENT")
        amount = entry.payment["balanceAmount"] if amount is None else amount
        if code := _why_not(entry, amount, refundable):
            return refusal(code)
        self._give_back(entry, reason, amount)
        self._save(entry)
        return Answer(200, entry.payment)

    def _take(self, entry: Entry) -> None:
        entry.payment["receipt"] = {"url": f"{self._base}/receipt/{entry.payment['paymentKey']}"}
        if entry.payment["method"] == VIRTUAL_ACCOUNT:
            entry.payment["status"] = "WAITING_FOR_DEPOSIT"
        else:
            self._approve(entry)

    def _approve(self, entry: Entry) -> None:
        entry.payment |= {"status": "DONE", "approvedAt": stamp()}
        self._move(entry, entry.payment["totalAmount"])

    def _give_back(self, entry: Entry, reason: str, amount: int) -> None:
        payment, had_money = entry.payment, entry.payment["approvedAt"] is not None
        payment["balanceAmount"] -= amount
        payment["status"] = "PARTIAL_CANCELED" if payment["balanceAmount"] else "CANCELED"
        key = self._move(entry, amount) if had_money else token_hex(16).upper()
        cancel = {"transactionKey": key, "cancelAmount": amount, "cancelReason": reason, "canceledAt": stamp()}
        rest = {"cancelStatus": "DONE", "refundableAmount": payment["balanceAmount"]}
        payment["cancels"] = [*(payment["cancels"] or []), {**cancel, **rest}]

    def _move(self, entry: Entry, amount: int) -> str:
        key, at, payment = token_hex(16).upper(), stamp(), entry.payment
        payment["lastTransactionKey"] = key
        movement = {
            "mId": "practice",
            "transactionKey": key,
            "transactionAt": at,
            "amount": amount,
            "currency": "KRW",
            **{name: payment[name] for name in ("paymentKey", "orderId", "method", "status")},
        }
        self._sqlite.execute("INSERT INTO movement (at, movement) VALUES (?, ?)", (at[:19], json.dumps(movement)))
        return key

    def _of_order(self, order_id: str) -> Entry | None:
        newest = self._aged("order_id = ?", order_id)
        taken = self._load(f"order_id = ? AND json_extract(payment, '$.status') IN {TAKEN}", order_id)
        return taken or newest

    def _aged(self, where: str, value: str) -> Entry | None:
        entry = self._load(where, value)
        if entry and entry.grow_old(wall.now()):
            self._save(entry)
        return entry

    def _load(self, where: str, value: str) -> Entry | None:
        query = f"SELECT payment, own FROM payment WHERE {where} ORDER BY number DESC LIMIT 1"  # noqa: S608 - ours
        row = self._sqlite.execute(query, (value,)).fetchone()
        return row and Entry(json.loads(row[0]), json.loads(row[1]))

    def _save(self, entry: Entry, *, news: bool = True) -> None:
        row = (json.dumps(entry.payment), json.dumps(entry.own), entry.payment["paymentKey"])
        self._sqlite.execute("UPDATE payment SET payment = ?, own = ? WHERE payment_key = ?", row)
        if news:
            self._news.append(entry.payment)
