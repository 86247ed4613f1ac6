"""The own profile, password and sessions."""

from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required

from nene.kernel import auth
from nene.kernel.db import in_transaction, reading
from nene.kernel.forms import Form
from nene.kernel.security import Attempt
from nene.kernel.web import Answer, go_to, show_change
from nene.user import service
from nene.user.errors import FieldRefused, PasswordWrong
from nene.user.forms.profile import PasswordForm, ProfileForm
from nene.user.routes.blueprint import MINUTES, blueprint, refused_at
from nene.user.routes.social import my_ways_in

PROFILE, PASSWORD = "user/profile.html", "user/password.html"


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
        return refused_at(form, PROFILE, refusal, birth_date_fixed=mine.is_fixed)
    return go_to(url_for("home.me"), message=_("프로필을 고쳤어요."))


@blueprint.route("/me/password", methods=["GET", "POST"])
@login_required
def password() -> Answer:
    """Change the password, and sign out everywhere else; the links to sign in with are shown beside it."""
    if request.method == "GET":
        return render_template(PASSWORD, form=PasswordForm.blank(), **my_ways_in())
    form = PasswordForm.checked(PASSWORD, lazily=my_ways_in)
    attempt = Attempt({f"password:{current_user.id}": 10}, minutes=MINUTES)
    with reading() as session:
        user = service.find_user(session, current_user.id)
    if user is None or not service.check_password(user, form.current_password.data or ""):
        return refused_at(form, PASSWORD, PasswordWrong(), **my_ways_in())
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


def _my_sessions() -> dict[str, Any]:
    with reading() as session:
        mine = service.list_sessions(session, current_user.id)
    return {"sessions": mine, "here": current_user.session_id}
