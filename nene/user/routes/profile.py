"""The own profile, password and sessions."""

from typing import Any

from flask import make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required

from nene.kernel import auth
from nene.kernel.db import in_transaction, reading
from nene.kernel.forms import Form
from nene.kernel.security import Attempt, limiter
from nene.kernel.web import Answer, go_to, show_change
from nene.user import service
from nene.user.errors import FieldRefused, PasswordWrong
from nene.user.forms.profile import PasswordForm, ProfileForm
from nene.user.routes.blueprint import MINUTES, blueprint, refused_at
from nene.user.routes.social import my_ways_in

PROFILE, PASSWORD = "user/profile.html", "user/password.html"
IMAGE_LIFE = 365 * 24 * 3600  # seconds


@blueprint.route("/me/profile", methods=["GET", "POST"])
@login_required
def profile() -> Answer:
    """Change what others see of me, my birth date, and whether my e-mail finds me."""
    with reading() as session:
        mine = service.own_profile(session, current_user.id)
    if request.method == "GET":
        kept = {"birth_date": mine.birth_on, "find_by_email": mine.find_by_email}
        form = ProfileForm.blank(nickname=mine.nickname, bio=mine.bio, **kept)
        return render_template(PROFILE, form=form, mine=mine)
    form = ProfileForm.checked(PROFILE, mine=mine)
    try:
        in_transaction(service.update_profile, user_id=current_user.id, image=_new_image(form), **form.profile)
    except FieldRefused as refusal:
        return refused_at(form, PROFILE, refusal, mine=mine)
    return go_to(url_for("home.me"), message=_("프로필을 고쳤어요."))


@blueprint.get("/images/<key>/<int:width>.webp")
@limiter.exempt
def image(key: str, width: int) -> Answer:
    """A profile picture, for anybody; another picture has another address, so that this one is kept for ever."""
    with reading() as session:
        webp = service.find_image(session, key=key, width=width)
    response = make_response(webp)
    response.mimetype = "image/webp"
    response.headers["Cache-Control"] = f"public, max-age={IMAGE_LIFE}, immutable"
    return response


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
    return go_to(url_for("home.me"), message=_("비밀번호를 바꿨어요. 다른 기기에서는 모두 로그아웃됐어요."))


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


def _new_image(form: ProfileForm) -> dict[int, bytes] | None:
    """What was chosen as picture, cut; nothing in it if the present one is to go, none if that is to stay."""
    if form.image.data:
        Attempt({f"image:{current_user.id}": 30}, minutes=60)  # each is work
        return service.cut_image(form.image.data.read())
    return {} if form.image_remove.data else None


def _my_sessions() -> dict[str, Any]:
    with reading() as session:
        mine = service.list_sessions(session, current_user.id)
    return {"sessions": mine, "here": current_user.session_id}
