"""Signing in by Kakao, Naver and Google, and linking them: to the provider and back.

What this browser asked is kept in its own cookie, sealed: the state, for what it was asked, and in which session. An
answer is taken once, by the browser that asked, and only for what it was asked for.
"""

import hmac
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from flask import make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required

from nene.kernel import auth, settings, tokens
from nene.kernel.auth import SignedIn
from nene.kernel.clock import wall
from nene.kernel.db import in_transaction, reading
from nene.kernel.errors import NotThere, Refusal
from nene.kernel.forms import Form, tidy
from nene.kernel.security import limit_sign_up
from nene.kernel.web import RETRY_SOON, Answer, arrived_at, go_to, own_path, show_change
from nene.user import gateway, rules, service
from nene.user.errors import (
    EmailTaken,
    EmailTakenElsewhere,
    FieldRefused,
    LinkedElsewhere,
    SocialAway,
    StateWrong,
)
from nene.user.forms.social import SocialSignUpForm
from nene.user.gateway import Profile
from nene.user.routes.blueprint import SECOND_PRESS, blueprint, count_confirmation, refused_at
from nene.user.service import social
from nene.user.terms import Provider

FLOW, NEWCOMER = "social_flow", "social_newcomer"  # in the browser's cookie, and uses of sealed texts
FLOW_LIFE, NEWCOMER_LIFE = timedelta(minutes=15), timedelta(minutes=30)
LONGEST_NEXT = 500  # letters; a cookie holds it
SIGN_IN, LINK, PROVE = "sign-in", "link", "prove"  # what a person is sent to a provider for
SIGN_UP, REFUSED = "user/signup_social.html", "user/social_refused.html"


@blueprint.context_processor
def _offered() -> dict[str, Any]:
    return {"providers": gateway.offered()}


@blueprint.get("/oauth/<provider>")
def start_social(provider: str) -> Answer:
    """Send the browser to the provider, to sign in."""
    next_ = own_path(request.args.get("next")) or ""
    return redirect(_asked(_provider(provider), SIGN_IN, next_=next_ if len(next_) <= LONGEST_NEXT else ""), 303)


@blueprint.post("/me/social/<provider>/link")
@login_required
def link_social(provider: str) -> Answer:
    """Send the browser to the provider, to link who signs in there with this account."""
    chosen = _provider(provider)
    Form.checked()
    return go_to(_asked(chosen, LINK))


@blueprint.post("/me/social/<provider>/prove")
@login_required
def prove_social(provider: str) -> Answer:
    """Send the browser to the provider, to show once more who it is: where others give their password (U9)."""
    chosen = _provider(provider)
    Form.checked()
    return go_to(_asked(chosen, PROVE))


@blueprint.post("/me/social/<provider>/unlink")
@login_required
def unlink_social(provider: str) -> Answer:
    """End a link."""
    if provider not in set(Provider):
        raise NotThere
    Form.checked()
    in_transaction(social.unlink, user_id=current_user.id, provider=Provider(provider))
    return show_change(
        "user/_social_links.html", back_to=url_for(".password"), message=_("연결을 끊었어요."), lazily=my_ways_in
    )


@blueprint.get("/oauth/<provider>/callback")
def social_callback(provider: str) -> Answer:
    """Take the provider's answer, once, for what this browser asked it."""
    chosen = _provider(provider)
    try:
        flow = _answered(chosen)
    except StateWrong as refusal:
        return _say_no(refusal, back=url_for(".login"))
    back, again = _places(flow, chosen)
    if request.args.get("error") == "access_denied":
        return go_to(back, message=_("동의하지 않아서 그만뒀어요. 바뀐 것은 없어요."), category="notice")
    try:
        if "code" not in request.args:
            raise SocialAway
        profile = gateway.fetch_profile(
            chosen,
            callback=_callback(chosen),
            code=request.args["code"],
            state=flow["state"],
            verifier=flow["verifier"],
            anew=flow["aim"] == PROVE,
        )
        return {SIGN_IN: _sign_in, LINK: _link, PROVE: _prove}[flow["aim"]](profile, flow)
    except Refusal as refusal:
        return _say_no(refusal, back=back, again=again)


@blueprint.route("/signup/social", methods=["GET", "POST"])
@limit_sign_up
def signup_social() -> Answer:
    """Open the account of who has just signed in at a provider for the first time: the rest is asked for."""
    newcomer = _read(NEWCOMER)
    if newcomer is None:
        return _say_no(StateWrong(), back=url_for(".login"))
    profile = _profile(newcomer)
    if request.method == "GET":
        return render_template(SIGN_UP, form=_proposed(profile), provider=profile.provider)
    form = SocialSignUpForm.checked(SIGN_UP, provider=profile.provider)
    try:
        with count_confirmation(form.account["email"]):
            auth.sign_in(_signed_up(profile, form))
    except FieldRefused as refusal:
        return refused_at(form, SIGN_UP, _in_other_words(refusal), provider=profile.provider)
    message = _("가입했어요. 첫 챌린지를 골라 보세요.")
    return go_to(own_path(newcomer["next"]) or url_for("home.index"), message=message)


def my_ways_in() -> dict[str, Any]:
    """What the page of password and links shows."""
    with reading() as database:
        return {"ways": social.ways_in(database, current_user.id)}


