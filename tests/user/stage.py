"""Who comes to the product by way of a provider, and what the database knows of them then."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from nene.kernel.audit import Audit
from nene.kernel.db import reading
from nene.user import service
from nene.user.models import SocialLink, User
from nene.user.terms import Provider
from tests import world
from tests.standins import OAuth

EVERY = pytest.mark.parametrize("provider", list(Provider))
EMAIL = "haneul@example.com"  # of the person who tells everything
REST = {"email": EMAIL, "nickname": "하늘", "birth_date": "1995-05-05", "agree_terms": "y", "agree_privacy": "y"}


def come_back(
    client: FlaskClient, oauth: OAuth, start: TestResponse, person: str = "full", **more: str
) -> TestResponse:
    """Decide at the provider to which the browser was sent, and bring its answer back."""
    assert start.status_code == 303
    provider = start.location.removeprefix(oauth.url).split("/")[1]
    back = oauth.decide(start.location, person, **more)
    return client.get(f"/oauth/{provider}/callback", query_string=back)


def sign_in(
    client: FlaskClient, oauth: OAuth, provider: str = "kakao", person: str = "full", **more: str
) -> TestResponse:
    return come_back(client, oauth, client.get(f"/oauth/{provider}"), person, **more)


def sign_up(
    client: FlaskClient, oauth: OAuth, provider: str = "kakao", person: str = "full", **changed: str
) -> TestResponse:
    """The first time: the provider, then the rest."""
    assert sign_in(client, oauth, provider, person).location == "/signup/social"
    return world.post(client, "/signup/social", **{**REST, **changed})


def link(client: FlaskClient, oauth: OAuth, provider: str = "kakao", person: str = "full", **more: str) -> TestResponse:
    return come_back(client, oauth, world.post(client, f"/me/social/{provider}/link"), person, **more)


def signed_in(client: FlaskClient) -> bool:
    return client.get("/me/profile").status_code == 200


def count(table: Any) -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def links() -> list[tuple[str, str, int]]:
    with reading() as session:
        rows = session.execute(select(SocialLink.provider, SocialLink.subject, SocialLink.user_id))
        return sorted((row[0], row[1], row[2]) for row in rows)


def actions() -> list[str]:
    with reading() as session:
        return list(session.scalars(select(Audit.action).order_by(Audit.id)))


def user(email: str) -> User:
    with reading() as session:
        found = service.find_by_email(session, email)
    assert found is not None
    return found
