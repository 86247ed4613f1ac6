"""Every setting of the product, typed and checked once at the start (O5)."""

import os
from dataclasses import dataclass
from typing import Annotated, Literal, cast
from urllib.parse import urlsplit

from pydantic import Field, PostgresDsn, RedisDsn, UrlConstraints, ValidationError, field_validator, model_validator
from pydantic_core import Url
from pydantic_settings import BaseSettings, SettingsConfigDict

DEMO_SECRET = "only-for-demo-never-in-production"  # noqa: S105 - refused in production below
WebUrl = Annotated[Url, UrlConstraints(allowed_schemes=["http", "https"])]
SmtpUrl = Annotated[Url, UrlConstraints(allowed_schemes=["smtp", "smtps"], host_required=True)]
OAUTH = ("kakao", "naver", "google")
KAKAO, NAVER, GOOGLE = (
    "https://kauth.kakao.com/oauth",
    "https://nid.naver.com/oauth2.0",
    "https://oauth2.googleapis.com",
)


class SettingsWrong(SystemExit):
    """Stops the start with the names of the wrong settings and what is expected of them."""


@dataclass(frozen=True)
class OAuthClient:
    """What we are to a provider of social sign-in, and where it is asked."""

    client_id: str
    client_secret: str
    authorize_url: str
    token_url: str
    userinfo_url: str
    unlink_url: str


