"""Plays Kakao, Naver and Google for practice: the person chooses who they are, and what goes wrong.

Each provider answers under its own prefix, as the real one does: its fields, its faults, its way of unlinking. Everything
is in memory. `POST /control` sets a fault for every answer, lets codes expire or forgets everything; `GET /control`
tells who is linked and who was unlinked.
"""

import argparse
import hashlib
import os
import sys
import threading
from base64 import urlsafe_b64encode
from collections import Counter
from dataclasses import dataclass, field, replace
from secrets import token_urlsafe
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit
from zlib import crc32

from flask import Flask, abort, jsonify, redirect, render_template, request
from joserfc import jwt
from joserfc.jwk import OctKey
from werkzeug.wrappers import Response

from nene.kernel.clock import wall
from standins import CLIENT_ID, CLIENT_SECRET

PORT = 9101
CODE_LIFE = 600.0  # seconds
SLOW = 8.0  # seconds: longer than anybody waits for an answer
NAMES = {"kakao": "카카오", "naver": "네이버", "google": "구글"}
FAULTS = {
    "": "아무 일 없음",
    "state": "state가 바뀌어 돌아옴",
    "expired": "코드가 만료됨",
    "stale": "로그인한 지 하루 지남 (구글)",
    "slow": "답이 늦음",
    "down": "점검 중 (503)",
    "nonsense": "토큰 대신 엉뚱한 답",
    "profile-down": "프로필만 점검 중 (503)",
    "profile-nonsense": "프로필 대신 엉뚱한 답",
    "profile-empty": "프로필이 비어 있음",
}


@dataclass(frozen=True)
class Person:
    """Somebody with an account at a provider."""

    label: str
    id: str
    email: str = ""
    verified: bool = False
    nickname: str = ""
    birth: str = ""  # 1995-05-05


PEOPLE = {
    "full": Person("모두 있는 사람", "1001", "haneul@example.com", verified=True, nickname="하늘", birth="1995-05-05"),
    "no-email": Person("이메일이 없는 사람", "1002", nickname="바다"),
    "unverified": Person("이메일을 확인하지 않은 사람", "1003", "sup@example.com", nickname="숲"),
    "demo1": Person("demo1의 이메일을 확인한 사람", "1004", "demo1@nene.test", verified=True, nickname="닮은꼴"),
    "demo1-unverified": Person("demo1의 이메일을 적기만 한 사람", "1005", "demo1@nene.test", nickname="흉내쟁이"),
    "no-nickname": Person("닉네임이 없는 사람", "1006", "nameless@example.com", verified=True),
}


@dataclass(frozen=True)
class Code:
    """What a code stands for."""

    provider: str
    person: Person
    redirect_uri: str
    challenge: str
    fault: str
    born: float
    tells_auth_time: bool = False


@dataclass
class Memory:
    """What all three providers remember."""

    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, Code] = field(default_factory=dict)
    refresh: dict[str, Code] = field(default_factory=dict)
    linked: set[tuple[str, str]] = field(default_factory=set)
    unlinked: list[tuple[str, str]] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    fault: str = ""


app = Flask(__name__)
memory = Memory()
lock = threading.RLock()


@app.get("/kakao/oauth/authorize", defaults={"provider": "kakao"})
@app.get("/naver/oauth2.0/authorize", defaults={"provider": "naver"})
@app.get("/google/o/oauth2/v2/auth", defaults={"provider": "google"})
def authorize(provider: str) -> str:
    """Ask who one is, and whether that may be told."""
    if request.args.get("response_type") != "code" or request.args.get("client_id") != CLIENT_ID:
        abort(400, "response_type, client_id")
    _checked_callback(request.args.get("redirect_uri", ""))
    return render_template(
        "oauth.html", name=NAMES[provider], provider=provider, people=PEOPLE, faults=FAULTS, asked=request.args
    )


@app.post("/kakao/oauth/authorize", defaults={"provider": "kakao"})
@app.post("/naver/oauth2.0/authorize", defaults={"provider": "naver"})
@app.post("/google/o/oauth2/v2/auth", defaults={"provider": "google"})
def decide(provider: str) -> Response:
    """Go back with a code, or with the refusal."""
    form, back = request.form, _checked_callback(request.form.get("redirect_uri", ""))
    answer = {"state": form.get("state", "")}
    fault = form.get("fault", "")
    if fault == "state" or memory.fault == "state":
        answer["state"] = token_urlsafe(16)
    if form.get("decision") != "agree":
        return redirect(f"{back}?{urlencode({**answer, 'error': 'access_denied'})}", 303)
    answer["code"] = token_urlsafe(24)
    born = monotonic() - (CODE_LIFE if fault == "expired" else 0)
    challenge = form.get("code_challenge", "") if form.get("code_challenge_method") == "S256" else ""
    with lock:
        asked = "auth_time" in form.get("claims", "")
        memory.codes[answer["code"]] = Code(provider, _person(provider), back, challenge, fault, born, asked)
    return redirect(f"{back}?{urlencode(answer)}", 303)


