"""Small servers that play the outside world for the demo and the tests, each in a process of its own.

Each function gives the settings that lead to one of them on a port of this machine.
"""

from collections.abc import Iterable

CLIENT_ID, CLIENT_SECRET = "nene-practice", "nene-practice-secret"  # known to everybody
TOSS_CLIENT_KEY, TOSS_SECRET_KEY = "test_gck_nene_practice", "test_gsk_nene_practice"  # likewise
OAUTH_PATHS = {  # authorize, token, userinfo and unlink, as the real ones are laid out
    "kakao": ("oauth/authorize", "oauth/token", "v2/user/me", "v1/user/unlink"),
    "naver": ("oauth2.0/authorize", "oauth2.0/token", "v1/nid/me", "oauth2.0/token"),
    "google": ("o/oauth2/v2/auth", "token", "v1/userinfo", "revoke"),
}


def oauth_settings(port: int, providers: Iterable[str] = OAUTH_PATHS) -> dict[str, str]:
    """Kakao, Naver and Google, or some of them, played by standins/oauth.py."""
    known: dict[str, str] = {}
    providers = tuple(providers)
    for provider in providers:
        paths = OAUTH_PATHS[provider]
        name = f"NENE_OAUTH_{provider.upper()}"
        known |= {f"{name}_CLIENT_ID": CLIENT_ID, f"{name}_CLIENT_SECRET": CLIENT_SECRET}
        for page, path in zip(("AUTHORIZE", "TOKEN", "USERINFO", "UNLINK"), paths, strict=True):
            known[f"{name}_{page}_URL"] = f"http://localhost:{port}/{provider}/{path}"
    return known | ({"NENE_OAUTH_GOOGLE_TELLS_AUTH_TIME": "true"} if "google" in providers else {})


def mail_settings(port: int, page_port: int) -> dict[str, str]:
    """A mail server, and the page that shows what arrived, played by standins/mail.py."""
    return {"NENE_SMTP_URL": f"smtp://localhost:{port}", "NENE_MAILBOX_URL": f"http://localhost:{page_port}"}


def toss_settings(port: int) -> dict[str, str]:
    """Toss Payments, played by standins/toss.py."""
    url = f"http://localhost:{port}"
    keys = {"NENE_TOSS_CLIENT_KEY": TOSS_CLIENT_KEY, "NENE_TOSS_SECRET_KEY": TOSS_SECRET_KEY}
    pages = {"NENE_TOSS_SDK_URL": f"{url}/v2/standard", "NENE_TOSS_WINDOW_URL": f"{url}/window"}
    return {"NENE_TOSS_API_URL": url, **keys, **pages}
