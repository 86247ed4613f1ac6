"""How Elasticsearch follows the documents, and how both are compared with the truth of the domains and mended."""

from collections.abc import Iterator, Sequence

import structlog
from sqlalchemy import BigInteger, Text, column, select, tuple_, update, values
from sqlalchemy.orm import Session

from nene.kernel import outbox
from nene.kernel.breaker import NotAsked
from nene.kernel.db import in_transaction, reading
from nene.kernel.search import elastic
from nene.kernel.search.models import BARE, SearchDocument, differs, row_of, write
from nene.kernel.search.terms import Kind

BATCH = 500
STRIDE = 1000  # what was deleted there by others left a version that Elasticsearch does not tell
LOOKS = 3  # at what differs: it may be on its way
UNSENT = SearchDocument.version != SearchDocument.sent_version
log = structlog.get_logger(__name__)


class NotTheSame(Exception):
    """A new index does not hold what it was filled with; the old one stays."""


def sweep() -> None:
    """Ask for the job if Elasticsearch lacks anything: what was changed while it or the job was away."""
    if elastic.is_configured():
        in_transaction(_ask_if_behind)


def sync(*, patience: float = 0) -> int:
    """Hand every document that Elasticsearch lacks to it, as it is now; gives how many it took. Safe to run twice.

    Ends quietly if it is away, or if another does the same for longer than `patience`: the sweep asks again. An index that is being made meanwhile is fed too, for rows are read
    before the indexes are listed.
    """
    taken, place = 0, ("", 0)
    try:
        while elastic.is_configured():
            with reading() as session:
                rows = _unsent(session, place)
            if not rows:
                break
            for kind in sorted({row.kind for row in rows}):
                sent = elastic.feed_in_turn(kind, [row for row in rows if row.kind == kind], patience=patience)
                if sent:
                    in_transaction(_mark, sent)
                taken += len(sent)
            place = (rows[-1].kind, rows[-1].id)
    except (elastic.ElasticsearchAway, NotAsked) as reason:
        log.info("search.not_sent", reason=str(reason) or type(reason).__name__)
    return taken


def reindex(kind: Kind) -> int:
    """Bring the documents in line with the domain, and rebuild the index beside the old one; gives how many differed.

    People search all the while. Raises ElasticsearchAway and NotTheSame, after which the old index is as it was.
    """
    mended = sum(1 for _ in mend_documents(kind))
    if elastic.is_configured():
        name = elastic.create(kind)
        try:
            _fill(kind.name, name)
        except BaseException:
            elastic.discard(name)
            raise
        elastic.publish(kind.name, name)
    return mended


def mend_documents(kind: Kind) -> Iterator[str]:
    """Compare the documents with what the domain says should be found; each difference is mended and told."""
    place: int | None = 0
    while place is not None:
        place, faults = in_transaction(_mend_batch, kind, place)
        yield from faults


def mend_index(kind: Kind) -> Iterator[str]:
    """Compare Elasticsearch with the documents; each difference is told and sent again. Raises ElasticsearchAway."""
    name = elastic.published(kind.name)
    if name is None:
        yield f"{kind.name}: there is no index; make it by flask search reindex"
        return
    wrong = _differing(kind.name, name)
    for key in sorted(wrong):
        yield f"{kind.name} {key}: Elasticsearch holds something else"
    if wrong:
        in_transaction(_outdo, kind.name, wrong)
        sync(patience=elastic.WRITING)


def _ask_if_behind(session: Session) -> None:
    if session.scalar(select(SearchDocument.id).where(UNSENT).limit(1)) is not None:
        outbox.enqueue(session, "search.sync", key="search.sync")


def _unsent(session: Session, place: tuple[str, int]) -> Sequence[SearchDocument]:
    key = tuple_(SearchDocument.kind, SearchDocument.id)
    return session.scalars(select(SearchDocument).where(UNSENT, key > place).order_by(*key.clauses).limit(BATCH)).all()


