"""Elasticsearch follows the documents, whatever is away meanwhile, and both are compared with the domains (U11, R1)."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic

import pytest
from elasticsearch import Elasticsearch as Client
from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from nene.kernel import outbox, search
from nene.kernel.db import in_transaction, reading
from nene.kernel.embedded_elasticsearch import Elasticsearch
from nene.kernel.outbox import DeadLetter, Outbox
from nene.kernel.search import Query, cli, elastic, sync
from nene.kernel.search.models import SearchDocument
from tests.conftest import ElasticsearchForTests, Race
from tests.crowd import wait_until
from tests.kernel import test_search
from tests.kernel.search_cases import thing
from tests.kernel.test_search import THING, drop, find, put, rows, truth

pytestmark = pytest.mark.usefixtures("committed")
things, indexes = test_search.things, test_search.indexes


class Index:
    """What Elasticsearch holds of our kind."""

    def __init__(self, url: str, prefix: str) -> None:
        self.client = Client(url)
        self.prefix = prefix

    @property
    def names(self) -> list[str]:
        return sorted(self.client.indices.get(index=f"{self.prefix}thing-*"))

    def is_published(self) -> bool:
        """Whether searches are sent to an index."""
        return bool(self.client.indices.exists_alias(name=f"{self.prefix}thing"))

    def texts(self) -> dict[int, str]:
        """The main field of each document, now."""
        self.client.indices.refresh(index=f"{self.prefix}thing")
        hits = self.client.search(index=f"{self.prefix}thing", size=1000)["hits"]["hits"]
        return {int(hit["_id"]): hit["_source"]["main"] for hit in hits}


@pytest.fixture
def index(indexes: ElasticsearchForTests) -> Iterator[Index]:
    made = Index(indexes.url, indexes.prefix)
    yield made
    made.client.close()


@pytest.fixture
def server(own_elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch) -> Elasticsearch:
    """An Elasticsearch of this test's own, with one thing in it."""
    search.start(own_elasticsearch.url, [THING])
    put(thing(1, "김밥"))
    sync.reindex(THING)
    wait_until(lambda: found_there(Query("김")) == [1])
    monkeypatch.setattr(elastic, "WRITING", 2.0)
    return own_elasticsearch


def found_there(query: Query) -> list[int] | None:
    """What Elasticsearch answers; none if it is not asked or does not answer."""
    hits = elastic.find(search.terms.want(THING, query), None, 20)
    return None if hits is None else [hit.id for hit in hits]


def jobs() -> list[tuple[str, str | None]]:
    with reading() as session:
        return [(job.name, job.key) for job in session.scalars(select(Outbox).order_by(Outbox.id))]


def run_jobs() -> None:
    """As the worker does."""
    import tasks.search  # noqa: F401 - declares the job

    with reading() as session:
        waiting = [(job.name, job.id) for job in session.scalars(select(Outbox).order_by(Outbox.id))]
    for name, job_id in waiting:
        outbox.perform(name, job_id)


def flask(app: Flask, command: str) -> tuple[int, str]:
    """The exit status of a command of the search, and what it printed."""
    done = app.test_cli_runner().invoke(cli.commands, [command])
    return done.exit_code, done.output


def test_a_change_asks_for_its_job_and_the_job_brings_it_over(index: Index) -> None:
    put(thing(1, "김밥"), thing(2, "라면"))
    assert jobs() == [("search.sync", "search:thing:1"), ("search.sync", "search:thing:2")]
    run_jobs()
    assert index.texts() == {1: "김밥", 2: "라면"}
    put(thing(1, "국수"))
    drop(2)
    run_jobs()
    assert index.texts() == {1: "국수"}
    assert jobs() == []
    assert all(row.sent_version == row.version for row in rows().values())


def test_an_older_version_never_takes_the_place_of_a_newer_one(index: Index) -> None:
    put(thing(1, "하나"), thing(2, "둘"))
    old = list(rows().values())
    put(thing(1, "새 하나"))
    drop(2)
    sync.sync()
    assert elastic.feed("thing", old) == old
    assert index.texts() == {1: "새하나"}
    in_transaction(sync._mark, old)
    assert [row.sent_version for row in rows().values()] == [2, 2]


