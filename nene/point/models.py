"""The tables of the ledger; migrations/ adds the triggers that make the database refuse what must not be.

Balances and what lots have left are changed by those triggers alone: posting is the only way to change them.
"""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Enum, ForeignKey, Identity, Index, Text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from nene.kernel.db import Base
from nene.point.terms import AccountKind, LotKind, Reason


class PointAccount(Base):
    """A wallet or an escrow with its balance."""

    __tablename__ = "point_account"
    __table_args__ = (
        CheckConstraint("kind IN ('WALLET', 'ESCROW')", name="kept"),
        CheckConstraint("balance >= 0", name="balance"),
        CheckConstraint("closed_at IS NULL OR balance = 0", name="closed_empty"),
    )

    kind: Mapped[AccountKind] = mapped_column(
        Enum(AccountKind, native_enum=False, length=16, create_constraint=True, name="account_kind"), primary_key=True
    )
    owner_id: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, comment="user id of a wallet, challenge id of an escrow"
    )
    balance: Mapped[int] = mapped_column(BigInteger, default=0, comment="points; kept by trigger")
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Entry(Base):
    """One balanced movement of points."""

    __tablename__ = "point_entry"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True, comment="idempotency key: what the movement is for")
    reason: Mapped[Reason] = mapped_column(
        Enum(Reason, native_enum=False, length=24, create_constraint=True, name="reason")
    )
    about_kind: Mapped[str] = mapped_column(Text)
    about_id: Mapped[str] = mapped_column(Text)
    about_label: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="business clock")


class Posting(Base):
    """One side of an entry; the postings of an entry sum to zero."""

    __tablename__ = "point_posting"
    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount"),
        CheckConstraint("(kind = 'WALLET') = (balance_after IS NOT NULL)", name="balance_after"),
        Index(None, "kind", "owner_id", "id"),
        Index(None, "entry_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("point_entry.id"))
    kind: Mapped[AccountKind] = mapped_column(
        Enum(AccountKind, native_enum=False, length=16, create_constraint=True, name="account_kind")
    )
    owner_id: Mapped[int] = mapped_column(BigInteger, comment="0 for system accounts")
    amount: Mapped[int] = mapped_column(BigInteger, comment="points, positive into the account")
    balance_after: Mapped[int | None] = mapped_column(BigInteger, comment="of a wallet, for its history")


class Lot(Base):
    """Points that came into a wallet together; spent first in, first out."""

    __tablename__ = "point_lot"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("remaining BETWEEN 0 AND amount", name="remaining"),
        Index("ix_point_lot_open", "user_id", "id", postgresql_where="remaining > 0"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger)
    entry_id: Mapped[int] = mapped_column(ForeignKey("point_entry.id"), unique=True)
    kind: Mapped[LotKind] = mapped_column(
        Enum(LotKind, native_enum=False, length=8, create_constraint=True, name="lot_kind")
    )
    amount: Mapped[int] = mapped_column(BigInteger)
    remaining: Mapped[int] = mapped_column(BigInteger, comment="kept by trigger from point_lot_use")


class LotUse(Base):
    """What an entry took from a lot (negative) or put back into it (positive)."""

    __tablename__ = "point_lot_use"
    __table_args__ = (CheckConstraint("amount <> 0", name="amount"), Index(None, "lot_id"))

    entry_id: Mapped[int] = mapped_column(ForeignKey("point_entry.id"), primary_key=True)
    lot_id: Mapped[int] = mapped_column(ForeignKey("point_lot.id"), primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)
