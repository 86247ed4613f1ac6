"""Challenges, participants, verifications and settlements, with the verbs that change them."""

from dataclasses import asdict
from datetime import date, datetime
from typing import NoReturn

from sqlalchemy import BigInteger, CheckConstraint, Enum, ForeignKey, Identity, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from nene.challenge import rules
from nene.challenge.errors import (
    AlreadyJoined,
    CannotCancel,
    CannotClose,
    CannotQuit,
    CannotRejoin,
    ChallengeFull,
    Frozen,
    HostCannotQuit,
    NotHost,
    NotOngoing,
    NotParticipant,
    NotWaiting,
    TermsChanged,
    TooFewParticipants,
)
from nene.challenge.terms import Category, Status, Step, Terms
from nene.kernel.clock import seoul_date
from nene.kernel.db import Base
from nene.point.terms import Reference


class Challenge(Base):
    """A staked promise with a start date and a due date."""

    __tablename__ = "challenge"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 2 AND 50", name="name"),
        CheckConstraint("char_length(description) BETWEEN 1 AND 2000", name="description"),
        CheckConstraint("2 <= min_participants AND min_participants <= max_participants", name="min_participants"),
        CheckConstraint("max_participants <= 10000", name="max_participants"),
        CheckConstraint("fee BETWEEN 100 AND 200000", name="fee"),
        CheckConstraint("due_date > start_date AND due_date - start_date < 365", name="dates"),
        CheckConstraint("participant_count BETWEEN 0 AND max_participants", name="participant_count"),
        CheckConstraint("pot >= fee * participant_count", name="pot"),
        Index("ix_challenge_to_start", "start_date", "id", postgresql_where="status IN ('WAITING', 'READY')"),
        Index("ix_challenge_to_settle", "due_date", "id", postgresql_where="status = 'ONGOING'"),
        Index(None, "participant_count", "id"),
        Index(None, "pot", "id"),
        Index(None, "start_date", "id"),
        Index(None, "host_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    name: Mapped[str] = mapped_column(String(50))
    description: Mapped[str] = mapped_column(String(2000))
    category: Mapped[Category] = mapped_column(
        Enum(Category, native_enum=False, length=16, create_constraint=True, name="category")
    )
    status: Mapped[Status] = mapped_column(
        Enum(Status, native_enum=False, length=16, create_constraint=True, name="status"), default=Status.WAITING
    )
    min_participants: Mapped[int]
    max_participants: Mapped[int]
    fee: Mapped[int] = mapped_column(BigInteger, comment="points each participant stakes")
    start_date: Mapped[date]
    due_date: Mapped[date] = mapped_column(comment="the last day that counts")
    participant_count: Mapped[int] = mapped_column(default=0, comment="who staked and has not quit")
    pot: Mapped[int] = mapped_column(BigInteger, default=0, comment="all stakes, those of quitters included")
    version: Mapped[int] = mapped_column(default=1, comment="of the terms; raised by editing only")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="business clock")
    set_aside_until: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="wall clock; the job failed with it and leaves it alone so long (C15)"
    )

    @property
    def reference(self) -> Reference:
        """How ledger entries name it."""
        return Reference("challenge", str(self.id), self.name)

    @property
    def days(self) -> int:
        """Days that count, from start to due."""
        return rules.days_between(self.start_date, self.due_date)

    def join(self, user_id: int, *, terms: int, before: "Participant | None", now: datetime) -> "Participant":
        """Take a seat; `terms` is the version that the person has read, `before` an earlier membership."""
        if before is not None:
            before.refuse_again()
        if self.status is not Status.WAITING or seoul_date(now) >= self.start_date:
            raise NotWaiting
        if self.participant_count >= self.max_participants:
            raise ChallengeFull
        if terms != self.version:
            raise TermsChanged
        self.participant_count += 1
        self.pot += self.fee
        return Participant(challenge_id=self.id, user_id=user_id, joined_at=now)

    def leave(self, participant: "Participant | None", *, today: date, now: datetime) -> bool:
        """Quit (C6); gives whether the stake goes back (else it stays in the pot)."""
        if participant is None or participant.quit_at is not None:
            raise NotParticipant
        if participant.user_id == self.host_id:
            raise HostCannotQuit
        if self.status is Status.ONGOING and today <= self.due_date:
            participant.quit_at = now
            self.participant_count -= 1
            return False
        if self.status is not Status.WAITING:
            raise CannotQuit
        self.participant_count -= 1
        self.pot -= self.fee
        return True

    def edit(self, terms: Terms, *, by: int) -> None:
        """Change the terms while nobody else has read and accepted them (C3)."""
        self.require_host(by)
        if self.status is not Status.WAITING or self.participant_count > 1:
            raise Frozen
        for field, value in asdict(terms).items():
            setattr(self, field, value)
        self.version += 1

    def close(self, *, by: int) -> None:
        """Close recruiting (C8)."""
        self.require_host(by)
        if self.status is not Status.WAITING:
            raise CannotClose
        if self.participant_count < self.min_participants:
            raise TooFewParticipants(missing=self.min_participants - self.participant_count)
        self.status = Status.READY

    def cancel(self, *, by: int | None) -> None:
        """Cancel (C7): the host before the start; an admin, `by` none, until it is finished."""
        if by is not None:
            self.require_host(by)
        allowed = {Status.WAITING, Status.READY} | ({Status.ONGOING} if by is None else set())
        if self.status not in allowed:
            raise CannotCancel
        self.status = Status.CANCELED

    def due_step(self, now: datetime) -> Step | None:
        """What time has made due (C9, C12)."""
        return rules.due_step(
            self.status,
            start=self.start_date,
            due=self.due_date,
            participants=self.participant_count,
            min_participants=self.min_participants,
            now=now,
        )

    def require_running(self, today: date) -> None:
        """Refuse a verification outside of the running days (C10)."""
        if self.status is not Status.ONGOING or not self.start_date <= today <= self.due_date:
            raise NotOngoing

    def require_host(self, user_id: int) -> None:
        """Refuse everybody but the host."""
        if user_id != self.host_id:
            raise NotHost