def test_a_text_of_any_length_is_taken(index: Index) -> None:
    put(thing(1, "가" * 40_000, "나" * 40_000, tags={"mail=" + "a" * 250}))
    assert sync.sync() == 1
    assert index.texts() == {1: "가" * 65}


def test_what_changes_while_an_index_is_made_is_in_it(index: Index, race: Race) -> None:
    put(*[thing(key, "처음") for key in range(1, 301)])
    changed = threading.Event()

    def change() -> None:
        for key in range(1, 301):
            if key % 3:
                put(thing(key, f"나중 {key}"))
            else:
                drop(key)
            if key % 50 == 0:
                sync.sync()
        changed.set()

    def rebuild() -> None:
        while not changed.is_set():
            sync.reindex(THING)

    assert race(change, rebuild) == [None, None]
    sync.sync()
    assert index.texts() == {key: f"나중{key}" for key in range(1, 301) if key % 3}
    assert len(index.names) == 1


def test_an_index_takes_the_place_of_the_old_one_without_a_gap(index: Index, race: Race) -> None:
    put(*[thing(key, "김밥") for key in range(1, 11)])
    sync.reindex(THING)
    old, over = index.names, threading.Event()
    seen: list[tuple[bool, list[int] | None, list[int]]] = []

    def look() -> None:
        while not over.is_set():
            seen.append((index.is_published(), found_there(Query("김밥")), find(Query("김밥"))))

    def rebuild() -> None:
        try:
            for _ in range(3):
                sync.reindex(THING)
        finally:
            over.set()

    assert race(look, rebuild) == [None, None]
    assert len(index.names) == 1
    assert index.names != old
    everything = list(range(10, 0, -1))
    assert seen
    assert all(published and found == everything for published, _, found in seen)
    # Who was sent to the old index in the moment in which it went gets no answer there, and PostgreSQL has a whole one.
    assert all(there in (None, everything) for _, there, _ in seen)


