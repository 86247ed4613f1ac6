"""The worker: `dramatiq tasks.worker` finds the broker here, with every job of this folder."""

import contextlib
from typing import Any

import dramatiq
from flask import Flask
from structlog.contextvars import bind_contextvars, clear_contextvars

from app import create_app
from nene.kernel import outbox
from tasks import admin, challenge, payment, search, user

__all__ = ["admin", "broker", "challenge", "payment", "search", "user"]


class InApp(dramatiq.Middleware):
    """Runs each job within the application, and names it in the log."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._open: dict[str, contextlib.ExitStack] = {}

    def before_process_message(self, broker: dramatiq.Broker, message: Any) -> None:  # noqa: ARG002 - the library's
        """Enter the application."""
        clear_contextvars()
        bind_contextvars(job=message.actor_name)
        stack = self._open[message.message_id] = contextlib.ExitStack()
        stack.enter_context(self._app.app_context())

    def after_process_message(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002 - the library's
        message: Any,
        *,
        result: object = None,  # noqa: ARG002 - the library's
        exception: BaseException | None = None,  # noqa: ARG002 - the library's
    ) -> None:
        """Leave it."""
        self._open.pop(message.message_id).close()

    def after_skip_message(self, broker: dramatiq.Broker, message: Any) -> None:
        """Leave it, with nothing done."""
        self.after_process_message(broker, message)


_app = create_app(patient=True)
broker = dramatiq.get_broker()
broker.add_middleware(InApp(_app))
outbox.serve(broker)
