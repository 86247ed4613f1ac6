"""U7: a token of who has signed out is refused from that moment on, whatever happens to Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from nene.kernel import auth, redis
from nene.kernel.db import in_transaction
from nene.kernel.embedded import Redis
from nene.kernel.settings import Settings
from tests import world


@pytest.fixture
def server(tmp_path: Path, settings: Settings, committed: None) -> Iterator[Redis]:
    """A Redis of this test's own; afterwards the process is back on the shared one."""
    with Redis(tmp_path / "redis", durable=False) as made:
        redis.start(made.url())
        yield made
    redis.start(str(settings.redis_url))


@pytest.mark.parametrize("signed_out_while", ["up", "stopped", "paused"])
def test_a_token_is_refused_with_redis_up_stopped_and_back_again_empty(
    app: Flask, server: Redis, signed_out_while: str
) -> None:
    user_id = in_transaction(world.member)
    browser, elsewhere = world.signed_in(app, user_id), world.signed_in(app, user_id)
    kept = {name: browser.get_cookie(name) for name in (auth.ACCESS, auth.REFRESH)}
    token = world.token(browser)
    if signed_out_while == "stopped":
        server.stop()
    elif signed_out_while == "paused":
        server.pause()
    assert browser.post("/logout", data={"csrf_token": token}).location == "/"
    thief = app.test_client()
    for name, cookie in kept.items():
        assert cookie is not None
        thief.set_cookie(name, cookie.value)
    assert thief.get("/me").location == "/login?next=/me"
    if signed_out_while == "paused":
        server.resume()
    server.stop()
    assert thief.get("/me").location == "/login?next=/me"
    server.start()
    redis._breaker.answered()
    assert redis.client().dbsize() == 0
    assert thief.get("/me").location == "/login?next=/me"
    assert elsewhere.get("/me").status_code == 200
