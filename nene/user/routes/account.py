"""Signing up, in and out; the legal pages."""

import structlog
from flask import render_template, request, url_for
from flask_babel import gettext as _

from nene.kernel import auth
from nene.kernel.auth import SignedIn
from nene.kernel.db import in_transaction, reading
from nene.kernel.security import Attempt, address, limit_sign_up
from nene.kernel.web import Answer, arrived_at, go_to, own_path
from nene.user import service
from nene.user.errors import FieldRefused, SignInFailed
from nene.user.forms.account import SignInForm, SignUpForm
from nene.user.routes.blueprint import MINUTES, SECOND_PRESS, blueprint, count_confirmation, refused_at
from nene.user.terms import VERSIONS, Document

log = structlog.get_logger(__name__)
SIGN_UP, SIGN_IN = "user/signup.html", "user/login.html"


@blueprint.route("/signup", methods=["GET", "POST"])
@limit_sign_up
def signup() -> Answer:
    """Open an account, and be signed in."""
    if request.method == "GET":
        return render_template(SIGN_UP, form=SignUpForm.blank())
    form = SignUpForm.checked(SIGN_UP)
    with reading() as session:
        refusals = service.taken(session, email=form.email.data, nickname=form.nickname.data)
    if refusals:
        return _second_press(form) or refused_at(form, SIGN_UP, *refusals)
    password_hash = service.hash_password(form.password.data or "")
    try:
        with count_confirmation(form.account["email"]):
            signed_in = in_transaction(
                service.sign_up,
                password_hash=password_hash,
                now=arrived_at(),
                user_agent=request.user_agent.string,
                **form.account,
            )
    except FieldRefused as refusal:
        return _second_press(form) or refused_at(form, SIGN_UP, refusal)
    return _welcome(signed_in)


def _welcome(signed_in: SignedIn) -> Answer:
    auth.sign_in(signed_in)
    return go_to(url_for("home.index"), message=_("가입했어요. 첫 챌린지를 골라 보세요."))


def _second_press(form: SignUpForm) -> Answer | None:
    """Pressed twice: the other press has opened this very account a moment ago, and its answer may never be seen."""
    with reading() as session:
        made = service.find_by_email(session, form.account["email"])
    if made is None or made.nickname != form.account["nickname"] or made.created_at < arrived_at() - SECOND_PRESS:
        return None
    if not service.check_password(made, form.password.data or ""):
        return None
    signed_in = in_transaction(
        service.sign_in,
        user_id=made.id,
        checked_hash=made.password_hash,
        user_agent=request.user_agent.string,
        instead_of=auth.session_of_browser(),
    )
    return _welcome(signed_in)


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> Answer:
    """Sign in; takes as long, and says the same, whether the e-mail is known or not."""
    if request.method == "GET":
        return render_template(SIGN_IN, form=SignInForm.blank(next=own_path(request.args.get("next")) or ""))
    form = SignInForm.checked(SIGN_IN)
    email = service.email_key(form.email.data or "")
    attempt = Attempt(
        {
            f"sign-in:{email}:{address()}": 5,
            f"sign-in:{email}": 50,
            f"sign-in-from:{address()}": 100,
        },
        minutes=MINUTES,
    )
    with reading() as session:
        user = service.find_by_email(session, email)
    if not service.check_password(user, form.password.data or "") or user is None:
        log.info("sign_in.failed")
        return refused_at(form, SIGN_IN, SignInFailed())
    attempt.succeeded()
    signed_in = in_transaction(
        service.sign_in,
        user_id=user.id,
        checked_hash=user.password_hash,
        user_agent=request.user_agent.string,
        instead_of=auth.session_of_browser(),
    )
    auth.sign_in(signed_in)
    return go_to(own_path(form.next.data) or url_for("home.index"))


@blueprint.post("/logout")
def logout() -> Answer:
    """Sign out, also when the tokens have expired meanwhile (U7)."""
    session_id = auth.session_of_browser()
    if session_id is not None:
        in_transaction(service.sign_out, session_id=session_id)
    auth.sign_out()
    return go_to(url_for("home.index"), message=_("로그아웃했어요."))


@blueprint.get("/terms")
def terms() -> Answer:
    """What one agrees to."""
    return render_template("home/terms.html", version=VERSIONS[Document.TERMS])


@blueprint.get("/privacy")
def privacy() -> Answer:
    """What is kept of a person, why, and how long."""
    return render_template("home/privacy.html", version=VERSIONS[Document.PRIVACY])
