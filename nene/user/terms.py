"""The words of users that other domains may name."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

GONE = "탈퇴한 회원"  # the nickname of who has withdrawn: data, not a text of a page


class Role(StrEnum):
    """What somebody may do."""

    USER = "USER"
    ADMIN = "ADMIN"


class Provider(StrEnum):
    """Where one may sign in from."""

    KAKAO = "kakao"
    NAVER = "naver"
    GOOGLE = "google"


class Document(StrEnum):
    """What one agrees to at sign-up."""

    TERMS = "TERMS"
    PRIVACY = "PRIVACY"


VERSIONS = {Document.TERMS: "2026-11-24", Document.PRIVACY: "2026-11-25"}


@dataclass(frozen=True)
class PublicUser:
    """What anybody may see of a user (U10)."""

    id: int
    nickname: str
    image: str | None
    bio: str
    joined_on: date | None
