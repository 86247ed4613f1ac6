"""A member."""

import pytest

from nene.kernel.db import in_transaction
from tests import world


@pytest.fixture
def kim(committed: None) -> int:
    """Somebody without points."""
    return in_transaction(world.member)


@pytest.fixture
def boss(committed: None) -> int:
    """An admin, who is told what somebody has to look at."""
    return in_transaction(world.admin)
