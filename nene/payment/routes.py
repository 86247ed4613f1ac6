"""The pages of charging points, and the door at which Toss knocks."""

import hashlib
from contextlib import suppress
from datetime import date
from typing import Any

import structlog
from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from nene.kernel import settings
from nene.kernel.clock import seoul_date, wall
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotThere
from nene.kernel.paging import Cursor
from nene.kernel.security import also_load_from, csrf, limit_money, limit_search
from nene.kernel.web import Answer, go_to, show_change, show_form, show_page
from nene.payment import errors, forms, service
from nene.payment.errors import CancelTooLate, MonthFull, NotCancelable, NotConfirmable, NotMine, Owing
from nene.payment.forms import CancelForm, ChargeForm, ConfirmForm, HistoryForm
from nene.payment.models import Payment
from nene.payment.terms import Status
from nene.point.errors import ChargeSpent

blueprint = Blueprint("payment", __name__)
NEW = ("payment/new.html", "payment/_amount.html")
SHOW = ("payment/show.html", "payment/_payment.html")
CANCEL = ("payment/cancel.html", "payment/_cancel.html")
LARGEST_WEBHOOK = 64 * 1024  # bytes
LONGEST_ID = 100
POLLS, SELDOM = {20: 1, 300: 5}, 30  # seconds since the last event: seconds until the next look
GOING_BACK = {Status.CANCELING, Status.CANCELED}
log = structlog.get_logger(__name__)


@blueprint.context_processor
def _words() -> dict[str, Any]:
    return {"statuses": forms.STATUSES, "test_payment": settings.current().is_test_payment}


@blueprint.after_request
def _keep_nothing(response: Response) -> Response:
    """Nobody finds an older state of a payment by the browser's back button."""
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/payments/new")
@login_required
def new() -> str:
    """How much to charge."""
    return render_template(NEW[0], form=ChargeForm.blank(amount=_wanted()), **_offer())


@blueprint.post("/payments")
@login_required
@limit_money
def create() -> Answer:
    """Store the order; its page has the widget (M1)."""
    form = ChargeForm.checked(*NEW, lazily=_offer)
    try:
        order_id = in_transaction(service.start_payment, user_id=current_user.id, amount=form.amount.data or 0)
    except (MonthFull, Owing) as refusal:
        form.blame("amount", refusal.message)
        return show_form(*NEW, form, status=refusal.status, **_offer())
    return go_to(url_for(".show", order_id=order_id))


@blueprint.get("/payments/success")
@login_required
def success() -> Answer:
    """Toss sends the browser here; the page posts the confirmation, for a GET changes nothing (M2)."""
    order_id = request.args.get("orderId", "")
    try:
        with reading() as session:
            payment = service.find_own(session, user_id=current_user.id, order_id=order_id)
    except NotThere:
        raise NotMine from None
    if payment.status is not Status.PENDING:
        return redirect(url_for(".show", order_id=order_id), 303)
    key, amount = request.args.get("paymentKey", ""), request.args.get("amount", "")
    return render_template("payment/success.html", payment=payment, payment_key=key, amount=amount)


@blueprint.post("/payments/<order_id>/confirm")
@login_required
@limit_money
def confirm(order_id: str) -> Answer:
    """Have Toss approve my order; whatever came of it before is the answer again (M4)."""
    form = ConfirmForm.checked()
    try:
        service.confirm(
            user_id=current_user.id,
            order_id=order_id,
            payment_key=form.payment_key.data or "",
            amount=form.amount.data or 0,
        )
    except NotConfirmable:
        log.info("payment.confirmed_after_its_end")
    return _outcome(order_id)


@blueprint.get("/payments/fail")
@login_required
def fail() -> Answer:
    """Toss sends the browser here when nothing came of it; of what the address says only known codes are believed."""
    with reading() as session:
        payment = service.find_stopped(session, user_id=current_user.id, order_id=request.args.get("orderId"))
    if payment is not None and payment.status is not Status.PENDING:
        return redirect(url_for(".show", order_id=payment.order_id), 303)
    reason = errors.explain_end(request.args.get("code", ""))
    return render_template("payment/fail.html", reason=reason, again=payment)


@blueprint.get("/payments")
@login_required
@limit_search
def index() -> Answer:
    """My payments, newest first."""
    form = HistoryForm.read()
    status, since, until = form.chosen, form.since.data, form.until.data
    cursor = Cursor("payments", [current_user.id, status, since, until], request.args.get("cursor"))
    with reading() as session:
        page = service.history(session, current_user.id, cursor=cursor, status=status, since=since, until=until)
    month = request.args.get("month", "")
    return show_page("payment/index.html", "payment/_rows.html", form=form, history=page, today=_today(), month=month)


