"""The words of payments that other domains may name."""

from enum import StrEnum


class Status(StrEnum):
    """Where a payment stands."""

    PENDING = "PENDING"
    CONFIRMING = "CONFIRMING"
    DONE = "DONE"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"


class RefundStatus(StrEnum):
    """Where one attempt to give money back stands."""

    ASKED = "ASKED"
    DONE = "DONE"
    REFUSED = "REFUSED"