@app.post("/kakao/oauth/token", defaults={"provider": "kakao"})
@app.post("/naver/oauth2.0/token", defaults={"provider": "naver"})
@app.post("/google/token", defaults={"provider": "google"})
def token(provider: str) -> Any:
    """A code or a refresh token for tokens; for Naver also the way to unlink."""
    sent = request.form
    if sent.get("client_id") != CLIENT_ID or sent.get("client_secret") != CLIENT_SECRET:
        return _refused(provider, "invalid_client", 401)
    with lock:
        memory.asked[provider] += 1
        if sent.get("grant_type") == "delete" and provider == "naver":
            return _unlinked_at_naver(sent.get("access_token", ""))
        if sent.get("grant_type") == "refresh_token":
            code = memory.refresh.get(sent.get("refresh_token", ""))
        elif sent.get("grant_type") == "authorization_code":
            code = _redeemed(provider)
        else:
            return _refused(provider, "unsupported_grant_type", 400)
    if code is None or code.provider != provider:
        return _refused(provider, "invalid_grant", 400)
    return _misbehaviour(code.fault) or _tokens(code)


@app.get("/kakao/v2/user/me", defaults={"provider": "kakao"})
@app.get("/naver/v1/nid/me", defaults={"provider": "naver"})
@app.get("/google/v1/userinfo", defaults={"provider": "google"})
def profile(provider: str) -> Any:
    """What the person allowed to be told, in the provider's own words."""
    code = memory.access.get(_bearer())
    if code is None or code.provider != provider:
        return _not_known(provider)
    found = _misbehaviour(code.fault.partition("profile-")[2])
    return found or jsonify({"kakao": _kakao, "naver": _naver, "google": _google}[provider](code.person))


@app.post("/kakao/v1/user/unlink")
def unlink_kakao() -> Any:
    """End the link of whose access token it is."""
    found = _misbehaviour(memory.fault)
    code = memory.access.get(_bearer())
    if found is not None or code is None or code.provider != "kakao":
        return found or _not_known("kakao")
    _forget(code)
    return jsonify(id=int(code.person.id))


@app.post("/google/revoke")
def revoke_google() -> Any:
    """End the link of whose token, refresh or access, it is."""
    found = _misbehaviour(memory.fault)
    given = request.form.get("token", "")
    code = memory.refresh.get(given) or memory.access.get(given)
    if found is not None or code is None or code.provider != "google":
        return found or (jsonify(error="invalid_token", error_description="Token expired or revoked"), 400)
    _forget(code)
    return jsonify({})


@app.get("/control")
def look() -> Any:
    """Who is linked, who was unlinked, in order, and how often each provider was asked for tokens."""
    return jsonify(linked=sorted(memory.linked), unlinked=memory.unlinked, asked=memory.asked, fault=memory.fault)


@app.post("/control")
def control() -> Any:
    """`fault`: for every answer from now on; `expire`: every code and access token is too old; `forget`: everything."""
    wanted = request.get_json()
    with lock:
        if wanted.get("forget"):
            memory.__init__()  # type: ignore[misc]
        if "fault" in wanted:
            memory.fault = wanted["fault"] or ""
        if wanted.get("expire"):
            memory.access.clear()
            memory.codes = {name: replace(code, born=code.born - CODE_LIFE) for name, code in memory.codes.items()}
    return look()


