"""The words of challenges that other domains may use."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

MIN_FEE, MAX_FEE = 100, 200_000
MIN_PEOPLE, MAX_PEOPLE = 2, 10_000
MAX_DAYS = 365


class Status(StrEnum):
    """Where a challenge is in its life."""

    WAITING = "WAITING"
    READY = "READY"
    ONGOING = "ONGOING"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"

    @property
    def is_over(self) -> bool:
        """Whether nothing can happen any more."""
        return self in {Status.FINISHED, Status.CANCELED}


class Category(StrEnum):
    """What a challenge is about."""

    HEALTH = "HEALTH"
    STUDY = "STUDY"
    RELATIONSHIP = "RELATIONSHIP"
    HABIT = "HABIT"


class Sort(StrEnum):
    """In which order challenges are listed."""

    NEWEST = "newest"
    STARTING = "starting"
    POPULAR = "popular"
    POT = "pot"


class Step(StrEnum):
    """What time does to a challenge."""

    START = "START"
    CANCEL = "CANCEL"
    SETTLE = "SETTLE"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What people promise; frozen once somebody else has joined (C3)."""

    name: str
    description: str
    category: Category
    min_participants: int
    max_participants: int
    start_date: date
    due_date: date


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which challenges are listed, and in which order (C17)."""

    q: str = ""
    status: Status | None = None
    category: Category | None = None
    min_fee: int | None = None
    max_fee: int | None = None
    starts_from: date | None = None
    due_until: date | None = None
    sort: Sort = Sort.NEWEST


@dataclass(frozen=True)
class Record:
    """What a person has done in challenges so far: how many joined and won, and the success rate over all days."""

    joined: int
    won: int
    rate: int | None


class Card(Protocol):
    """What a card of a challenge shows."""

    id: Any
    name: Any
    category: Any
    status: Any
    start_date: Any
    due_date: Any
    fee: Any
    pot: Any
    participant_count: Any
    max_participants: Any


@dataclass(frozen=True)
class MyChallenge:
    """A challenge of mine with how I stand in it; `todo` when today's verification is still missing."""

    id: int
    name: str
    category: Category
    status: Status
    start_date: date
    due_date: date
    fee: int
    pot: int
    participant_count: int
    is_host: bool
    verified_days: int
    day_number: int
    days: int
    rate: int | None
    missing_days: int
    verified_today_at: datetime | None
    has_quit: bool
    todo: bool
