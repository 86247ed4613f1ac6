"""Who did what, to whom, when and from where: append-only (A8)."""

from datetime import datetime

from sqlalchemy import BigInteger, Identity, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import DateTime
from structlog.contextvars import get_contextvars

from nene.kernel.clock import wall
from nene.kernel.db import Base


class Audit(Base):
    """One thing done by an admin, or to somebody's money or account; the database refuses to change or delete it."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "who", "id"), Index(None, "target", "id"), Index(None, "action", "id"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="wall clock")
    who: Mapped[int | None] = mapped_column(BigInteger, comment="user id; none for the system and for strangers")
    action: Mapped[str] = mapped_column(Text, comment="domain.verb")
    target: Mapped[str] = mapped_column(Text, comment="kind:id")
    result: Mapped[str] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text, comment="where the request came from")
    request_id: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, object]] = mapped_column(JSONB, comment="numbers and words only, nothing personal")


def record(
    session: Session, *, action: str, target: str, who: int | None, result: str = "ok", **details: object
) -> None:
    """Note it in the same transaction as what it tells of."""
    around = get_contextvars()
    session.add(
        Audit(
            at=wall.now(),
            who=who,
            action=action,
            target=target,
            result=result,
            address=around.get("address"),
            request_id=around.get("request_id"),
            details=details,
        )
    )
