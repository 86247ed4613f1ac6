"""Wires the product together: settings, database, Redis, broker, domains. The only place that does."""

from typing import Any, cast

from flask import Flask, g, request, url_for
from flask_babel import Babel
from flask_babel import lazy_gettext as _
from flask_login import current_user

import nene.admin.cli
import nene.challenge.cli
import nene.challenge.routes
import nene.home.cli
import nene.home.routes
import nene.kernel.search.cli
import nene.notification.routes
import nene.payment.cli
import nene.payment.routes
import nene.point.routes
import nene.user.cli
import nene.user.routes
import nene.user.search
from nene.challenge import service as challenge
from nene.kernel import auth, demo_clock, logging, outbox, paging, redis, search, security, web
from nene.kernel import settings as settings_
from nene.kernel.db import db, migrate, reading
from nene.kernel.settings import Settings
from nene.notification import service as notification
from nene.payment import gateway
from nene.point import service as point
from nene.user import service as user

# Of a reference's kind: its page, and what the page calls the reference's id.
PAGES = {
    "challenge": ("challenge.show", "challenge_id"),
    "payment": ("payment.show", "order_id"),
    "points": ("point.index", None),
    "session": ("user.sessions", None),
}
TABS = [("/", _("홈"), "home"), ("/challenges", _("챌린지"), "stamp"), ("/me", _("마이페이지"), "person")]
DOMAINS = (nene.home, nene.user, nene.point, nene.notification, nene.challenge, nene.payment)
COMMANDS = (
    nene.user.cli.commands,
    nene.challenge.cli.commands,
    nene.home.cli.commands,
    nene.payment.cli.commands,
    nene.admin.cli.ledger,
    nene.admin.cli.admin,
    nene.kernel.search.cli.commands,
)


def create_app(settings: Settings | None = None, *, patient: bool = False) -> Flask:
    """The application; settings come from the environment unless given. Nobody waits for a patient one.

    Raises SettingsWrong.
    """
    settings = settings or Settings.load()
    settings_.use(settings)
    logging.start()
    app = Flask(__name__)
    app.extensions["settings"] = settings
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=str(settings.database_url),
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_size": settings.pool_size,
            "max_overflow": 0,
            "hide_parameters": True,  # of failed statements, in logs
            "pool_timeout": 5,
            "pool_pre_ping": True,
            "connect_args": {"connect_timeout": 3},
        },
        BABEL_DEFAULT_LOCALE="ko",
        BABEL_DEFAULT_TIMEZONE="Asia/Seoul",
    )
    _start_parts(app, settings, patient=patient)
    for domain in DOMAINS:
        app.register_blueprint(domain.routes.blueprint)
    for group in COMMANDS:
        app.cli.add_command(group)
    operator = _operator(settings)
    app.context_processor(lambda: {**_around(), "operator": operator})
    return app


def _start_parts(app: Flask, settings: Settings, *, patient: bool) -> None:
    """The kernel's parts, each before the ones that need it."""
    db.init_app(app)
    migrate.init_app(app)
    Babel(app)
    redis.start(str(settings.redis_url), redis.PATIENT if patient else redis.TIMEOUT)
    outbox.start()
    paging.start(settings.secret_key)
    search.start(str(settings.elasticsearch_url) if settings.elasticsearch_url else None, [nene.user.search.USERS])
    gateway.use(gateway.of(settings, patient=patient))
    if not settings.production:
        demo_clock.start()
        app.before_request(_follow_demo_clock)
    web.init(app)
    security.init(app, settings)
    auth.init(app)
    auth.use(load=user.load_identity, renew=user.renew_session, saw=user.saw_generation)


def _operator(settings: Settings) -> dict[str, str]:
    """The legal details of who runs this, for the footer."""
    values = settings.model_dump()
    return {name.removeprefix("operator_"): values[name] for name in values if name.startswith("operator_")}


def _follow_demo_clock() -> None:
    if request.endpoint not in web.QUIET:
        demo_clock.refresh()
        web.note_arrival()


def _around() -> dict[str, Any]:
    """What the layout shows on every page; read once a request, though a fragment and its message are two templates."""
    if "around" not in g:
        g.around = _read_around()
    return cast("dict[str, Any]", g.around)


def _read_around() -> dict[str, Any]:
    """The balance and the badge are there without JavaScript."""
    identity = current_user if current_user.is_authenticated else None
    around: dict[str, Any] = {"balance": None, "unread": 0}
    if identity is not None:
        with reading() as session:
            around["balance"] = point.balance_of(session, identity.id)
            around["unread"] = notification.count_unread(session, identity.id)
    demo = None if settings_.current().production else settings_.current()
    return {
        "identity": identity,
        **around,
        "demo_day": demo and web.arrived_on(),
        "mailbox": demo and demo.mailbox_url,
        "tabs": TABS,
        "page_of": _page_of,
        "open_stakes": _open_stakes,
    }


def _page_of(kind: str | None, key: str | None) -> str | None:
    """The page of what caused an entry or a notification."""
    endpoint, name = PAGES.get(kind or "", (None, None))
    if endpoint is None:
        return None
    values: dict[str, Any] = {name: key} if name else {}
    return url_for(endpoint, **values)


def _open_stakes() -> int:
    """What the reader has staked, for the page of points: point itself knows nothing of challenges."""
    with reading() as session:
        return challenge.open_stakes(session, current_user.id)
