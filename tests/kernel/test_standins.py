"""O1 and O5: what is not given is played, and nothing is played in production."""

from nene.kernel import run


def played(**given: str) -> dict[str, str]:
    return {name: value for _server, settings in run._standins(given, "8000") for name, value in settings.items()}


def test_without_accounts_everything_outside_is_played() -> None:
    settings = played()
    for provider in ("KAKAO", "NAVER", "GOOGLE"):
        assert settings[f"NENE_OAUTH_{provider}_CLIENT_ID"]
        assert settings[f"NENE_OAUTH_{provider}_TOKEN_URL"].startswith("http://localhost:")
    assert settings["NENE_TOSS_API_URL"].startswith("http://localhost:")
    assert settings["NENE_SMTP_URL"].startswith("smtp://localhost:")
    assert settings["NENE_MAILBOX_URL"].startswith("http://localhost:")


def test_what_is_given_is_left_alone() -> None:
    settings = played(
        NENE_OAUTH_KAKAO_CLIENT_ID="ours", NENE_SMTP_URL="smtp://mail.nene.test", NENE_TOSS_SECRET_KEY="ours"
    )
    assert {name.split("_")[2] for name in settings} == {"NAVER", "GOOGLE"}


def test_in_production_nothing_is_played() -> None:
    assert played(NENE_ENV="production") == {}