def _mark(session: Session, rows: Sequence[SearchDocument]) -> None:
    """A row that has changed meanwhile stays unsent."""
    sent = values(column("kind", Text), column("id", BigInteger), column("version", BigInteger), name="sent")
    sent = sent.data([(row.kind, row.id, row.version) for row in rows])
    same = (SearchDocument.kind == sent.c.kind) & (SearchDocument.id == sent.c.id)
    session.execute(
        update(SearchDocument)
        .where(same, SearchDocument.version == sent.c.version)
        .values(sent_version=sent.c.version)
        .execution_options(synchronize_session=False)
    )


def _fill(kind: str, name: str) -> None:
    after = 0
    while rows := _documents(kind, after):
        elastic.feed(kind, rows, only=name)
        after = rows[-1].id
    elastic.open_up(name)
    if wrong := _differing(kind, name):
        raise NotTheSame(sorted(wrong)[:10])


def _documents(kind: str, after: int) -> Sequence[SearchDocument]:
    with reading() as session:
        return _listed(session, kind, after)


def _listed(session: Session, kind: str, after: int) -> Sequence[SearchDocument]:
    mine = select(SearchDocument).where(SearchDocument.kind == kind, SearchDocument.id > after)
    return session.scalars(mine.order_by(SearchDocument.id).limit(BATCH)).all()


def _mend_batch(session: Session, kind: Kind, after: int) -> tuple[int | None, list[str]]:
    """Rows are read before the truth: who changes one in between has changed its version, and is not overwritten."""
    rows = {row.id: row for row in _listed(session, kind.name, after)}
    truth = {document.id: document for document in kind.documents(session, after, BATCH)}
    end = min((max(keys) for keys in (rows, truth) if len(keys) == BATCH), default=None)
    faults = []
    for key in sorted(key for key in rows.keys() | truth.keys() if end is None or key <= end):
        row, wanted = rows.get(key), row_of(kind, truth[key]) if key in truth else BARE
        if (row is None and key in truth) or (row is not None and differs(row, wanted)):
            write(session, kind.name, key, wanted, seen=row.version if row else 0)
            faults.append(f"{kind.name} {key}: the documents have it otherwise than the domain")
    return end, faults


def _differing(kind: str, name: str) -> dict[int, int]:
    """What an index holds otherwise than the documents, with its version of each; looked at again, for it may be coming."""
    suspects: set[int] = set()
    after: int | None = 0
    while after is not None:
        rows, there = _documents(kind, after), elastic.held(name, after, BATCH)
        keys, held = [row.id for row in rows], [key for key, _ in there]
        end = min((each[-1] for each in (keys, held) if len(each) == BATCH), default=None)
        near = [row for row in rows if end is None or row.id <= end]
        suspects |= elastic.unlike(name, near).keys()
        suspects |= {key for key in held if end is None or key <= end} - set(keys)
        after = end
    sync(patience=elastic.WRITING)
    wrong = _look_again(kind, name, sorted(suspects))
    for _ in range(LOOKS):
        if wrong:
            sync(patience=elastic.WRITING)
            wrong = _look_again(kind, name, sorted(wrong))
    return wrong


def _look_again(kind: str, name: str, keys: Sequence[int]) -> dict[int, int]:
    wrong: dict[int, int] = {}
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        with reading() as session:
            mine = select(SearchDocument).where(SearchDocument.kind == kind, SearchDocument.id.in_(batch))
            rows = {row.id: row for row in session.scalars(mine)}
        nothing = [SearchDocument(kind=kind, id=key, gone=True) for key in batch if key not in rows]
        wrong |= elastic.unlike(name, [*rows.values(), *nothing])
    return wrong


def _outdo(session: Session, kind: str, versions: dict[int, int]) -> None:
    """Give these documents versions that Elasticsearch takes; of what is not here, a document that is gone."""
    for key, version in sorted(versions.items()):
        write(session, kind, key, BARE, seen=0)
        mine = (SearchDocument.kind == kind) & (SearchDocument.id == key)
        newest = max(version, session.scalars(select(SearchDocument.version).where(mine)).one())
        session.execute(update(SearchDocument).where(mine).values(version=newest + STRIDE))
