"""Which tests are run by one worker, and which first: those that share something slow to start, and slow ones."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# By the beginning of their ids, the longest first: what is in one line is run by one worker.
TOGETHER = (
    ("tests/journeys/",),  # one running application and one browser
    ("tests/faults/test_run.py",),  # one prepared folder
    (  # one Elasticsearch that may be stopped
        "tests/faults/test_search_away.py",
        "tests/kernel/test_embedded_elasticsearch.py",
        "tests/kernel/test_search_sync.py",
    ),
)
SLOW = ("tests/faults/", "tests/kernel/test_migrations.py", "tests/challenge/test_machine.py")


class Groups(LoadScopeScheduling):
    """Gives a worker the next test, or the next tests that belong together; xdist's own groups are none on pytest 9.2."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return next((group[0] for group in TOGETHER if nodeid.startswith(group)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest is begun first, so that no worker is alone at the end."""
    order = (*TOGETHER, SLOW)
    items.sort(key=lambda item: next((n for n, group in enumerate(order) if item.nodeid.startswith(group)), len(order)))
