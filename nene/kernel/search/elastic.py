"""Elasticsearch: the client, what its indexes look like, and how it is asked and fed.

An index `nene-<kind>-<moment>` (`nene-` is the prefix) is read by the alias `nene-<kind>` and written by the alias `<index>-in`, which is gone with
the index: nothing is ever written to an index that nobody made.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import structlog

from nene.kernel.breaker import Breaker, Gate
from nene.kernel.clock import wall
from nene.kernel.search.models import SearchDocument
from nene.kernel.search.terms import EXACT, INSIDE, PREFIX, Hit, Kind, Wanted

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

READING, WRITING = 1.0, 30.0  # seconds that a search, and that a job, waits for an answer
PAUSE = 2.0
FEEDING = 1  # job at a time that waits until it has taken what has changed
FAILURES = 3  # of feeding in a row, before nobody feeds for a pause
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GRAMS = {"pairs": 2, "letters": 1}
GRAVES = "10m"  # how long an index remembers the version of what was deleted from it
NEWER_OR_GONE = {404, 409}  # a document or its index is not there any more, or has a newer version: all is well
_breaker = Breaker(pause=PAUSE)
_gate = Gate(threading.BoundedSemaphore(FEEDING), failures=FAILURES, pause=PAUSE)
_client: "Elasticsearch | None" = None
_prefix = ""
_away: tuple[type[Exception], ...] = ()
log = structlog.get_logger(__name__)


class ElasticsearchAway(Exception):
    """It did not answer, or not sensibly."""


def start(url: str | None, prefix: str) -> None:
    """Make this process's one client, or none. The library is loaded here: it takes seconds, and no request waits for it."""
    global _client, _away, _prefix  # noqa: PLW0603 - one client a process, like the engine
    _breaker.answered()
    _gate.learn(answered=True)
    _prefix = prefix
    if url is None:
        _client = None
        return
    from elasticsearch import ApiError, Elasticsearch, TransportError  # noqa: PLC0415 - only where it is wanted

    _away = (ApiError, TransportError)
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)  # else a line for each request
    _client = Elasticsearch(url, request_timeout=READING, max_retries=0, retry_on_timeout=False, retry_on_status=())


def is_configured() -> bool:
    """Whether this process was given an Elasticsearch."""
    return _client is not None


def is_away() -> bool:
    """Whether Elasticsearch failed when it was last asked."""
    return _breaker.is_open


def find(wanted: Wanted, after: Hit | None, limit: int) -> list[Hit] | None:
    """At most so many hits, those after one if it is given; none (not an empty list) if PostgreSQL has to answer.

    Only the searches that run when it goes away wait for it: afterwards a thread of its own asks until it answers.
    """
    if _client is None or not _answers():
        return None
    try:
        answer = _client.search(
            index=_alias(wanted.kind),
            query=_query(wanted),
            sort=[{"_score": "desc"}, {"created_at": "desc"}, {"id": "desc"}],
            search_after=[after.tier, _micros(after.created_at), after.id] if after else None,
            size=limit,
            source=False,
            track_total_hits=False,
            allow_partial_search_results=False,
        )
    except _away as error:
        _failed(error)
        return None
    _breaker.answered()
    return [_hit(*each["sort"]) for each in answer["hits"]["hits"]]


def create(kind: Kind) -> str:
    """Make an empty index that is fast to fill and read by nobody yet; gives its name. Raises ElasticsearchAway."""
    name = f"{_alias(kind.name)}-{wall.now():%Y%m%d%H%M%S%f}"
    with _patient() as client:
        client.indices.create(index=name, settings=_settings(), mappings=_mapping(kind), aliases={_entrance(name): {}})
    return name


def publish(kind: str, name: str) -> None:
    """Let the searches read this index from now on; all others of the kind are deleted in the same moment."""
    with _patient() as client:
        others = [other for other in _indexes(client, kind) if other != name]
        client.indices.update_aliases(
            actions=[
                {"add": {"index": name, "alias": _alias(kind)}},
                *({"remove_index": {"index": other}} for other in others),
            ]
        )


