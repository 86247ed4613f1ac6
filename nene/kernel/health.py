"""Whether the product is alive, and what it stands on (O4)."""

from flask import Blueprint, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from nene.kernel import redis, search
from nene.kernel.db import reading

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """This process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """Each dependency: people can be served while the database answers; without the others with less comfort."""
    states = {"database": _database_state(), "redis": _redis_state()}
    if search.is_configured():
        states["elasticsearch"] = "down" if search.is_away() else "ok"
    if states["database"] == "down":
        return jsonify(status="down", **states), 503
    return jsonify(status="degraded" if "down" in states.values() else "ok", **states), 200


def _database_state() -> str:
    try:
        with reading() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return "down"
    return "ok"


def _redis_state() -> str:
    try:
        redis.client().ping()
    except redis.RedisError:
        return "down"
    return "ok"
