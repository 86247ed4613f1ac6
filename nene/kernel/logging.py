"""Structured logs as JSON lines on stdout, and the one place that masks what is personal or secret (O4)."""

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"
SECRET_NAMES = re.compile(
    r"pass(word|wd|phrase)|secret|token|authori[sz]ation|cookie|csrf|e_?mail|birth|phone|credential|key$", re.IGNORECASE
)
# What precedes a secret and stays readable is the group `kept`.
SECRET_TEXTS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<kept>://)[^\s/@]+(?=@)",  # user and password in an address
        r"[\w.+%-]+@[\w-]+(\.[\w-]+)+",  # e-mail
        r"(?<!\d)(\+82[ -]?1|01)[016789][ -]?\d{3,4}[ -]?\d{4}(?!\d)",  # phone
        r"eyJ[\w-]+\.[\w-]+\.[\w-]+",  # JSON web token
        r"(?<![\w.])\d+\.\d+\.[\w-]{20,}",  # refresh token
        r"\$argon2\w*\$[^\s'\"]+",
        r"\b(test|live)_g?[cs]k_\w+",  # keys of the payment gateway
        r"(?P<kept>\b(bearer|basic) )[\w.~+/=-]+",
        r"(?P<kept>(set-)?cookie['\"]?\s*[=:]\s*)[^\n]+",
        # PostgreSQL shows the values of a refused row, SQLAlchemy those of a failed statement.
        r"(?P<kept>failing row contains |key \([^)\n]*\)=)\([^\n]*\)",
        r"(?P<kept>\[parameters: )[^\n]*(?=\])",
        # A name with its value, as in a query string, in JSON or in Python.
        r"(?P<kept>(password|passwd|secret|token|csrf|birth|phone|api_?key)\w*['\"]?\s*[=:]\s*['\"]?)[^\s'\"&,;)}]+",
    )
]
LEVELS = {
    "apscheduler": logging.WARNING,
    "dramatiq": logging.WARNING,
    "flask-limiter": logging.ERROR,  # Redis being away is told by the readiness page
    "flask_wtf": logging.WARNING,
    "werkzeug": logging.WARNING,
}


class _Stdout(logging.StreamHandler[TextIO]):
    """Writes to what stdout is at the moment, or in a command, whose output is its answer, to stderr."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr if os.environ.get("FLASK_RUN_FROM_CLI") == "true" else sys.stdout


def start() -> None:
    """Send everything, the standard library's logs too, as one JSON object a line to stdout. Safe to call twice."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _Stdout()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [kept for kept in root.handlers if not isinstance(kept, _Stdout)] + [handler]
    root.setLevel(logging.INFO)
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)


def mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide e-mails, passwords, tokens, keys, birth dates, phone numbers and cookies, by name and by form."""
    return {name: _masked(value, name) for name, value in event.items()}


def _masked(value: Any, name: str = "") -> Any:
    if SECRET_NAMES.search(name) and value is not None:
        return MASK
    if isinstance(value, Mapping):
        return {str(key): _masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _masked_text(str(value))


def _masked_text(text: str) -> str:
    for pattern in SECRET_TEXTS:
        text = pattern.sub(_cover, text)
    return text


def _cover(found: re.Match[str]) -> str:
    return (found.groupdict().get("kept") or "") + MASK
