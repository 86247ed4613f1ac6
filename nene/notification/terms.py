"""The words of notifications that other domains may use."""

from dataclasses import dataclass, field
from enum import StrEnum


class Type(StrEnum):
    """What a notification tells."""

    CHALLENGE_JOINED = "CHALLENGE_JOINED"
    CHALLENGE_STARTED = "CHALLENGE_STARTED"
    CHALLENGE_ENDED = "CHALLENGE_ENDED"
    CHALLENGE_CANCELED = "CHALLENGE_CANCELED"
    CHALLENGE_REMINDER = "CHALLENGE_REMINDER"
    VERIFICATION_SUCCESS = "VERIFICATION_SUCCESS"
    VERIFICATION_MISSED = "VERIFICATION_MISSED"
    REWARD_GRANTED = "REWARD_GRANTED"
    PAYMENT_SUCCESS = "PAYMENT_SUCCESS"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    PAYMENT_REMINDER = "PAYMENT_REMINDER"
    POINT_GRANTED = "POINT_GRANTED"
    SYSTEM_ALERT = "SYSTEM_ALERT"
    ADMIN_MESSAGE = "ADMIN_MESSAGE"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One notification to write: `key` names its cause, so that a job that runs twice tells once.

    `link` is the (kind, id) of a page that app.py maps to a URL; `values` fill the words of the type.
    """

    key: str
    user_id: int
    type: Type
    link: tuple[str, str] | None = None
    values: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Consents:
    """What a person agreed to be sent."""

    marketing: bool
    night: bool
