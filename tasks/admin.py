"""Jobs of operation."""

import structlog

from nene.admin import service
from nene.kernel import outbox
from nene.kernel.db import reading

log = structlog.get_logger(__name__)


@outbox.actor("admin.verify_ledger")
def verify_ledger() -> None:
    """Prove the ledger, and say loudly what is wrong (P10)."""
    with reading(snapshot=True) as session:
        faults = list(service.verify_ledger(session))
    for fault in faults:
        log.error("ledger.fault", fault=fault)
    log.info("ledger.verified", faults=len(faults))
