"""The tables of notifications."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Enum, ForeignKey, Identity, Index, Text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from nene.kernel.db import Base
from nene.notification.terms import Type


class Notification(Base):
    """One thing told to one person."""

    __tablename__ = "notification"
    __table_args__ = (
        Index(None, "user_id", "id"),
        Index("ix_notification_unread", "user_id", postgresql_where="read_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    key: Mapped[str] = mapped_column(Text, unique=True, comment="one per cause")
    type: Mapped[Type] = mapped_column(Enum(Type, native_enum=False, length=24, create_constraint=True, name="type"))
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    link_kind: Mapped[str | None] = mapped_column(Text, comment="app.py maps it to a page")
    link_id: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="business clock")
    read_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Preference(Base):
    """What one person wants to be sent, and agreed to."""

    __tablename__ = "notification_preference"
    __table_args__ = (
        CheckConstraint("reminder_hour BETWEEN 0 AND 23", name="reminder_hour"),
        CheckConstraint("night_at IS NULL OR marketing_at IS NOT NULL", name="night_needs_marketing"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    marketing_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="wall clock; when marketing was agreed to"
    )
    night_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="wall clock; when marketing from 21:00 to 08:00 was agreed to"
    )
    reminder_hour: Mapped[int] = mapped_column(default=20, comment="Seoul time")
