"""A forgotten password, and the confirmation of an e-mail: the pages behind the links in mail (U16)."""

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from nene.kernel.db import in_transaction, reading
from nene.kernel.forms import Form
from nene.kernel.security import Attempt, address
from nene.kernel.web import Answer, go_to, show_refused
from nene.user import service
from nene.user.errors import LettersSpent, LinkStale
from nene.user.forms.recovery import ForgottenForm, NewPasswordForm
from nene.user.routes.blueprint import A_DAY, MINUTES, blueprint, count_confirmation

RESETS_FROM, RESETS = 10, 50  # letters to one address in a day, asked for from one address, and from any
FORGOTTEN, NEW, CONFIRM = (f"user/{name}.html" for name in ("password_reset", "password_new", "confirm_email"))


@blueprint.route("/password-reset", methods=["GET", "POST"])
def password_reset() -> Answer:
    """Ask for a link to a new password; takes as long, and says the same, whether the e-mail is known or not."""
    if request.method == "GET":
        return render_template(FORGOTTEN, form=ForgottenForm.blank())
    form = ForgottenForm.checked(FORGOTTEN)
    email = form.email.data or ""
    Attempt(
        {
            f"reset:{email}:{address()}": 5,
            f"reset:{email}": 50,
            f"reset-from:{address()}": 100,
        },
        minutes=MINUTES,
    )
    caps = {f"resets:{email}:{address()}": RESETS_FROM, f"resets:{email}": RESETS}
    Attempt(caps, minutes=A_DAY, refusal=LettersSpent)
    in_transaction(service.ask_to_reset, email)
    message = _("가입한 이메일이라면 새 비밀번호를 정하는 링크를 보내 드려요. 30분 안에 메일함에서 눌러 주세요.")
    return go_to(url_for(".login"), message=message)


@blueprint.route("/password-reset/<token>", methods=["GET", "POST"])
def password_new(token: str) -> Answer:
    """Choose a new password by the link; whoever was signed in is signed out everywhere."""
    try:
        with reading() as session:
            service.require_reset(session, token)
        if request.method == "GET":
            return render_template(NEW, form=NewPasswordForm.blank(), token=token)
        form = NewPasswordForm.checked(NEW, token=token)
        new_hash = service.hash_password(form.new_password.data or "")
        in_transaction(service.reset_password, token=token, new_hash=new_hash)
    except LinkStale as refusal:
        return show_refused(FORGOTTEN, FORGOTTEN, refusal, form=ForgottenForm.blank())
    message = _("새 비밀번호를 정했어요. 모든 기기에서 로그아웃됐으니 다시 로그인해 주세요.")
    return go_to(url_for(".login"), message=message)


@blueprint.get("/confirm-email/<token>")
def confirm_email(token: str) -> Answer:
    """Confirm the e-mail by the link, in whatever browser it is opened."""
    try:
        in_transaction(service.confirm_email, token)
    except LinkStale as refusal:
        return show_refused(CONFIRM, CONFIRM, refusal)
    return go_to(url_for("home.me"), message=_("이메일을 확인했어요."))


@blueprint.post("/me/confirm-email")
@login_required
def send_confirmation() -> Answer:
    """Ask for the link that confirms my e-mail once more."""
    Form.checked()
    Attempt({f"confirm-email:{current_user.id}": 5}, minutes=MINUTES)
    with reading() as session:
        mine = service.find_user(session, current_user.id)
    if mine is not None and mine.email is not None and mine.email_verified_at is None:
        count_confirmation(mine.email)
    if in_transaction(service.ask_to_confirm, current_user.id):
        return go_to(url_for("home.me"), message=_("확인 링크를 메일로 보내 드려요. 잠시 뒤 메일함을 확인해 주세요."))
    return go_to(url_for("home.me"), message=_("이메일은 이미 확인했어요."))


@blueprint.after_request
def _keep_links_secret(response: Response) -> Response:
    if "token" in (request.view_args or {}):
        response.headers["Cache-Control"] = "no-store"
    return response