def _signed_up(profile: Profile, form: SocialSignUpForm) -> SignedIn:
    about = _about(profile)
    try:
        return in_transaction(social.sign_up_by_link, now=arrived_at(), **about, **form.account)
    except (FieldRefused, LinkedElsewhere):
        # Pressed twice: the other press has made it, just now. Later the same cookie is no way in.
        signed_in = in_transaction(social.sign_in_by_link, **about, linked_since=wall.now() - SECOND_PRESS)
        if signed_in is None:
            raise
        return signed_in


def _sign_in(profile: Profile, flow: dict[str, Any]) -> Answer:
    signed_in = in_transaction(social.sign_in_by_link, **_about(profile))
    if signed_in is None:
        born = profile.birth_on.isoformat() if profile.birth_on else ""
        _put(NEWCOMER, NEWCOMER_LIFE, **{**asdict(profile), "birth_on": born, "next": flow["next"]})
        return redirect(url_for(".signup_social"), 303)
    auth.sign_in(signed_in)
    return go_to(own_path(flow["next"]) or url_for("home.index"))


def _about(profile: Profile) -> dict[str, Any]:
    """Who signs in, and in which browser."""
    return {
        "profile": profile,
        "user_agent": request.user_agent.string,
        "instead_of": auth.session_of_browser(),
    }


def _link(profile: Profile, flow: dict[str, Any]) -> Answer:
    in_transaction(social.link, user_id=current_user.id, session_id=flow["session"], profile=profile)
    return go_to(url_for(".password"), message=_("연결했어요. 다음부터 이 계정으로도 로그인할 수 있어요."))


def _prove(profile: Profile, flow: dict[str, Any]) -> Answer:
    with reading() as database:
        proof = social.prove(database, user_id=current_user.id, session_id=flow["session"], profile=profile)
    session[social.PROOF] = proof
    return go_to(url_for("home.leave"), message=_("본인인지 확인했어요. 5분 안에 탈퇴를 마쳐 주세요."))


def _asked(provider: Provider, aim: str, next_: str = "") -> str:
    """Note in this browser what is asked, and give the provider's address."""
    url, state, verifier = gateway.authorize(provider, callback=_callback(provider), anew=aim == PROVE)
    here = current_user.session_id if aim != SIGN_IN else 0
    _put(FLOW, FLOW_LIFE, provider=provider, aim=aim, state=state, verifier=verifier, session=here, next=next_)
    return url


def _answered(provider: Provider) -> dict[str, Any]:
    """What was asked. Raises StateWrong unless this browser asked just this, and in this very session where it matters."""
    flow, given = _take(FLOW), request.args.get("state", "")
    if flow is None or flow["provider"] != provider or not hmac.compare_digest(flow["state"].encode(), given.encode()):
        raise StateWrong
    here = current_user.session_id if current_user.is_authenticated else None
    if flow["aim"] != SIGN_IN and flow["session"] != here:
        raise StateWrong
    return flow


def _places(flow: dict[str, Any], provider: Provider) -> tuple[str, str]:
    """Where one goes back to, and where one tries again."""
    if flow["aim"] == SIGN_IN:
        following = flow["next"] or None
        return url_for(".login", next=following), url_for(".start_social", provider=provider, next=following)
    back = url_for(".password") if flow["aim"] == LINK else url_for("home.leave")
    return back, back


def _proposed(profile: Profile) -> SocialSignUpForm:
    """The form with what the provider told, as far as it may be taken."""
    email = service.email_key(profile.email or "")
    nickname = tidy(profile.nickname) or ""
    nickname = nickname if rules.is_nickname(nickname) else ""
    with reading() as database:
        taken = service.taken(database, email=email, nickname=nickname or None)
    if any(refusal.field == "nickname" for refusal in taken):
        nickname = ""
    form = SocialSignUpForm.blank(email=email, nickname=nickname, birth_date=profile.birth_on)
    if email and any(refusal.field == "email" for refusal in taken):
        form.blame("email", EmailTakenElsewhere().message)
    return form


def _in_other_words(refusal: FieldRefused) -> FieldRefused:
    return EmailTakenElsewhere() if isinstance(refusal, EmailTaken) else refusal


def _profile(newcomer: dict[str, Any]) -> Profile:
    born = date.fromisoformat(newcomer["birth_on"]) if newcomer["birth_on"] else None
    known = {name: newcomer[name] for name in ("subject", "email", "email_verified", "nickname", "token")}
    return Profile(provider=Provider(newcomer["provider"]), birth_on=born, **known)


def _provider(name: str) -> Provider:
    """The provider of this name. Raises NotThere for none, and for one at which we are not known."""
    found = next((provider for provider in gateway.offered() if provider == name), None)
    if found is None:
        raise NotThere
    return found


def _callback(provider: Provider) -> str:
    return settings.current().site + url_for(".social_callback", provider=provider)


def _put(use: str, life: timedelta, **claims: Any) -> None:
    session[use] = tokens.seal(use, tokens.sign(use, claims, life=life))


def _read(use: str) -> dict[str, Any] | None:
    return tokens.read(use, tokens.unseal(use, session.get(use, "")) or "")


def _take(use: str) -> dict[str, Any] | None:
    found = _read(use)
    session.pop(use, None)
    return found


def _say_no(refusal: Refusal, *, back: str, again: str | None = None) -> Answer:
    page = render_template(REFUSED, status=refusal.status, message=refusal.message, back=back, again=again)
    response = make_response(page, refusal.status)
    if isinstance(refusal, SocialAway):
        response.headers["Retry-After"] = str(RETRY_SOON)
    return response
