"""Jobs of challenges."""

from nene.challenge import service
from nene.kernel import demo_clock, outbox
from nene.kernel.clock import business


@outbox.actor("challenge.advance")
def advance() -> None:
    """Start, cancel, finish and settle whatever is due."""
    demo_clock.refresh()
    service.advance(business.now())
