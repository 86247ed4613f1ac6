"""Jobs of the search."""

from nene.kernel import outbox
from nene.kernel.search import sync

outbox.actor("search.sync")(sync.sync)
