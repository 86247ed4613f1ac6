"""Plays Toss Payments for practice: the same HTTP API, the script for the page, and a payment window. No money moves.

`python -m standins.toss --port 9102 --state FILE`. What it remembers is in standins/toss_book.py, what it may be told in
standins/toss_control.py, what people see in standins/toss_window.py.
"""

import argparse
import binascii
import os
import sys
import threading
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request

from standins import TOSS_SECRET_KEY
from standins.toss_book import LATE, Answer, Book, Entry, refusal
from standins.toss_control import Fault, Faults, Postman, Running, World, control, world
from standins.toss_window import window

PORT = 9102
LONGEST_KEY, LONGEST_REASON = 300, 200
LARGEST_PAGE, USUAL_PAGE = 5000, "100"


v1 = Blueprint("v1", __name__, url_prefix="/v1")


@v1.before_request
def refuse_strangers() -> Response | None:
    """The secret key as the name, no password, a key that is not too long; and the error that a test key may ask for."""
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    try:
        name, colon, password = b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        kind = name = colon = password = ""
    if kind != "Basic" or not colon or password:
        return _show(refusal("INCORRECT_BASIC_AUTH_FORMAT"))
    if name != TOSS_SECRET_KEY:
        return _show(refusal("UNAUTHORIZED_KEY"))
    if len(_idempotency_key()) > LONGEST_KEY:
        return _show(refusal("INVALID_IDEMPOTENCY_KEY"))
    code = request.headers.get("TossPayments-Test-Code", "")
    return _show(refusal(code)) if code else None


@v1.post("/payments/confirm")
def confirm() -> Response:
    """Take the money of a payment to which the person has agreed."""
    body = _body()
    key, order_id, amount = _text(body.get("paymentKey")), _text(body.get("orderId")), _amount(body.get("amount"))
    if not (key and order_id and amount):
        return _show(refusal("INVALID_REQUEST"))
    return _perform("confirm", order_id, lambda: world().book.confirm(key, order_id, amount))


@v1.get("/payments/<payment_key>")
def find(payment_key: str) -> Response:
    """One payment."""
    return _perform("find", payment_key, lambda: _found(world().book.find(payment_key)))


@v1.get("/payments/orders/<order_id>")
def find_order(order_id: str) -> Response:
    """The payment of an order."""
    return _perform("find", order_id, lambda: _found(world().book.find_order(order_id)))


@v1.post("/payments/<payment_key>/cancel")
def cancel(payment_key: str) -> Response:
    """Give back the rest or a part; `refundableAmount` is what the asker thinks is left."""
    body = _body()
    reason, amounts = _text(body.get("cancelReason")), {}
    for name in ("cancelAmount", "refundableAmount"):
        amounts[name] = _amount(body.get(name))
        if body.get(name) is not None and not amounts[name]:
            return _show(refusal("INVALID_REQUEST"))
    if not reason or len(reason) > LONGEST_REASON:
        return _show(refusal("INVALID_REQUEST"))
    amount, refundable = amounts.values()
    return _perform("cancel", payment_key, lambda: world().book.cancel(payment_key, reason, amount, refundable))


@v1.get("/transactions")
def transactions() -> Response:
    """What was taken and given back, in order."""
    asked = request.args
    since, until, limit = asked.get("startDate"), asked.get("endDate"), asked.get("limit", USUAL_PAGE)
    if not (since and until and limit.isdecimal() and 0 < int(limit) <= LARGEST_PAGE):
        return _show(refusal("INVALID_REQUEST"))
    after = asked.get("startingAfter", "")
    return _perform("list", "", lambda: Answer(200, world().book.movements(since, until, after, int(limit))))


def _perform(step: str, subject: str, work: Callable[[], Answer]) -> Response:
    """Do it with the fault that is next, if there is one."""
    key = _idempotency_key()
    scope = f"{key} {request.headers['Authorization']} {request.method} {request.path}" if key else ""
    fault = world().faults.draw(step, subject, key)
    with world().running.alone(scope) as is_alone:
        return _with_fault(fault, scope, work) if is_alone else _show(refusal("IDEMPOTENT_REQUEST_PROCESSING"))


def _with_fault(fault: Fault | None, scope: str, work: Callable[[], Answer]) -> Response:
    if fault and not fault.after:
        threading.Event().wait(fault.seconds)
        if fault.close or fault.body is not None:
            return fault.spoil(Answer(200, {}))
        if instead := fault.answer:
            return _show(world().book.once(scope, lambda: instead))
    answer = world().book.once(scope, work)
    if answer.late:
        threading.Event().wait(LATE)
    if fault and fault.after:
        threading.Event().wait(fault.seconds)
    return fault.spoil(answer) if fault else _show(answer)


def _idempotency_key() -> str:
    return request.headers.get("Idempotency-Key", "") if request.method == "POST" else ""


def _body() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    return body if isinstance(body, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _amount(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _found(entry: Entry | None) -> Answer:
    return Answer(200, entry.payment) if entry else refusal("NOT_FOUND_PAYMENT")


def _show(answer: Answer) -> Response:
    response = jsonify(answer.body)
    response.status_code = answer.status
    return response


def create_app(base: str, state: str, webhook_url: str = "") -> Flask:
    """The whole stand-in; `base` is its own address, for links to receipts."""
    app = Flask(__name__)
    here = World(Book(state, base), Faults(), Running(), Postman(webhook_url))
    here.book.changed = here.postman.changed
    app.extensions["toss"] = here
    for blueprint in (v1, control, window):
        app.register_blueprint(blueprint)
    return app


def main() -> None:
    """Serve on the loopback address until told to end."""
    if os.environ.get("NENE_ENV") == "production":
        sys.exit("The stand-in for Toss Payments takes no money from anybody: it does not start in production.")
    parser = argparse.ArgumentParser(prog="python -m standins.toss", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--state", required=True, help="the file that is kept over restarts")
    parser.add_argument("--webhook-url", default="", help="whom to tell of every change")
    given = parser.parse_args()
    base = f"http://localhost:{given.port}"
    create_app(base, given.state, given.webhook_url).run("127.0.0.1", given.port, threaded=True)


if __name__ == "__main__":
    main()
