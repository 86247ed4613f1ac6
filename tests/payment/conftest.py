"""Somebody without points, their browser, and an admin."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from nene.kernel import settings
from nene.kernel.db import in_transaction
from nene.kernel.settings import Settings
from nene.payment.gateway import Toss
from tests import world
from tests.tossed import PracticeToss


@pytest.fixture
def kim(committed: None) -> int:
    """Somebody without points."""
    return in_transaction(world.member)


@pytest.fixture
def boss(committed: None) -> int:
    """An admin, who is told what somebody has to look at."""
    return in_transaction(world.admin)


@pytest.fixture
def selling(toss: PracticeToss, paying: Toss) -> Iterator[None]:
    """The pages know the practice Toss too."""
    usual = settings.current()
    settings.use(Settings.model_validate({**usual.model_dump(), **toss.settings}))
    yield
    settings.use(usual)


@pytest.fixture
def browser_of_kim(app: Flask, selling: None, kim: int) -> FlaskClient:
    """The browser of somebody who has yet to charge."""
    return world.signed_in(app, kim)
