"""Settings from the environment, each wrong one named at the start (O5)."""

from pathlib import Path

import pytest

from nene.kernel import settings as module
from nene.kernel.settings import DEMO_SECRET, Settings, SettingsWrong

SECRET = "a secret of our own, long enough for anybody"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder where no servers have left their addresses."""
    monkeypatch.chdir(tmp_path)


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_without_an_environment_it_is_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    assert (settings.env, settings.port, settings.min_stake_age) == ("demo", 8000, 19)
    assert settings.site == "http://localhost:8000"
    assert not settings.production
    assert not settings.secure_cookies


def test_empty_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, PORT="", NENE_RATE_SCALE="").port == 8000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "http"),
        ("NENE_ENV", "staging"),
        ("NENE_SECRET_KEY", "short"),
        ("NENE_DATABASE_URL", "mysql://localhost/nene"),
        ("NENE_REDIS_URL", "http://localhost"),
        ("NENE_PUBLIC_URL", "nene.example"),
        ("NENE_RATE_SCALE", "0"),
        ("NENE_TRUSTED_PROXIES", "-1"),
        ("NENE_MIN_STAKE_AGE", "13"),
        ("NENE_MAX_OPEN_STAKES", "many"),
    ],
)
def test_a_wrong_value_stops_the_start_with_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(SettingsWrong) as stop:
        load(monkeypatch, **{name: value})
    [line] = str(stop.value).splitlines()
    assert line.startswith(f"{name}: ")
    assert len(line) > len(name) + 5


def test_every_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsWrong) as stop:
        load(monkeypatch, PORT="0", NENE_RATE_SCALE="x")
    assert {line.split(":")[0] for line in str(stop.value).splitlines()} == {"PORT", "NENE_RATE_SCALE"}


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"NENE_PUBLIC_URL": "https://nene.example"}, "NENE_SECRET_KEY"),
        ({"NENE_PUBLIC_URL": "https://nene.example", "NENE_SECRET_KEY": DEMO_SECRET}, "NENE_SECRET_KEY"),
        ({"NENE_SECRET_KEY": SECRET}, "NENE_PUBLIC_URL"),
    ],
)
def test_production_refuses_to_start_with_defaults(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsWrong, match=named):
        load(monkeypatch, NENE_ENV="production", **environment)


def test_production_has_secure_cookies(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, NENE_ENV="production", NENE_SECRET_KEY=SECRET, NENE_PUBLIC_URL="https://nene.example/")
    assert settings.production
    assert settings.secure_cookies
    assert settings.site == "https://nene.example"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_any_address_of_postgresql_will_do(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    settings = load(monkeypatch, NENE_DATABASE_URL=f"{scheme}://me:pw@db:5433/nene")
    assert str(settings.database_url) == "postgresql+psycopg://me:pw@db:5433/nene"


def test_commands_find_the_servers_that_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".nene").mkdir()
    (tmp_path / ".nene/servers.env").write_text("NENE_PUBLIC_URL=http://localhost:9000\nNENE_OTHER=1\n")
    assert load(monkeypatch).site == "http://localhost:9000"
    assert load(monkeypatch, NENE_PUBLIC_URL="http://localhost:7000").site == "http://localhost:7000"


def test_a_process_reads_its_settings_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_current", None)
    first = module.current()
    monkeypatch.setenv("PORT", "9999")
    assert module.current() is first


def test_a_provider_is_offered_once_we_are_known_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch).oauth("kakao") is None
    settings = load(monkeypatch, NENE_OAUTH_KAKAO_CLIENT_ID="us", NENE_OAUTH_KAKAO_TOKEN_URL="http://localhost:1/token")
    kakao = settings.oauth("kakao")
    assert kakao is not None
    assert (kakao.client_id, kakao.client_secret) == ("us", "")
    assert kakao.authorize_url == "https://kauth.kakao.com/oauth/authorize"
    assert kakao.token_url == "http://localhost:1/token"
    assert settings.oauth_origins == ["https://kauth.kakao.com"]