def _checked_callback(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"} or not parts.path.endswith("/callback") or parts.query or parts.fragment:
        abort(400, "redirect_uri")
    return uri


def _person(provider: str) -> Person:
    form = request.form
    person = PEOPLE.get(form.get("person", ""))
    if person is None:
        own_id = form.get("id", "").strip() or "1999"
        person = Person(
            "나", own_id, form.get("email", "").strip(), bool(form.get("verified")), form.get("nickname", "").strip()
        )
    if provider == "kakao" and not person.id.isdecimal():
        return replace(person, id=str(crc32(person.id.encode())))
    return person


def _redeemed(provider: str) -> Code | None:
    sent = request.form
    code = memory.codes.pop(sent.get("code", ""), None)
    if code is None or monotonic() - code.born >= CODE_LIFE or sent.get("redirect_uri") != code.redirect_uri:
        return None
    digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
    if code.challenge and urlsafe_b64encode(digest).rstrip(b"=").decode() != code.challenge:
        return None
    return None if provider == "naver" and not sent.get("state") else code


def _tokens(code: Code) -> Any:
    access, refresh = token_urlsafe(24), token_urlsafe(24)
    with lock:
        memory.access[access], memory.refresh[refresh] = code, code
        memory.linked.add((code.provider, code.person.id))
    life: Any = "3600" if code.provider == "naver" else 3600  # Naver sends it as text
    more = {"id_token": _id_token(code)} if code.provider == "google" else {}
    return jsonify(access_token=access, refresh_token=refresh, token_type="bearer", expires_in=life, **more)  # noqa: S106


def _id_token(code: Code) -> str:
    now = int(wall.now().timestamp())
    claims = {"iss": "https://accounts.google.com", "aud": CLIENT_ID, "sub": code.person.id, "exp": now + 3600}
    if code.tells_auth_time:
        claims["auth_time"] = now - (86_400 if code.fault == "stale" else 5)
    return jwt.encode({"alg": "HS256"}, claims, OctKey.generate_key(256))


def _misbehaviour(fault: str) -> Any:
    """The answer of a provider with this fault, or with that of all answers; none for a good one."""
    chosen = fault or memory.fault
    if chosen == "slow":
        threading.Event().wait(SLOW)
    if chosen == "down":
        return "<h1>503 Service Unavailable</h1>", 503
    if chosen == "nonsense":
        return "<h1>이런 답은 처음이에요</h1>"
    return jsonify({}) if chosen == "empty" else None


def _refused(provider: str, error: str, status: int) -> Any:
    words: dict[str, str] = {"error": error, "error_description": "refused for practice"}
    if provider == "kakao":
        words["error_code"] = "KOE010" if error == "invalid_client" else "KOE320"
    return jsonify(words), 200 if provider == "naver" else status  # Naver says no with a 200


def _not_known(provider: str) -> Any:
    words: dict[str, dict[str, Any]] = {
        "kakao": {"msg": "this access token does not exist", "code": -401},
        "naver": {"resultcode": "024", "message": "Authentication failed"},
        "google": {"error": "invalid_request", "error_description": "Invalid Credentials"},
    }
    return jsonify(words[provider]), 401


def _unlinked_at_naver(access: str) -> Any:
    found = _misbehaviour(memory.fault)
    code = memory.access.get(access)
    if found is not None or code is None:
        return found or _refused("naver", "invalid_request", 400)
    _forget(code)
    return jsonify(access_token=access, result="success")


def _forget(code: Code) -> None:
    gone = (code.provider, code.person.id)
    with lock:
        for tokens in (memory.access, memory.refresh):
            for name in [name for name, one in tokens.items() if (one.provider, one.person.id) == gone]:
                del tokens[name]
        memory.linked.discard(gone)
        memory.unlinked.append(gone)


def _bearer() -> str:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    return given if kind == "Bearer" else ""


def _kakao(person: Person) -> dict[str, Any]:
    account: dict[str, Any] = {"profile_nickname_needs_agreement": not person.nickname}
    if person.nickname:
        account["profile"] = {"nickname": person.nickname}
    account["has_email"] = bool(person.email)
    if person.email:
        account |= {"email": person.email, "is_email_valid": True, "is_email_verified": person.verified}
    return {"id": int(person.id), "connected_at": "2026-11-01T00:00:00Z", "kakao_account": account}


def _naver(person: Person) -> dict[str, Any]:
    year, _, day = person.birth.partition("-")
    told = {"email": person.email, "nickname": person.nickname, "birthyear": year, "birthday": day}
    response = {"id": person.id, **{name: value for name, value in told.items() if value}}
    return {"resultcode": "00", "message": "success", "response": response}


def _google(person: Person) -> dict[str, Any]:
    told: dict[str, Any] = {"sub": person.id}
    if person.nickname:
        told["name"] = person.nickname
    if person.email:
        told |= {"email": person.email, "email_verified": person.verified}
    return told


def main() -> None:
    """Serve on the loopback address until told to end."""
    if os.environ.get("NENE_ENV") == "production":
        sys.exit("The stand-in for social sign-in lets everybody be anybody: it does not start in production.")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=int(os.environ.get("NENE_OAUTH_PORT", PORT)))
    app.run("127.0.0.1", parser.parse_args().port, threaded=True)


if __name__ == "__main__":
    main()