def test_an_index_that_is_not_as_it_should_be_is_not_used(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    put(thing(1, "김밥"))
    sync.reindex(THING)
    old = index.names
    stored = elastic._stored
    monkeypatch.setattr(elastic, "_stored", lambda row: {**stored(row), "unknown": 1})  # refused by the mapping
    with pytest.raises(sync.NotTheSame):
        sync.reindex(THING)
    assert index.names == old
    assert found_there(Query("김밥")) == [1]


def test_the_sweep_asks_only_if_something_is_unsent(index: Index) -> None:
    sync.sweep()
    assert jobs() == []
    put(thing(1, "김밥"))
    in_transaction(lambda session: session.execute(delete(Outbox)))
    sync.sweep()
    sync.sweep()
    assert jobs() == [("search.sync", "search.sync")]
    run_jobs()
    sync.sweep()
    assert (jobs(), index.texts()) == ([], {1: "김밥"})


def test_without_an_index_postgresql_answers_and_nothing_is_marked_as_sent(
    elasticsearch: ElasticsearchForTests,
) -> None:
    search.start(elasticsearch.url, [THING], prefix=elasticsearch.prefix)
    put(thing(1, "김밥"))
    assert sync.sync() == 0
    assert (found_there(Query("김")), find(Query("김"))) == (None, [1])
    assert not search.is_away()


def test_documents_are_brought_in_line_with_the_domain(app: Flask) -> None:
    put(thing(1, "하나"), thing(2, "둘"), thing(3, "셋"))
    truth[1] = thing(1, "하나!")
    del truth[2]
    truth[4] = thing(4, "넷")
    status, told = flask(app, "check")
    assert status == 1
    assert [line.split(":")[0] for line in told.splitlines()] == ["thing 1", "thing 2", "thing 4"]
    assert find(Query()) == [4, 3, 1]
    assert flask(app, "check") == (0, "the search is sound\n")


def test_who_changes_a_thing_meanwhile_is_not_overwritten_by_the_comparison(
    monkeypatch: pytest.MonkeyPatch, race: Race
) -> None:
    put(thing(1, "옛 이름"), thing(2, "옛 이름"))
    stale = [thing(1, "낡은 이름"), thing(2, "낡은 이름"), thing(3, "낡은 이름")]

    def documents(session: Session, after_id: int, limit: int) -> list[search.Document]:
        """The domain is read, and then, before it is compared, people go on."""
        other = race(partial(put, thing(1, "새 이름")), partial(drop, 2), partial(drop, 3))
        assert other == [None] * 3
        return stale

    list(sync.mend_documents(search.Kind("thing", THING.main, THING.fields, documents)))
    assert {key: row.main for key, row in rows().items()} == {1: "새이름", 2: "", 3: ""}


def test_a_check_finds_and_mends_what_elasticsearch_has_otherwise(app: Flask, index: Index) -> None:
    put(*[thing(key, f"하나 {key}") for key in range(1, 6)])
    sync.sync()
    assert flask(app, "check") == (0, "the search is sound\n")
    name = f"{index.prefix}thing"
    index.client.delete(index=name, id="1")
    index.client.update(index=name, id="2", doc={"main": "다른것"})
    strange = {"id": 9, "created_at": 1, "main": "x", "texts": {}, "tags": []}
    index.client.index(index=name, id="9", document=strange, version=7, version_type="external")
    in_transaction(lambda session: session.execute(update(SearchDocument).values(sent_version=SearchDocument.version)))
    status, told = flask(app, "check")
    assert status == 1
    assert [line.split(":")[0] for line in told.splitlines()] == ["thing 1", "thing 2", "thing 9"]
    assert index.texts() == {key: f"하나{key}" for key in range(1, 6)}
    assert flask(app, "check") == (0, "the search is sound\n")


def test_the_command_makes_the_first_index(app: Flask, elasticsearch: ElasticsearchForTests) -> None:
    search.start(elasticsearch.url, [THING], prefix=elasticsearch.prefix)
    truth[1] = thing(1, "김밥")
    assert flask(app, "check")[0] == 1
    assert flask(app, "reindex") == (0, "thing: 0 documents mended, index rebuilt\n")
    assert found_there(Query("김밥")) == [1]


@pytest.mark.parametrize("way", ["stop", "pause"])
def test_elasticsearch_away_costs_one_wait_and_it_is_used_again_by_itself(
    server: Elasticsearch, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elastic._breaker, "_pause", 0.2)
    getattr(server, way)()
    assert seconds(lambda: find(Query("김"))) < 2
    assert search.is_away()
    assert seconds(lambda: [find(Query("김")) for _ in range(20)]) < 5
    put(thing(2, "김치"))
    run_jobs()
    assert (jobs(), dead_letters()) == ([], 0)
    assert find(Query("김")) == [2, 1]
    server.resume() if way == "pause" else server.start()
    wait_until(lambda: found_there(Query("김")) == [1])
    sync.sweep()
    run_jobs()
    wait_until(lambda: found_there(Query("김")) == [2, 1])
    assert not search.is_away()


def test_one_job_at_a_time_waits_for_an_elasticsearch_that_says_nothing(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def feed() -> int:
        with app.app_context():
            return sync.sync()

    monkeypatch.setattr(elastic, "WRITING", 4.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as threads:
        silent.settimeout(30)
        search.start(f"http://127.0.0.1:{silent.getsockname()[1]}", [THING])
        put(*[thing(key, "김밥") for key in range(1, 8)])
        waiting = threads.submit(feed)
        caller, _address = silent.accept()
        with caller:
            assert seconds(run_jobs) < 3
            assert not waiting.done()
            assert waiting.result() == 0
    assert (jobs(), dead_letters()) == ([], 0)
    sync.sweep()
    assert jobs() == [("search.sync", "search.sync")]


def test_a_command_says_that_elasticsearch_is_away(app: Flask) -> None:
    search.start("http://127.0.0.1:9", [THING])
    put(thing(1, "김밥"))
    for command in ("check", "reindex"):
        status, told = flask(app, command)
        assert status == 1
        assert "Error: " in told
    assert find(Query("김밥")) == [1]


def dead_letters() -> int:
    with reading() as session:
        return len(session.scalars(select(DeadLetter)).all())


def seconds(act: Callable[[], object]) -> float:
    began = monotonic()
    act()
    return monotonic() - began
