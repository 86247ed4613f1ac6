"""Both backends of the search find the same, and nothing is lost between a domain and what is found (U11)."""

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from nene.kernel import search
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import CursorWrong, NotThere
from nene.kernel.outbox import Outbox
from nene.kernel.search import Document, Kind, Query, sync
from nene.kernel.search.models import SearchDocument
from tests.conftest import ElasticsearchForTests, Race
from tests.kernel.search_cases import CASES, DOCUMENTS, Case, model, random_documents, random_queries, thing

pytestmark = pytest.mark.usefixtures("committed")
truth: dict[int, Document] = {}  # what the domain says should be found
Backend = Callable[[], None]


def list_things(session: Session, after_id: int, limit: int) -> Sequence[Document]:
    return [truth[key] for key in sorted(truth) if key > after_id][:limit]


THING = Kind("thing", main="name", fields=("name", "note"), documents=list_things)


@pytest.fixture(autouse=True)
def things() -> Iterator[None]:
    """One kind, on PostgreSQL alone; afterwards the process knows again what it knew."""
    kinds = search.kinds()
    search.start(None, [THING])
    yield
    truth.clear()
    search.start(None, kinds)


@pytest.fixture
def indexes(elasticsearch: ElasticsearchForTests) -> ElasticsearchForTests:
    """The same with Elasticsearch, which has an empty index."""
    search.start(elasticsearch.url, [THING], prefix=elasticsearch.prefix)
    sync.reindex(THING)
    return elasticsearch


@pytest.fixture(params=["postgresql", "elasticsearch"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Lets one of the two answer, and it alone."""
    if request.param == "postgresql":
        return lambda: None
    request.getfixturevalue("indexes")

    def use() -> None:
        sync.reindex(THING)
        in_transaction(lambda session: session.execute(delete(SearchDocument)))

    return use


def put(*documents: Document) -> None:
    def step(session: Session) -> None:
        for document in documents:
            search.put(session, THING, document)

    truth.update({document.id: document for document in documents})
    in_transaction(step)


def drop(key: int) -> None:
    truth.pop(key, None)
    in_transaction(search.drop, THING, key)


def find(query: Query, size: int = 100) -> list[int]:
    return list(search.find(THING, query, cursor=None, size=size))


def walk(query: Query, size: int) -> list[int]:
    """Every page, one after the other."""
    found: list[int] = []
    cursor = None
    while True:
        page = search.find(THING, query, cursor=cursor, size=size)
        assert len(page.items) <= size
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


def rows() -> dict[int, SearchDocument]:
    with reading() as session:
        return {row.id: row for row in session.scalars(select(SearchDocument))}


def test_what_is_found_and_in_which_order(backend: Backend) -> None:
    put(*DOCUMENTS)
    backend()
    wrong: list[tuple[Case, list[int]]] = [(case, found) for case in CASES if (found := find(case.query)) != case.found]
    assert wrong == []


def test_a_look_at_everything_finds_the_same(backend: Backend) -> None:
    dice = random.Random(11)
    put(*random_documents(dice, 200).values())
    backend()
    for query in random_queries(dice, 150):
        assert find(query, size=300) == model(truth, query), query


def test_pages_leave_nothing_out_and_repeat_nothing(backend: Backend) -> None:
    dice = random.Random(64)
    put(*random_documents(dice, 100).values())
    backend()
    for query in [Query(), Query("가"), Query("a"), Query("나가"), Query("가", fields=("note",))]:
        for size in (1, 7, 20):
            assert walk(query, size) == model(truth, query)


def test_a_frequent_word_is_found_behind_the_newest_documents_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nene.kernel.search.twin.RECENT", 5)
    dice = random.Random(5)
    put(*random_documents(dice, 60).values())
    for query in [Query(), Query("가"), Query("a"), Query("", and_tags=frozenset({"size=1"}))]:
        assert walk(query, 3) == model(truth, query)


def test_a_list_goes_on_on_the_other_backend(indexes: ElasticsearchForTests) -> None:
    put(*random_documents(random.Random(3), 50).values())
    sync.reindex(THING)
    for first, then in [(indexes.url, None), (None, indexes.url)]:
        search.start(first, [THING], prefix=indexes.prefix)
        page = search.find(THING, Query("가"), cursor=None, size=7)
        search.start(then, [THING], prefix=indexes.prefix)
        rest = search.find(THING, Query("가"), cursor=page.next, size=100)
        assert [*page, *rest] == model(truth, Query("가"))


@pytest.mark.parametrize(
    "other", [Query("나"), Query("가", fields=("name",)), Query("가", and_tags=frozenset({"a=b"}))]
)
def test_a_cursor_of_another_query_is_refused(other: Query) -> None:
    put(thing(1, "가"), thing(2, "가나"))
    cursor = search.find(THING, Query("가"), cursor=None, size=1).next
    assert list(search.find(THING, Query(" 가 "), cursor=cursor, size=1)) == [2]
    with pytest.raises(CursorWrong):
        search.find(THING, other, cursor=cursor, size=1)


def test_a_field_that_the_kind_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="secret"):
        find(Query("가", fields=("secret",)))


@given(st.text())
def test_what_is_normalised_stays_as_it_is(text: str) -> None:
    once = search.normalise(text)
    assert search.normalise(once) == once
    assert not any(letter.isspace() for letter in once)


def test_what_is_undone_is_not_found() -> None:
    def step(session: Session) -> None:
        search.put(session, THING, thing(1, "김밥"))
        raise NotThere

    with pytest.raises(NotThere):
        in_transaction(step)
    assert find(Query("김밥")) == []


def test_what_is_unchanged_is_not_written_again() -> None:
    put(thing(1, "김밥"))
    put(thing(1, "김밥"))
    assert rows()[1].version == 1
    put(thing(1, "라면"))
    assert (rows()[1].version, find(Query("김밥")), find(Query("라면"))) == (2, [], [1])


def test_of_what_is_gone_only_the_number_is_left() -> None:
    put(thing(1, "김밥", "비밀", tags={"mail=a@nene.test"}))
    drop(1)
    drop(2)
    drop(1)
    left = {key: (row.main, row.texts, row.tags, row.terms, row.created_at) for key, row in rows().items()}
    assert left == dict.fromkeys((1, 2), ("", {}, [], [], None))
    assert rows()[1].version == 2
    assert find(Query()) == []
    put(thing(1, "김밥"))
    assert find(Query("김")) == [1]


def test_two_who_change_the_same_thing_leave_one_document(race: Race) -> None:
    put(thing(1, "처음"))
    assert (
        race(partial(put, thing(1, "하나")), partial(put, thing(1, "둘")), partial(put, thing(2, "셋"))) == [None] * 3
    )
    assert rows()[1].version == 3
    assert len(find(Query("하나"))) + len(find(Query("둘"))) == 1


def test_without_elasticsearch_nothing_is_sent() -> None:
    put(thing(1, "김밥"))
    sync.sweep()
    with reading() as session:
        assert session.scalars(select(Outbox)).all() == []
    assert sync.sync() == 0
