"""What a request is answered with: changes, forms and refusals, as pages or as HTMX fragments.

Every answer exists twice: a plain post gets pages and redirects, an HTMX request the changed fragment (spec of answers
in docs/rules.md). Nothing here knows a domain.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from time import perf_counter
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from flask import Flask, flash, g, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_login import AnonymousUserMixin
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from htmx_flask import Htmx, request
from jinja2 import TemplateError
from markupsafe import Markup
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from structlog.contextvars import bind_contextvars, clear_contextvars
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, Map
from werkzeug.wrappers import Response

from nene.kernel import health, redis, settings
from nene.kernel.clock import business, seoul_date
from nene.kernel.errors import NothingDone, Refusal, TooMany

# Endpoints that are not worth a line in the log, nor a look at who asks.
QUIET = {"static", "health.alive", "health.ready", "user.image"}
# Browsers drop control characters and turn backslashes, so that "/\\elsewhere" would read "//elsewhere".
OWN_PATH = re.compile(r"/(?!/)[^\x00-\x20\x7f\\]*")
KEPT_HEADERS = {"Allow", "Retry-After"}
RETRY_SOON = 5  # seconds
Answer: TypeAlias = str | Response
log = structlog.get_logger(__name__)
REASONS: dict[int, Any] = {
    400: lazy_gettext("보내 주신 내용을 이해하지 못했어요. 앞 화면에서 다시 해 주세요."),
    403: lazy_gettext("이 일을 할 수 있는 권한이 없어요."),
    404: lazy_gettext("찾는 것이 없어요."),
    405: lazy_gettext("이 주소로는 할 수 없는 일이에요."),
    413: lazy_gettext("파일이 너무 커요. 더 작은 것으로 올려 주세요."),
    429: lazy_gettext("요청이 너무 많아요. 잠시 뒤 다시 해 주세요."),
    500: lazy_gettext("저희 쪽에 문제가 생겼어요. 잠시 뒤 다시 해 주세요."),
}


class BadInput(Refusal):
    """A form whose values do not pass, where the page has no place to show it; the form is kept."""

    status = 422

    def __init__(self, form: FlaskForm, show: Callable[[], Response] | None = None) -> None:
        super().__init__()
        self.form = form
        self.show = show

    @property
    def message(self) -> str:
        """Every fault once, in the order of the fields."""
        faults = [str(fault) for field in self.form for fault in field.errors]
        return " ".join(dict.fromkeys(faults)) or _("입력한 내용을 다시 확인해 주세요.")


class RowId(IntegerConverter):
    """The number of a row in a URL; a number that no row can have is not there."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, min=1, max=2**63 - 1)


def init(app: Flask) -> None:
    """Answer refusals and faults, note each request, and serve health. Before any other blueprint."""
    app.url_map.converters["int"] = RowId
    Htmx(app)
    # First of all, so that whatever refuses the request later has its id in the log.
    app.before_request_funcs.setdefault(None, []).insert(0, _begin)
    app.after_request(_end)
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(HTTPException, _http_error)
    for away in (OperationalError, PoolExhausted, redis.RedisError):
        app.register_error_handler(away, _away)
    app.register_blueprint(health.blueprint)


def note_arrival() -> None:
    """Keep the moment of arrival, before anything that may wait; once more when the demo clock has been read."""
    g.arrived_at = business.now()


def arrived_at() -> datetime:
    """The business moment at which the request arrived; the same however long it waits for a lock."""
    if "arrived_at" not in g:
        note_arrival()
    return cast("datetime", g.arrived_at)


def arrived_on() -> date:
    """The Seoul date on which the request arrived."""
    return seoul_date(arrived_at())


def show_page(page: str, fragment: str, /, **context: object) -> Response:
    """Answer a GET: the page, or, when HTMX asks for more of it, the fragment."""
    part = request.htmx and not request.htmx.boosted and not request.htmx.history_restore_request
    return make_response(render_template(fragment if part else page, **context))


def show_change(
    template: str | None = None,
    /,
    *,
    back_to: str,
    changed: str | None = None,
    message: str | None = None,
    category: str = "done",
    lazily: Callable[[], dict[str, Any]] | None = None,
    **context: object,
) -> Response:
    """Answer a post that worked: HTMX gets the changed fragment, everybody else goes to the resource's page.

    `changed` is the browser event that tells other fragments to refetch themselves ("point-changed"). `message` is
    shown in the result region in both cases. `lazily` gives what the fragment needs besides `context`.
    """
    if not request.htmx or template is None:
        return go_to(back_to, message=message, category=category)
    if message:
        flash(message, category)
    try:
        fragment = render_template(template, **{**(lazily() if lazily else {}), **context})
    except (OperationalError, PoolExhausted):
        return go_to(back_to)  # it is done, only showing it failed: the browser looks again by itself
    response = make_response(fragment + render_template("_flash.html", out_of_band=True))
    if changed:
        response.headers["HX-Trigger"] = changed
    return response


def show_form(page: str, fragment: str, form: FlaskForm, /, *, status: int = 422, **context: object) -> Response:
    """Answer bad input: the form with its values and a message at each field; as the fragment for HTMX."""
    return make_response(render_template(fragment if request.htmx else page, form=form, **context), status)