class Settings(BaseSettings):
    """Read from the environment; in demo also from the file that the embedded servers leave for commands."""

    model_config = SettingsConfigDict(
        env_prefix="NENE_", env_file=".nene/servers.env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    port: int = Field(8000, ge=1, le=65535, validation_alias="PORT")
    env: Literal["demo", "production"] = "demo"
    secret_key: str = Field(DEMO_SECRET, min_length=32)
    database_url: PostgresDsn = PostgresDsn("postgresql+psycopg://localhost/nene")
    redis_url: RedisDsn = RedisDsn("redis://localhost:6379/0")
    elasticsearch_url: WebUrl | None = None
    smtp_url: SmtpUrl | None = None
    mail_from: str = Field("no-reply@nene.test", pattern=r"^[^\s@<>]+@[^\s@<>]+$")
    mailbox_url: WebUrl | None = None
    oauth_kakao_client_id: str | None = None
    oauth_kakao_client_secret: str = ""
    oauth_kakao_authorize_url: WebUrl = Url(f"{KAKAO}/authorize")
    oauth_kakao_token_url: WebUrl = Url(f"{KAKAO}/token")
    oauth_kakao_userinfo_url: WebUrl = Url("https://kapi.kakao.com/v2/user/me")
    oauth_kakao_unlink_url: WebUrl = Url("https://kapi.kakao.com/v1/user/unlink")
    oauth_naver_client_id: str | None = None
    oauth_naver_client_secret: str = ""
    oauth_naver_authorize_url: WebUrl = Url(f"{NAVER}/authorize")
    oauth_naver_token_url: WebUrl = Url(f"{NAVER}/token")
    oauth_naver_userinfo_url: WebUrl = Url("https://openapi.naver.com/v1/nid/me")
    oauth_naver_unlink_url: WebUrl = Url(f"{NAVER}/token")
    oauth_google_client_id: str | None = None
    oauth_google_client_secret: str = ""
    oauth_google_authorize_url: WebUrl = Url("https://accounts.google.com/o/oauth2/v2/auth")
    oauth_google_token_url: WebUrl = Url(f"{GOOGLE}/token")
    oauth_google_userinfo_url: WebUrl = Url("https://openidconnect.googleapis.com/v1/userinfo")
    oauth_google_unlink_url: WebUrl = Url(f"{GOOGLE}/revoke")
    oauth_google_tells_auth_time: bool = False
    toss_api_url: WebUrl = Url("https://api.tosspayments.com")
    toss_client_key: str | None = None
    toss_secret_key: str | None = None
    toss_sdk_url: WebUrl = Url("https://js.tosspayments.com/v2/standard")
    toss_window_url: WebUrl | None = None
    public_url: WebUrl | None = None
    rate_scale: float = Field(1.0, gt=0)
    trusted_proxies: int = Field(0, ge=0, le=10)
    min_stake_age: int = Field(19, ge=14, le=120)
    max_open_stakes: int = Field(500_000, ge=100)
    max_monthly_charge: int = Field(500_000, ge=10_000)
    pool_size: int = Field(16, ge=1, le=90)
    operator_name: str = "내돈네돈"
    operator_representative: str = "○○○"
    operator_address: str = "○○○"
    operator_phone: str = "02-000-0000"
    operator_business_number: str = "000-00-00000"
    operator_mail_order_number: str = "제0000-서울○○-0000호"

    @field_validator("database_url")
    @classmethod
    def _psycopg(cls, value: PostgresDsn) -> PostgresDsn:
        text = str(value)
        for scheme in ("postgresql://", "postgres://"):
            if text.startswith(scheme):
                return PostgresDsn("postgresql+psycopg://" + text.removeprefix(scheme))
        return value

    @model_validator(mode="after")
    def _production_is_safe(self) -> "Settings":
        if self.production and self.secret_key == DEMO_SECRET:
            message = "NENE_SECRET_KEY: production needs a secret of its own, at least 32 characters"
            raise ValueError(message)
        if self.production and self.public_url is None:
            message = "NENE_PUBLIC_URL: production needs the address that people type, such as https://nene.example"
            raise ValueError(message)
        return self

    @property
    def production(self) -> bool:
        """Whether real money may be moved here: no demo clock, no stand-ins, no default secret."""
        return self.env == "production"

    @property
    def site(self) -> str:
        """The only source of absolute links, without a slash at the end."""
        return str(self.public_url or f"http://localhost:{self.port}").rstrip("/")

    @property
    def secure_cookies(self) -> bool:
        """Secure is off only on http://localhost (U5)."""
        return not self.site.startswith(("http://localhost", "http://127.0.0.1"))

    def oauth(self, provider: str) -> OAuthClient | None:
        """What is needed to sign in with kakao, naver or google; none if we are not known there."""
        values = {name: getattr(self, f"oauth_{provider}_{name}") for name in OAuthClient.__dataclass_fields__}
        return OAuthClient(**{name: str(value) for name, value in values.items()}) if values["client_id"] else None

    @property
    def oauth_origins(self) -> list[str]:
        """Where a form of ours may lead through a redirect: the providers' own sign-in pages."""
        pages = [urlsplit(known.authorize_url) for name in OAUTH if (known := self.oauth(name))]
        return list(dict.fromkeys(f"{page.scheme}://{page.netloc}" for page in pages))

    @property
    def toss_origins(self) -> list[str]:
        """Where the payment widget comes from: Toss's script brings frames of its other hosts, a stand-in's does not."""
        sdk = urlsplit(str(self.toss_sdk_url))
        if (sdk.hostname or "").endswith(".tosspayments.com"):
            return ["https://*.tosspayments.com", "https://*.toss.im"]
        return [f"{sdk.scheme}://{sdk.netloc}"]

    @property
    def is_test_payment(self) -> bool:
        """Whether paying moves no money: Toss's own keys for tests begin with this, and the stand-in's do."""
        return (self.toss_client_key or "").startswith("test_")

    @classmethod
    def load(cls) -> "Settings":
        """Read and check; raises SettingsWrong, which ends the program with one line for each fault."""
        try:
            return cls(_env_file=None) if os.environ.get("NENE_ENV") == "production" else cls()
        except ValidationError as wrong:
            lines = [
                f"{_variable(str(fault['loc'][0])) + ': ' if fault['loc'] else ''}"
                f"{fault['msg'].removeprefix('Value error, ')}"
                for fault in wrong.errors()
            ]
            raise SettingsWrong("\n".join(lines)) from None


_current: Settings | None = None


def use(settings: Settings) -> None:
    """Make these the settings of this process."""
    global _current  # noqa: PLW0603 - one set of settings a process
    _current = settings


def current() -> Settings:
    """The settings of this process; read from the environment unless `use` was called."""
    if _current is None:
        use(Settings.load())
    return cast("Settings", _current)


def _variable(field: str) -> str:
    return field if field.isupper() else f"NENE_{field.upper()}"
