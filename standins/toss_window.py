"""What people see of the practice Toss: the script of the payment page, the payment window, and a receipt."""

import re
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from standins import TOSS_CLIENT_KEY
from standins.toss_book import METHODS, VIRTUAL_ACCOUNT, Entry
from standins.toss_control import world

ORDER_ID = re.compile(r"[A-Za-z0-9_-]{6,64}")
LONGEST_NAME = 100
DECLINES = {
    "REJECT_CARD_COMPANY": "카드사가 거절했어요",
    "INVALID_STOPPED_CARD": "정지된 카드예요",
    "INVALID_CARD_EXPIRATION": "유효기간이 맞지 않아요",
    "EXCEED_MAX_ONE_DAY_AMOUNT": "하루 한도를 넘었어요",
    "REJECT_ACCOUNT_PAYMENT": "잔액이 모자라요",
    "FDS_ERROR": "이상 거래로 막혔어요",
}
CLOSED = {"code": "PAY_PROCESS_CANCELED", "message": "사용자에 의해 결제가 취소되었습니다."}


window = Blueprint("window", __name__)


@window.get("/v2/standard")
def sdk() -> Response:
    """The interface of Toss's own script."""
    response = current_app.send_static_file("toss-sdk.js")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@window.route("/window", methods=["GET", "POST"])
def begin() -> Response:
    """Open the window, from the script or from a form: the fields of requestPayment, `amount` and `clientKey`."""
    asked = request.values
    if asked.get("clientKey") != TOSS_CLIENT_KEY:
        abort(400, "clientKey")
    order_id, amount, name = asked.get("orderId", ""), asked.get("amount", ""), asked.get("orderName", "")
    if not ORDER_ID.fullmatch(order_id):
        abort(400, "orderId")
    if not (amount.isdecimal() and int(amount) > 0):
        abort(400, "amount")
    if not 0 < len(name) <= LONGEST_NAME:
        abort(400, "orderName")
    back = {"success_url": _checked(asked.get("successUrl", "")), "fail_url": _checked(asked.get("failUrl", ""))}
    key = world().book.open(order_id, int(amount), name, **back)
    return redirect(url_for(".show", payment_key=key, method=asked.get("method", METHODS[0])), 303)


@window.get("/window/<payment_key>")
def show(payment_key: str) -> Any:
    """Ask how it shall end; the policy lets the form lead back to the shop and nowhere else."""
    entry = _own(world().book.find(payment_key))
    page = render_template(
        "toss.html", payment=entry.payment, methods=METHODS[:-1], chosen=request.args.get("method"), codes=DECLINES
    )
    places = {_origin(entry.own[name]) for name in ("success_url", "fail_url")}
    policy = f"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self' {' '.join(sorted(places))}"
    return page, {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@window.post("/window/<payment_key>")
def decide(payment_key: str) -> Response:
    """Go back to the shop as Toss does; a window that is over leads back the same way."""
    entry, form = _own(world().book.find(payment_key)), request.form
    if form.get("decision") == "close":
        return _go(entry.own["fail_url"], CLOSED)
    if form.get("decision") not in {"approve", "decline", "late", "deposit"}:
        abort(400, "decision")
    method = form.get("method") if form.get("method") in METHODS else METHODS[0]
    decline = form.get("code", "") if form["decision"] == "decline" else ""
    if form["decision"] == "deposit":
        method = VIRTUAL_ACCOUNT
    agreed = world().book.authenticate(payment_key, str(method), decline=decline, late=form["decision"] == "late")
    if agreed is None and entry.payment["status"] == "EXPIRED":
        return _go(entry.own["fail_url"], {**entry.payment["failure"], "orderId": entry.payment["orderId"]})
    told = {"paymentKey": payment_key, "orderId": entry.payment["orderId"], "amount": entry.payment["totalAmount"]}
    return _go(entry.own["success_url"], {"paymentType": "NORMAL", **told})


@window.get("/receipt/<payment_key>")
def receipt(payment_key: str) -> Any:
    """What was paid and given back."""
    entry = world().book.find(payment_key)
    if entry is None or not entry.is_taken:
        abort(404)
    policy = "default-src 'none'; style-src 'self'; base-uri 'none'"
    return render_template("toss_receipt.html", payment=entry.payment), {"Content-Security-Policy": policy}


def _own(entry: Entry | None) -> Entry:
    """A payment that was begun in the window, and not by a test."""
    if entry is None or "success_url" not in entry.own:
        abort(404)
    return entry


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        abort(400, "successUrl, failUrl")
    return url


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _go(url: str, told: dict[str, Any]) -> Response:
    return redirect(f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(told)}", 303)
