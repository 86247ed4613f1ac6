"""Payments, their timelines and refunds, with the verbs that change them; every move is one of `rules.MOVES`."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Enum, ForeignKey, Identity, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from nene.kernel.db import Base
from nene.payment import rules
from nene.payment.errors import CancelTooLate, NotAsStored, NotCancelable, NotConfirmable, NotYetCharged, explain
from nene.payment.terms import RefundStatus, Status

UNTOUCHED = "청구되지 않았어요"


class MoveNotAllowed(RuntimeError):
    """A fault of ours: the table of moves does not know this one."""


class Payment(Base):
    """Money for points: what was asked for, where it stands, and what Toss said. All moments are of the wall clock."""

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint(f"amount BETWEEN {rules.SMALLEST} AND {rules.LARGEST}", name="amount"),
        CheckConstraint("refunded BETWEEN 0 AND amount", name="refunded"),
        CheckConstraint("(status = 'CANCELED') = (refunded = amount)", name="canceled_is_refunded"),
        CheckConstraint("status NOT IN ('DONE', 'CANCELING', 'CANCELED') OR approved_at IS NOT NULL", name="approved"),
        CheckConstraint("status IN ('PENDING', 'EXPIRED') OR payment_key IS NOT NULL", name="payment_key"),
        Index(None, "user_id", "id"),
        Index("ix_payment_ask_at", "ask_at", postgresql_where="ask_at IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(64), unique=True, comment="random; what Toss calls the order")
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    amount: Mapped[int] = mapped_column(BigInteger, comment="won, and points")
    status: Mapped[Status] = mapped_column(
        Enum(Status, native_enum=False, length=10, create_constraint=True, name="status")
    )
    payment_key: Mapped[str | None] = mapped_column(Text, unique=True, comment="of Toss")
    method: Mapped[str] = mapped_column(Text, default="", comment="as Toss says it, in Korean")
    receipt_url: Mapped[str | None] = mapped_column(Text)
    requested_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    confirming_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    approved_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), comment="as Toss says it")
    failed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    charged_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), comment="when the points came")
    failure_code: Mapped[str] = mapped_column(Text, default="")
    failure_text: Mapped[str] = mapped_column(Text, default="", comment="Korean, for the person")
    refunded: Mapped[int] = mapped_column(BigInteger, default=0, comment="won that went back")
    tries: Mapped[int] = mapped_column(default=0, comment="confirmations that got a definite answer, for the next key")
    asks: Mapped[int] = mapped_column(default=0, comment="how often the reconciler has asked in this status")
    ask_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), comment="when it asks next")
    version: Mapped[int] = mapped_column(default=0)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - the library's way

    @property
    def ends_at(self) -> datetime:
        """When it ends by itself if nobody pays (M9)."""
        return self.requested_at + rules.PENDING_LIFE

    @property
    def why_not(self) -> str:
        """Why nothing came of it, for the person, who is always told that no money was taken."""
        text = self.failure_text
        return text if UNTOUCHED in text else f"{text} {UNTOUCHED}.".strip()

    def move(self, to: Status, why: str, now: datetime) -> "PaymentEvent":
        """Go to another status; gives the row of the timeline. Raises MoveNotAllowed."""
        if (self.status, to) not in rules.MOVES:
            message = f"{self.order_id}: {self.status} to {to}"
            raise MoveNotAllowed(message)
        event = PaymentEvent(payment_id=self.id, before=self.status, after=to, why=why, at=now)
        self.status, self.asks = to, 0
        if to in rules.OPEN:
            self.ask_at = now + rules.FIRST_ASK
        else:
            self.forget_ask(now)
        return event

    def forget_ask(self, now: datetime) -> None:
        """Ask no more, unless somebody has asked for it meanwhile: what is due already has not been looked at."""
        if self.ask_at is not None and self.ask_at > now:
            self.ask_at = None

    def confirm(self, payment_key: str, amount: int, now: datetime) -> "PaymentEvent | None":
        """Begin the confirmation; none if it was begun before. Raises NotAsStored, NotConfirmable (M2, M4)."""
        if self.status in {Status.FAILED, Status.EXPIRED}:
            raise NotConfirmable
        if self.status is not Status.PENDING:
            return None
        if amount != self.amount:
            raise NotAsStored
        self.payment_key, self.confirming_at = payment_key, now
        return self.move(Status.CONFIRMING, "승인 요청", now)

    def fail(self, to: Status, code: str, text: str, now: datetime) -> "PaymentEvent":
        """End without an approval: FAILED or EXPIRED."""
        self.failure_code, self.failure_text, self.failed_at = code, text, now
        return self.move(to, text, now)

    def ask_back(self, amount: int, why: str, now: datetime) -> "Refund":
        """A refund of so many won, which names the balance it is asked for: Toss refuses it once that is another."""
        return Refund(
            payment_id=self.id,
            amount=amount,
            refundable=self.amount - self.refunded,
            why=why,
            status=RefundStatus.ASKED,
            asked_at=now,
        )

    def require_cancelable(self, now: datetime) -> None:
        """Raises NotCancelable, NotYetCharged, CancelTooLate (M8)."""
        if self.status is not Status.DONE or self.refunded or self.approved_at is None:
            raise NotCancelable
        if self.charged_at is None:
            raise NotYetCharged
        if now >= rules.cancel_until(self.approved_at):
            raise CancelTooLate


class PaymentEvent(Base):
    """A row of a payment's timeline: never changed."""

    __tablename__ = "payment_event"
    __table_args__ = (Index(None, "payment_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"))
    before: Mapped[Status | None] = mapped_column(Enum(Status, native_enum=False, length=10))
    after: Mapped[Status] = mapped_column(Enum(Status, native_enum=False, length=10))
    why: Mapped[str] = mapped_column(Text, comment="Korean, for the person")
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Refund(Base):
    """One attempt to give money back, Toss's own included."""

    __tablename__ = "payment_refund"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("points >= 0 AND owed >= 0 AND points + owed <= amount", name="points"),
        CheckConstraint("(status = 'DONE') = (transaction_key IS NOT NULL)", name="transaction_key"),
        Index(None, "payment_id", "id"),
        Index("uq_payment_refund_asked", "payment_id", unique=True, postgresql_where="status = 'ASKED'"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"))
    amount: Mapped[int] = mapped_column(BigInteger, comment="won")
    refundable: Mapped[int | None] = mapped_column(
        BigInteger, comment="won left at Toss as it is asked for; none where Toss did it by itself"
    )
    points: Mapped[int] = mapped_column(BigInteger, default=0, comment="taken from the lot of the charge")
    owed: Mapped[int] = mapped_column(BigInteger, default=0, comment="spent already, and booked as owed")
    why: Mapped[str] = mapped_column(Text)
    status: Mapped[RefundStatus] = mapped_column(
        Enum(RefundStatus, native_enum=False, length=8, create_constraint=True, name="status")
    )
    transaction_key: Mapped[str | None] = mapped_column(Text, unique=True, comment="of Toss")
    refusal_code: Mapped[str] = mapped_column(Text, default="")
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @property
    def text(self) -> str:
        """Why Toss refused, in plain Korean; nothing for a code that is not known here."""
        return explain(self.refusal_code)

    @property
    def mark(self) -> str:
        """What the reason at Toss ends with, so that our own cancel is known again there."""
        return f"[{self.id}]"


class Webhook(Base):
    """A message of Toss that has been taken; the same one is not taken twice (M10)."""

    __tablename__ = "payment_webhook"
    __table_args__ = (Index(None, "arrived_at"),)

    transmission_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"))
    arrived_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
