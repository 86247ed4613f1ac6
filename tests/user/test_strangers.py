"""What nobody in particular may see: only what is named here; everything else asks to sign in."""

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests import world

PUBLIC = {
    *("/", "/signup", "/login", "/logout", "/terms", "/privacy", "/healthz", "/readyz", "/metrics", "/dev/clock"),
    *("/challenges", "/challenges/<int:challenge_id>", "/challenges/<int:challenge_id>/seats"),
    *("/oauth/<provider>", "/oauth/<provider>/callback", "/signup/social"),
    *("/password-reset", "/password-reset/<token>", "/confirm-email/<token>", "/webhooks/toss"),
    *("/static/<path:filename>", "/images/<key>/<int:width>.webp"),
}
VALUES = {"verb": "join"}


def path_of(app: Flask, rule: Rule) -> str:
    values = {name: VALUES.get(name, 1) for name in rule.arguments}
    return app.url_map.bind("localhost").build(rule.endpoint, values, method=next(iter(rule.methods or ())))


def test_everything_but_the_public_pages_asks_to_sign_in(app: Flask, client: FlaskClient) -> None:
    token = world.token(client)
    walked = 0
    for rule in app.url_map.iter_rules():
        for method in {"GET", "POST"} & (rule.methods or set()):
            if rule.rule in PUBLIC:
                continue
            walked += 1
            path = path_of(app, rule)
            answer = client.open(path, method=method, headers={"X-CSRFToken": token})
            assert answer.status_code == 303, (method, path)
            assert answer.location.startswith("/login?next="), (method, path)
            part = client.open(path, method=method, headers={"X-CSRFToken": token, "HX-Request": "true"})
            assert part.status_code == 204, (method, path)
            assert part.headers["HX-Redirect"].startswith("/login?next="), (method, path)
    assert walked > 20
