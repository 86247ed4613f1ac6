"""Accounts with what belongs to them: consents, sessions, social links, pictures; and the verbs that change them."""

from datetime import date, datetime
from secrets import randbits

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from nene.kernel.clock import seoul_date
from nene.kernel.db import Base
from nene.user import rules
from nene.user.errors import BirthDateFixed, TooYoung, TooYoungToJoin
from nene.user.rules import Renewal
from nene.user.terms import GONE, Document, Provider, PublicUser, Role


class User(Base):
    """An account with its profile; who withdrew leaves the bare id."""

    __tablename__ = "user_account"
    __table_args__ = (
        CheckConstraint("char_length(nickname) BETWEEN 2 AND 12", name="nickname"),
        CheckConstraint("char_length(bio) <= 200", name="bio"),
        CheckConstraint("(withdrawn_at IS NULL) = (nickname_key IS NOT NULL)", name="nickname_key"),
        CheckConstraint("withdrawn_at IS NOT NULL OR birth_on IS NOT NULL", name="birth_on"),
        CheckConstraint(
            "withdrawn_at IS NULL OR (email IS NULL AND password_hash IS NULL AND birth_on IS NULL "
            "AND bio = '' AND image IS NULL)",
            name="withdrawn_is_bare",
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    email: Mapped[str | None] = mapped_column(Text, unique=True, comment="case-folded; none after withdrawal")
    email_verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    password_hash: Mapped[str | None] = mapped_column(Text, comment="Argon2id; none for social sign-in only")
    role: Mapped[Role] = mapped_column(Enum(Role, native_enum=False, length=8, create_constraint=True, name="role"))
    nickname: Mapped[str] = mapped_column(String(12), comment="as typed")
    nickname_key: Mapped[str | None] = mapped_column(Text, unique=True, comment="NFKC and case-folded")
    birth_on: Mapped[date | None]
    bio: Mapped[str] = mapped_column(String(rules.BIO_LONGEST), default="")
    image: Mapped[str | None] = mapped_column(Text, comment="the key of the picture; a new one for each picture")
    find_by_email: Mapped[bool] = mapped_column(default=False, comment="whether members may find them by e-mail")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="business clock")
    withdrawn_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), comment="business clock")

    @property
    def public(self) -> PublicUser:
        """What anybody may see."""
        return PublicUser(self.id, self.nickname, self.image, self.bio, seoul_date(self.created_at))

    def require_age(self, age: int, today: date) -> None:
        """Raises TooYoung below full age."""
        if self.birth_on is None or rules.age_on(self.birth_on, today) < age:
            raise TooYoung(age=age)

    def rename(self, nickname: str) -> None:
        """Take a nickname; the database sees to it that it is free."""
        self.nickname, self.nickname_key = nickname, rules.nickname_key(nickname)

    def correct_birth_date(self, birth_on: date, *, fixed: bool) -> None:
        """Correct the birth date. Raises BirthDateFixed once points were at stake, and TooYoungToJoin (U3)."""
        if birth_on == self.birth_on:
            return
        if fixed:
            raise BirthDateFixed
        if rules.age_on(birth_on, seoul_date(self.created_at)) < rules.JOIN_AGE:
            raise TooYoungToJoin(age=rules.JOIN_AGE)
        self.birth_on = birth_on

    def withdraw(self, now: datetime) -> None:
        """Forget the person, and free e-mail and nickname for others (U9)."""
        self.withdrawn_at = now
        self.nickname, self.nickname_key = GONE, None
        self.email = self.email_verified_at = self.password_hash = self.birth_on = None
        self.bio, self.image, self.find_by_email, self.role = "", None, False, Role.USER


class UserSession(Base):
    """One signed-in browser; all its moments are of the wall clock."""

    __tablename__ = "user_session"
    __table_args__ = (
        CheckConstraint("generation >= 1", name="generation"),
        Index(None, "user_id"),
        Index(None, "rotated_at"),
    )

    id: Mapped[int] = mapped_column(
        BigInteger,
        primary_key=True,
        autoincrement=False,
        default=lambda: randbits(59),
        comment="random: a restored database never gives an id, and with it the tokens of one, a second time",
    )
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    generation: Mapped[int] = mapped_column(comment="of the present refresh token")
    rotated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="when that one was first given")
    seen_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), comment="when that one had arrived")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="to a quarter of an hour")
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    user_agent: Mapped[str] = mapped_column(String(300))

    @property
    def browser(self) -> str:
        """A short name of the browser; empty if it does not say."""
        return rules.browser_name(self.user_agent)

    def renew(self, given: int, now: datetime) -> Renewal:
        """Judge a refresh token of this generation, and rotate, repeat or revoke accordingly (U6)."""
        judged = rules.renewal(given, self.generation, rotated_at=self.rotated_at, seen_at=self.seen_at, now=now)
        if judged is Renewal.ROTATE:
            self.generation += 1
            self.rotated_at, self.seen_at = now, None
        if judged is Renewal.THEFT:
            self.revoked_at = now
        elif judged is not Renewal.REFUSE:
            self.last_seen_at = now
        return judged


class Consent(Base):
    """What somebody agreed to, in which version, and when."""

    __tablename__ = "user_consent"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    what: Mapped[Document] = mapped_column(
        Enum(Document, native_enum=False, length=8, create_constraint=True, name="what"), primary_key=True
    )
    version: Mapped[str] = mapped_column(Text, primary_key=True)
    agreed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="wall clock")


def _provider() -> Enum:
    return Enum(Provider, native_enum=False, length=8, create_constraint=True, name="provider")


class SocialLink(Base):
    """An account at a provider by which somebody signs in (U4)."""

    __tablename__ = "user_social_link"
    __table_args__ = (UniqueConstraint("user_id", "provider"),)

    provider: Mapped[Provider] = mapped_column(_provider(), primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True, comment="the provider's stable id")
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    sealed_token: Mapped[str | None] = mapped_column(Text, comment="for unlinking there; encrypted")
    linked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="wall clock")


class Unlinking(Base):
    """A link that is gone here, and still to be ended at the provider; it says nothing of whose it was."""

    __tablename__ = "user_unlinking"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    provider: Mapped[Provider] = mapped_column(_provider())
    sealed_token: Mapped[str] = mapped_column(Text, comment="encrypted")
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="wall clock")


class UserImage(Base):
    """A profile picture in one width; a new picture has a new key, so that browsers may keep it for ever."""

    __tablename__ = "user_image"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    width: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="and height, in pixels")
    webp: Mapped[bytes] = mapped_column(LargeBinary)


class RetainedIdentity(Base):
    """Who somebody was who once paid and has left: kept apart, as long as the law asks (U9)."""

    __tablename__ = "retained_identity"
    __table_args__ = (Index(None, "delete_on"),)

    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    email: Mapped[str] = mapped_column(Text)
    joined_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    withdrawn_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    delete_on: Mapped[date] = mapped_column(comment="Seoul date, five years after leaving")