def open_up(name: str) -> None:
    """End the filling: a replica where there is a second node, and what is written is found a second later."""
    with _patient() as client:
        client.indices.put_settings(index=name, settings={"auto_expand_replicas": "0-1", "refresh_interval": "1s"})
        client.indices.refresh(index=name)


def discard(name: str) -> None:
    """Delete an index that came to nothing."""
    with _patient() as client:
        client.indices.delete(index=name, ignore_unavailable=True)


def published(kind: str) -> str | None:
    """The index that the searches of a kind read, if there is one."""
    with _patient() as client:
        found = client.indices.get_alias(index=f"{_alias(kind)}-*", name=_alias(kind), allow_no_indices=True)
        return next(iter(found), None) if client.indices.exists_alias(name=_alias(kind)) else None


def feed(kind: str, rows: Sequence[SearchDocument], *, only: str | None = None) -> list[SearchDocument]:
    """Hand rows of a kind, which were read before, to each of its indexes (or to one); gives those that all of them took.

    None are taken while there is no index. The highest version wins, in whatever order rows come. Raises
    ElasticsearchAway.
    """
    refused: set[int] = set()
    with _patient() as client:
        names = [only] if only else _indexes(client, kind)
        for name in names:
            operations = [part for row in rows for part in _operations(row, _entrance(name))]
            for row, item in zip(rows, client.bulk(operations=operations, require_alias=True)["items"], strict=True):
                outcome = next(iter(item.values()))
                if outcome["status"] >= 300 and outcome["status"] not in NEWER_OR_GONE:  # noqa: PLR2004 - HTTP
                    refused.add(row.id)
                    log.error("search.refused", kind=kind, id=row.id, reason=outcome["error"]["type"])
    return [row for row in rows if row.id not in refused] if names else []


def feed_in_turn(kind: str, rows: Sequence[SearchDocument], *, patience: float) -> list[SearchDocument]:
    """`feed`, but one at a time, so that the others are free while it hangs. Raises NotAsked too, after `patience`."""
    with _gate.seat(patience=patience):
        try:
            taken = feed(kind, rows)
        except ElasticsearchAway:
            _gate.learn(answered=False)
            raise
        _gate.learn(answered=True)
        return taken


def held(name: str, after_id: int, limit: int) -> list[tuple[int, int]]:
    """Numbers and versions of what an index held at its last refresh, by ascending number. Raises ElasticsearchAway."""
    with _patient() as client:
        client.indices.refresh(index=name)
        answer = client.search(
            index=name,
            query={"range": {"id": {"gt": after_id}}},
            sort=[{"id": "asc"}],
            size=limit,
            version=True,
            source=False,
            allow_partial_search_results=False,
        )
    return [(each["sort"][0], each["_version"]) for each in answer["hits"]["hits"]]


def unlike(name: str, rows: Sequence[SearchDocument]) -> dict[int, int]:
    """Which of these rows an index holds otherwise, at this moment, with the version it has of each (0: none)."""
    if not rows:
        return {}
    with _patient() as client:
        answer = client.mget(index=name, ids=[str(row.id) for row in rows])
    found: dict[int, int] = {}
    for row, each in zip(rows, answer["docs"], strict=True):
        wanted = None if row.gone else (row.version, _stored(row))
        if ((each["_version"], each["_source"]) if each["found"] else None) != wanted:
            found[row.id] = each.get("_version", 0)
    return found


def _answers() -> bool:
    """Whether it may be asked; while it is away, one thread in each pause tries, and nobody waits for that."""
    if not _breaker.is_open:
        return True
    if _breaker.lets_through():
        threading.Thread(target=_try, args=(_client,), daemon=True, name="search-try").start()
    return False


def _try(client: "Elasticsearch") -> None:
    if client.ping():
        _breaker.answered()
        log.info("search.back")