class Participant(Base):
    """Somebody who staked the fee; quitting before the start deletes the row, and its id is never used again."""

    __tablename__ = "participant"
    __table_args__ = (UniqueConstraint("challenge_id", "user_id"), Index(None, "user_id", "id"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    challenge_id: Mapped[int] = mapped_column(ForeignKey("challenge.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    joined_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="business clock")
    quit_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), comment="while ONGOING only")

    def refuse_again(self) -> NoReturn:
        """Say why this person cannot join: raises AlreadyJoined, or CannotRejoin after quitting."""
        raise AlreadyJoined if self.quit_at is None else CannotRejoin


class Verification(Base):
    """One day's proof by one participant."""

    __tablename__ = "verification"
    __table_args__ = (
        UniqueConstraint("challenge_id", "user_id", "day"),
        CheckConstraint("char_length(content) BETWEEN 1 AND 255", name="content"),
        Index(None, "challenge_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    challenge_id: Mapped[int] = mapped_column(ForeignKey("challenge.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    day: Mapped[date] = mapped_column(comment="in Seoul, when the request arrived")
    content: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="business clock")


class Settlement(Base):
    """How a pot was divided, once."""

    __tablename__ = "settlement"
    __table_args__ = (CheckConstraint("share * winners + remainder = pot", name="adds_up"),)

    challenge_id: Mapped[int] = mapped_column(ForeignKey("challenge.id"), primary_key=True)
    pot: Mapped[int] = mapped_column(BigInteger)
    achievers: Mapped[int]
    winners: Mapped[int] = mapped_column(comment="achievers, or all who stayed if there are none")
    share: Mapped[int] = mapped_column(BigInteger)
    remainder: Mapped[int] = mapped_column(comment="points that went one each to the first winners")
    settled_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="business clock")


class Share(Base):
    """What one participant had done and got."""

    __tablename__ = "settlement_share"

    participant_id: Mapped[int] = mapped_column(ForeignKey("participant.id"), primary_key=True)
    challenge_id: Mapped[int] = mapped_column(ForeignKey("settlement.challenge_id"), index=True)
    verified_days: Mapped[int]
    achieved: Mapped[bool]
    points: Mapped[int] = mapped_column(BigInteger, comment="0 for those who got nothing")
