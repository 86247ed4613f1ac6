"""The search on PostgreSQL: best matches first, tier by tier, and of each tier only as many as are still wanted."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, text, true, tuple_
from sqlalchemy.orm import Session, aliased

from nene.kernel.search.models import SearchDocument
from nene.kernel.search.terms import EXACT, INSIDE, PREFIX, TIERS, Hit, Wanted, tag_terms, text_terms

RECENT = 2000  # of the newest documents are read before an index is asked: a frequent word is found among them
Place = tuple[datetime, int]
Condition = ColumnElement[bool]


def find(session: Session, wanted: Wanted, after: Hit | None, limit: int) -> list[Hit]:
    """At most so many hits, those after one if it is given."""
    session.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))  # words differ too much for one plan
    hits: list[Hit] = []
    for tier in TIERS if wanted.text and wanted.main else (INSIDE,):
        if len(hits) < limit and not (after and tier > after.tier):
            place = (after.created_at, after.id) if after and tier == after.tier else None
            hits += [Hit(tier, *row) for row in _find_tier(session, wanted, tier, place, limit - len(hits))]
    return hits


def _find_tier(session: Session, wanted: Wanted, tier: int, place: Place | None, limit: int) -> list[Place]:
    """From the newest documents if they suffice, else by the index of the tier."""
    if tier != EXACT:
        newest = _listed(SearchDocument, wanted.kind, place, select(SearchDocument)).limit(RECENT).subquery()
        recent = aliased(SearchDocument, newest)
        found = _read(session, recent, wanted, tier, place, limit)
        if len(found) == limit:
            return found
    return _read(session, SearchDocument, wanted, tier, place, limit, whole=tier != EXACT)


def _read(
    session: Session, row: Any, wanted: Wanted, tier: int, place: Place | None, limit: int, *, whole: bool = False
) -> list[Place]:
    """With `whole`, what matches is collected before it is sorted: the planner would else look for a rare word by age."""
    found = _listed(row, wanted.kind, place, select(row.created_at, row.id)).where(_matches(row, wanted, tier))
    if whole:
        matched = found.order_by(None).cte("matched").prefix_with("MATERIALIZED")
        found = select(matched).order_by(matched.c.created_at.desc(), matched.c.id.desc())
    return [(created_at, key) for created_at, key in session.execute(found.limit(limit))]


def _listed(row: Any, kind: str, place: Place | None, statement: Any) -> Any:
    behind = tuple_(row.created_at, row.id) < place if place else true()
    return statement.where(row.kind == kind, ~row.gone, behind).order_by(row.created_at.desc(), row.id.desc())


def _matches(row: Any, wanted: Wanted, tier: int) -> Condition:
    """That a document belongs to the tier, and to no better one."""
    exact, begins = row.main == wanted.text, row.main.op("^@", is_comparison=True)(wanted.text)
    if tier == EXACT:
        return and_(exact, _has(row, wanted, *wanted.and_tags))
    if tier == PREFIX:
        return and_(begins, ~exact, _has(row, wanted, *wanted.and_tags))
    if not wanted.text:
        return _has(row, wanted, *wanted.and_tags)
    return and_(_inside(row, wanted), ~begins if wanted.main else true())


def _inside(row: Any, wanted: Wanted) -> Condition:
    """By the text itself, and by the index: pairs of letters may all be there without following each other."""
    ways = [
        and_(
            func.strpos(row.texts[field].astext, wanted.text) > 0,
            _has(row, wanted, *wanted.and_tags, terms=text_terms(wanted.kind, field, wanted.text)),
        )
        for field in wanted.fields
    ]
    return or_(*ways, *(_has(row, wanted, tag, *wanted.and_tags) for tag in wanted.or_tags))


def _has(row: Any, wanted: Wanted, *tags: str, terms: list[str] | None = None) -> Condition:
    """That a document has all these tags and terms."""
    every = [*(terms or ()), *tag_terms(wanted.kind, tags)]
    condition: Condition = row.terms.contains(every) if every else true()
    return condition