def _failed(error: Exception) -> None:
    """Whoever asked turns to PostgreSQL. A question that is not understood (400) is our fault, and raised."""
    status = _status(error)
    if status == 400:  # noqa: PLR2004 - HTTP
        raise error
    if status != 404:  # noqa: PLR2004 - an index that is not made yet answers at once
        _breaker.failed()
    log.warning("search.away", error=type(error).__name__, status=status)


def _status(error: Exception) -> int | None:
    return cast("int | None", getattr(error, "status_code", None))


@contextmanager
def _patient() -> Iterator["Elasticsearch"]:
    """The client for jobs, which may wait. Raises ElasticsearchAway if it fails, but for our own faults."""
    try:
        yield cast("Elasticsearch", _client).options(request_timeout=WRITING)
    except _away as error:
        if _status(error) == 400:  # noqa: PLR2004 - HTTP
            raise
        raise ElasticsearchAway(type(error).__name__) from error


def _indexes(client: "Elasticsearch", kind: str) -> list[str]:
    return sorted(client.indices.get(index=f"{_alias(kind)}-*", allow_no_indices=True, features="aliases"))


def _alias(kind: str) -> str:
    return f"{_prefix}{kind}"


def _entrance(name: str) -> str:
    return f"{name}-in"


def _operations(row: SearchDocument, index: str) -> list[dict[str, Any]]:
    target = {"_index": index, "_id": str(row.id), "version": row.version, "version_type": "external"}
    return [{"delete": target}] if row.gone else [{"index": target}, _stored(row)]


def _stored(row: SearchDocument) -> dict[str, Any]:
    assert row.created_at
    plain = {"id": row.id, "main": row.main, "texts": row.texts, "tags": row.tags}
    return {**plain, "created_at": _micros(row.created_at)}


def _settings() -> dict[str, Any]:
    grams = {name: {"type": "ngram", "min_gram": size, "max_gram": size} for name, size in GRAMS.items()}
    return {
        "number_of_shards": 1,
        "number_of_replicas": 0,
        "refresh_interval": "-1",
        "gc_deletes": GRAVES,
        "analysis": {
            "tokenizer": grams,
            "analyzer": {name: {"type": "custom", "tokenizer": name} for name in GRAMS},
        },
    }


def _mapping(kind: Kind) -> dict[str, Any]:
    letters = {"letters": {"type": "text", "analyzer": "letters", "index_options": "docs", "norms": False}}
    text = {"type": "text", "analyzer": "pairs", "norms": False, "fields": letters}
    return {
        "dynamic": "strict",
        "properties": {
            "id": {"type": "long"},
            "created_at": {"type": "long"},
            "main": {"type": "keyword"},
            "tags": {"type": "keyword"},
            "texts": {"properties": dict.fromkeys(kind.fields, text)},
        },
    }


def _query(wanted: Wanted) -> dict[str, Any]:
    filters = [{"term": {"tags": tag}} for tag in wanted.and_tags]
    if not wanted.text:
        return _scored(INSIDE, {"bool": {"filter": filters}})
    ways = [_inside(field, wanted.text) for field in wanted.fields]
    ways += [{"term": {"tags": tag}} for tag in wanted.or_tags]
    tiers = [_scored(INSIDE, {"bool": {"should": ways}})]
    if wanted.main:
        tiers.append(_scored(EXACT, {"term": {"main": wanted.text}}))
        tiers.append(_scored(PREFIX, {"prefix": {"main": wanted.text}}))
    return {"bool": {"must": [{"dis_max": {"queries": tiers}}], "filter": filters}}


def _inside(field: str, text: str) -> dict[str, Any]:
    """Two letters and more are pairs in a row; pairs know nothing of a single letter."""
    if len(text) == 1:
        return {"term": {f"texts.{field}.letters": text}}
    return {"match_phrase": {f"texts.{field}": text}}


def _scored(tier: int, condition: dict[str, Any]) -> dict[str, Any]:
    return {"constant_score": {"filter": condition, "boost": tier}}


def _hit(tier: float, micros: int, key: int) -> Hit:
    return Hit(int(tier), EPOCH + timedelta(microseconds=micros), key)


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
