"""A member, and a product that knows the practice Toss."""

from collections.abc import Iterator

import pytest
from flask import Flask

from nene.kernel.db import in_transaction
from nene.payment import gateway
from nene.payment.gateway import Toss
from tests import world
from tests.tossed import PracticeToss


@pytest.fixture
def kim(committed: None) -> int:
    """Somebody without points."""
    return in_transaction(world.member)


@pytest.fixture
def paying(app: Flask, toss: PracticeToss) -> Iterator[Toss]:
    """The product asks the practice Toss, and waits two seconds for it."""
    one = Toss(toss.url, toss.settings["toss_secret_key"], read=2.0)
    gateway.use(one)
    yield one
    gateway.use(None)