@blueprint.get("/payments/<order_id>")
@login_required
def show(order_id: str) -> Answer:
    """The widget of an order that waits, or the receipt; the page asks again by itself until all is settled."""
    shown = _shown(order_id)
    if request.args.get("seen") == str(shown["payment"].version):
        return make_response("", 204)  # what the page shows is still so
    if shown["payment"].status is Status.PENDING:
        also_load_from(settings.current().toss_origins)
    response = show_page(*SHOW, **shown)
    response.headers["HX-Trigger"] = "point-changed"
    return response


@blueprint.get("/payments/<order_id>/cancel")
@login_required
def ask_cancel(order_id: str) -> Answer:
    """Ask why, and say what goes back, before money and points move."""
    shown = _shown(order_id)
    if shown["payment"].status in GOING_BACK:
        return redirect(url_for(".show", order_id=order_id), 303)
    return render_template(CANCEL[0], form=CancelForm.blank(), **shown)


@blueprint.post("/payments/<order_id>/cancel")
@login_required
@limit_money
def cancel(order_id: str) -> Answer:
    """Give the money back, and take the points (M8)."""
    shown = _shown(order_id)
    if shown["payment"].status in GOING_BACK:
        return _outcome(order_id)  # another press has done it
    form = CancelForm.checked(*CANCEL, **shown)
    try:
        service.cancel(user_id=current_user.id, order_id=order_id, why=form.reason.data or "")
    except (CancelTooLate, ChargeSpent) as refusal:
        form.blame("reason", refusal.message)
        return show_form(*CANCEL, form, status=refusal.status, **shown)
    except NotCancelable:
        if _shown(order_id)["payment"].status not in GOING_BACK:
            raise
        log.info("payment.cancelled_twice")
    return _outcome(order_id)


@blueprint.post("/webhooks/toss")
@csrf.exempt
def webhook() -> Answer:
    """Something changed, says somebody: look at that order; 200 only when that is stored, or nothing of ours (M10)."""
    request.max_content_length = LARGEST_WEBHOOK
    body = request.get_data()
    order_id = None
    with suppress(RecursionError):  # nested without end
        order_id = forms.order_of(request.get_json(force=True, silent=True))
    given = request.headers.get("tosspayments-webhook-transmission-id", "")
    known = 0 < len(given) <= LONGEST_ID and given.isprintable()
    transmission_id = given if known else hashlib.sha256(body).hexdigest()
    if order_id is not None:
        in_transaction(service.take_webhook, transmission_id=transmission_id, order_id=order_id)
    return make_response("", 200)


def _outcome(order_id: str) -> Answer:
    """The payment as it is after a press: a page of its own, or for HTMX the part that changed, under its address."""
    shown, here = _shown(order_id), url_for(".show", order_id=order_id)
    if shown["receipt"].is_refused:
        response = show_page(*SHOW, **shown)
        response.status_code = 409
    else:
        response = show_change(SHOW[1], back_to=here, changed="point-changed", **shown)
    if request.headers.get("HX-Request"):
        response.headers["HX-Replace-Url"] = here
    return response


def _shown(order_id: str) -> dict[str, Any]:
    """What the page of a payment shows: the receipt, the widget while it waits, and how soon it asks again."""
    with reading() as session:
        receipt = service.receipt(session, user_id=current_user.id, order_id=order_id)
    waits = receipt.payment.status is Status.PENDING
    return {
        "receipt": receipt,
        "payment": receipt.payment,
        "checkout": _checkout(receipt.payment) if waits else None,
        "window_url": settings.current().toss_window_url,
        "poll": _poll(receipt),
        "today": _today(),
    }


def _checkout(payment: Payment) -> dict[str, str] | None:
    """What Toss's widget is given; none where this product knows no Toss."""
    known = settings.current()
    if not known.toss_client_key:
        return None
    return {
        "sdk": str(known.toss_sdk_url),
        "client-key": known.toss_client_key,
        "customer-key": service.customer_key(payment.user_id),
        "order-id": payment.order_id,
        "order-name": _("%(amount)s원 충전", amount=f"{payment.amount:,}"),
        "amount": str(payment.amount),
        "success-url": known.site + url_for(".success"),
        "fail-url": known.site + url_for(".fail"),
    }


def _poll(receipt: service.Receipt) -> int | None:
    """Seconds until the page asks again: soon at first, seldom later; none when all is settled."""
    if receipt.is_settled:
        return None
    age = (wall.now() - receipt.events[-1].at).total_seconds()
    return next((pause for until, pause in POLLS.items() if age < until), SELDOM)


def _offer() -> dict[str, Any]:
    """What the page of amounts shows: how much is left of the month, and what was begun."""
    with reading() as session:
        offer = service.offer(session, user_id=current_user.id)
    return {"offer": offer, "amounts": forms.AMOUNTS, "today": _today()}


def _wanted() -> int | None:
    """The amount of the chip that was pressed where there is no JavaScript."""
    return next((amount for amount in forms.AMOUNTS if request.args.get("amount") == str(amount)), None)


def _today() -> date:
    """Payments live by the wall clock."""
    return seoul_date(wall.now())
