"""Signing up, in and out; the own profile, password and sessions; the legal pages."""

from typing import Any

import structlog
from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required

from nene.kernel import auth
from nene.kernel.db import in_transaction, reading
from nene.kernel.forms import Form
from nene.kernel.security import Attempt, limit_sign_up
from nene.kernel.web import Answer, arrived_at, go_to, own_path, show_change, show_form
from nene.user import service
from nene.user.errors import FieldRefused, PasswordWrong, SignInFailed
from nene.user.forms import PasswordForm, ProfileForm, SignInForm, SignUpForm
from nene.user.terms import VERSIONS, Document

blueprint = Blueprint("user", __name__)
log = structlog.get_logger(__name__)
SIGN_UP, SIGN_IN, PROFILE, PASSWORD = (f"user/{name}.html" for name in ("signup", "login", "profile", "password"))
MINUTES = 15  # in which failures are counted (U14)


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
        return _refused_at(form, SIGN_UP, *refusals)
    password_hash = service.hash_password(form.password.data or "")
    try:
        signed_in = in_transaction(
            service.sign_up,
            password_hash=password_hash,
            now=arrived_at(),
            user_agent=request.user_agent.string,
            **form.account,
        )
    except FieldRefused as refusal:
        return _refused_at(form, SIGN_UP, refusal)
    auth.sign_in(signed_in)
    return go_to(url_for("home.index"), message=_("가입했어요. 첫 챌린지를 골라 보세요."))


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> Answer:
    """Sign in; takes as long, and says the same, whether the e-mail is known or not."""
    if request.method == "GET":
        return render_template(SIGN_IN, form=SignInForm.blank(next=own_path(request.args.get("next")) or ""))
    form = SignInForm.checked(SIGN_IN)
    email = service.email_key(form.email.data or "")
    attempt = Attempt(
        {
            f"sign-in:{email}:{request.remote_addr}": 5,
            f"sign-in:{email}": 50,
            f"sign-in-from:{request.remote_addr}": 100,
        },
        minutes=MINUTES,
    )
    with reading() as session:
        user = service.find_by_email(session, email)
    if not service.check_password(user, form.password.data or "") or user is None:
        log.info("sign_in.failed")
        return _refused_at(form, SIGN_IN, SignInFailed())
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
    response = go_to(url_for("home.index"), message=_("로그아웃했어요."))
    response.headers["Clear-Site-Data"] = '"cache"'  # going back must not show pages of who has left
    return response


@blueprint.route("/me/profile", methods=["GET", "POST"])
@login_required
def profile() -> Answer:
    """Change nickname, birth date and bio."""
    with reading() as session:
        mine = service.own_profile(session, current_user.id)
    if request.method == "GET":
        form = ProfileForm.blank(nickname=mine.nickname, birth_date=mine.birth_on, bio=mine.bio)
        return render_template(PROFILE, form=form, birth_date_fixed=mine.is_fixed)
    form = ProfileForm.checked(PROFILE, birth_date_fixed=mine.is_fixed)
    try:
        in_transaction(
            service.update_profile,
            user_id=current_user.id,
            **form.profile,
        )
    except FieldRefused as refusal:
        return _refused_at(form, PROFILE, refusal, birth_date_fixed=mine.is_fixed)
    return go_to(url_for("home.me"), message=_("프로필을 고쳤어요."))


@blueprint.route("/me/password", methods=["GET", "POST"])
@login_required
def password() -> Answer:
    """Change the password, and sign out everywhere else."""
    if request.method == "GET":
        return render_template(PASSWORD, form=PasswordForm.blank())
    form = PasswordForm.checked(PASSWORD)
    attempt = Attempt({f"password:{current_user.id}": 10}, minutes=MINUTES)
    with reading() as session:
        user = service.find_user(session, current_user.id)
    if user is None or not service.check_password(user, form.current_password.data or ""):
        return _refused_at(form, PASSWORD, PasswordWrong())
    attempt.succeeded()
    new_hash = service.hash_password(form.new_password.data or "")
    in_transaction(
        service.change_password,
        user_id=user.id,
        checked_hash=user.password_hash,
        new_hash=new_hash,
        keep_session_id=current_user.session_id,
    )
    return go_to(url_for("home.me"), message=_("비밀번호를 바꿨어요. 다른 기기에서는 로그아웃했어요."))


@blueprint.get("/me/sessions")
@login_required
def sessions() -> Answer:
    """The browsers in which I am signed in."""
    return render_template("user/sessions.html", **_my_sessions())


@blueprint.post("/me/sessions/<int:session_id>/revoke")
@login_required
def revoke(session_id: int) -> Answer:
    """End one of my sessions, this one too if it is named."""
    Form.checked()
    in_transaction(service.end_session, user_id=current_user.id, session_id=session_id)
    if session_id == current_user.session_id:
        auth.sign_out()
        return go_to(url_for("home.index"), message=_("로그아웃했어요."))
    return show_change(
        "user/_sessions.html",
        back_to=url_for(".sessions"),
        message=_("그 기기에서 로그아웃했어요."),
        lazily=_my_sessions,
    )


@blueprint.get("/terms")
def terms() -> Answer:
    """What one agrees to."""
    return render_template("home/terms.html", version=VERSIONS[Document.TERMS])


@blueprint.get("/privacy")
def privacy() -> Answer:
    """What is kept of a person, why, and how long."""
    return render_template("home/privacy.html", version=VERSIONS[Document.PRIVACY])


def _my_sessions() -> dict[str, Any]:
    with reading() as session:
        mine = service.list_sessions(session, current_user.id)
    return {"sessions": mine, "here": current_user.session_id}


def _refused_at(form: Form, page: str, *refusals: FieldRefused, **context: object) -> Answer:
    for refusal in refusals:
        form.blame(refusal.field, refusal.message)
    return show_form(page, page, form, status=refusals[0].status, **context)