def show_refused(page: str, fragment: str, refusal: Refusal, /, **context: object) -> Response:
    """Say no with what is true now beside the reason: the page, or for HTMX the changed fragment."""
    flash(refusal.message, "notice")
    if not request.htmx:
        return make_response(render_template(page, **context), refusal.status)
    html = render_template(fragment, **context) + render_template("_flash.html", out_of_band=True)
    return make_response(html, refusal.status)


def go_to(url: str, *, message: str | None = None, category: str = "done") -> Response:
    """Send the browser to another page after a post that worked."""
    if message:
        flash(message, category)
    if not request.htmx:
        return redirect(url, 303)
    response = make_response("", 200)
    response.headers["HX-Redirect"] = url
    return response


def to_login() -> Response:
    """Ask to sign in, and come back afterwards. Nothing was done, so HTMX gets no 200."""
    url = url_for("user.login", next=_here())
    if not request.htmx:
        return redirect(url, 303)
    response = make_response("", 204)
    response.headers["HX-Redirect"] = url
    return response


def back_or_home() -> str:
    """The page of ours from which a post came, or home."""
    return _own_page(request.referrer)


def own_path(target: str | None) -> str | None:
    """The target if it is a path of this site, else none: nobody is sent elsewhere by a link of ours."""
    return target if target and OWN_PATH.fullmatch(target) else None


def refused(refusal: Refusal) -> Response:
    """Say no with the reason: a page, or a fragment for the result region."""
    if isinstance(refusal, BadInput) and refusal.show is not None:
        try:
            return refusal.show()
        except Refusal as other:  # what the form is about is not there, or not the asker's to know about
            refusal = other
    response = _show_error(refusal.status, refusal.message, again=isinstance(refusal, NothingDone))
    if isinstance(refusal, TooMany):
        response.headers["Retry-After"] = str(refusal.retry_after)
    elif isinstance(refusal, NothingDone):
        response.headers["Retry-After"] = str(RETRY_SOON)
    return response


def _begin() -> None:
    g.began = perf_counter()
    note_arrival()
    given = request.headers.get("X-Request-ID", "")
    trusted = settings.current().trusted_proxies and re.fullmatch(r"[\w.-]{8,64}", given)
    g.request_id = given if trusted else uuid4().hex
    clear_contextvars()
    bind_contextvars(
        request_id=g.request_id,
        address=request.remote_addr,
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
    )


def _end(response: Response) -> Response:
    response.vary.add("HX-Request")
    response.headers["X-Request-ID"] = g.get("request_id", "")
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "private, no-cache")
    if request.endpoint not in QUIET:
        seconds = round(perf_counter() - g.get("began", perf_counter()), 4)
        log.info("request", status=response.status_code, seconds=seconds)
    return response


def _http_error(error: HTTPException) -> Response:
    code = error.code or 500
    if isinstance(error, CSRFError):
        return _show_error(code, _("페이지를 연 지 오래되었어요. 새로 고친 뒤 다시 해 주세요."))
    response = _show_error(code, str(REASONS.get(code, REASONS[400])))
    response.headers.extend((name, value) for name, value in error.get_headers() if name in KEPT_HEADERS)
    return response


def _away(error: Exception) -> Response:
    log.warning("dependency.away", error=type(error).__name__)
    # The page of the error must not ask the database who is looking at it.
    g._login_user = AnonymousUserMixin()  # noqa: SLF001 - where Flask-Login keeps its answer
    return refused(NothingDone())


def _show_error(status: int, message: str, *, again: bool = False) -> Response:
    template = "_error.html" if request.htmx else "error.html"
    context: dict[str, Any] = {"status": status, "message": message, "again": _form_again() if again else None}
    context["back"] = back_or_home() if request.method == "POST" else None
    try:
        html = render_template(template, **context)
    except (TemplateError, SQLAlchemyError, redis.RedisError):
        log.exception("error_page.failed")
        html = Markup(
            '<!doctype html><html lang="ko"><meta charset="utf-8"><title>{0}</title><p role="alert">{1}'
        ).format(status, message)
    response = make_response(html, status)
    if request.htmx:
        response.headers["HX-Retarget"] = "#flash"
        # A part that refreshes itself must not alarm anybody, nor hide what somebody is reading.
        response.headers["HX-Reswap"] = "none" if "X-Poll" in request.headers else "innerHTML"
    return response


def _form_again() -> list[tuple[str, str]] | None:
    """The same form once more, for a plain post of which nothing was done; none where a secret was typed."""
    fields = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
    typed_anew = request.files or any("password" in name for name, _value in fields)
    return None if request.method != "POST" or typed_anew else fields


def _here() -> str:
    """The page to come back to: this one if it can be looked at, else the one from which the request came."""
    if not request.htmx and request.url_rule and "GET" in (request.url_rule.methods or ()):
        return str(request.full_path).rstrip("?")
    return _own_page(request.htmx.current_url or request.referrer)


def _own_page(url: str | None) -> str:
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return "/"
    if parts.netloc != request.host:
        return "/"
    return own_path(parts._replace(scheme="", netloc="", fragment="").geturl()) or "/"
