"""Commands of the search: `flask search …`."""

from collections.abc import Callable, Iterator

import click
from flask.cli import AppGroup

from nene.kernel import search
from nene.kernel.search import sync
from nene.kernel.search.elastic import ElasticsearchAway
from nene.kernel.search.terms import Kind

commands = AppGroup("search", help="What is found.")


@commands.command("reindex")
def reindex() -> None:
    """Bring the documents in line with the domains, and rebuild the indexes of Elasticsearch with no gap."""
    for kind in search.kinds():
        try:
            mended = sync.reindex(kind)
        except (ElasticsearchAway, sync.NotTheSame) as reason:
            raise click.ClickException(f"{kind.name}: {reason!r}; the old index stays") from None
        click.echo(f"{kind.name}: {mended} documents mended" + (", index rebuilt" * search.is_configured()))


@commands.command("check")
def check() -> None:
    """List what is found otherwise than it should be, and mend it; exit 1 if there was anything."""
    looks: list[Callable[[Kind], Iterator[str]]] = [sync.mend_documents]
    if search.is_configured():
        looks.append(sync.mend_index)
    faults = 0
    for kind in search.kinds():
        for look in looks:
            try:
                for fault in look(kind):
                    click.echo(fault)
                    faults += 1
            except ElasticsearchAway as reason:
                raise click.ClickException(f"Elasticsearch is away: {reason}") from None
    if faults:
        raise SystemExit(1)
    click.echo("the search is sound")
