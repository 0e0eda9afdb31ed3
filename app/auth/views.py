"""Login, logout and the choice of language."""

from urllib.parse import urlsplit

from flask import Blueprint, abort, make_response, redirect, render_template, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from app import locale
from app.auth import language as language_kept
from app.auth import sessions
from app.auth.attempts import Outcome, attempt, remember_device
from app.auth.guard import to_login
from app.domain.text import clean
from app.extensions import db
from app.i18n import _
from app.models import PrincipalKind
from app.scope import Scope
from app.services import services

blueprint = Blueprint("auth", __name__)

TABS = (PrincipalKind.ACCOUNT, PrincipalKind.CIRCLE, PrincipalKind.UNIQUE)
_STATUS = {Outcome.WRONG: 401, Outcome.LIMITED: 429}


@blueprint.get("/login")
def login() -> str | BaseResponse:
    """The login page with a tab for each kind of customer."""
    if current_user.is_authenticated:
        return redirect(url_for("portal.home"))
    return login_page(_tab(request.args.get("as")))


@blueprint.get("/staff/login")
def staff_login() -> str | BaseResponse:
    """The login page of support staff."""
    if current_user.is_authenticated:
        return redirect(url_for("portal.home"))
    return login_page(PrincipalKind.STAFF)


@blueprint.post("/login/<kind>")
def log_in(kind: str) -> BaseResponse:
    """Check the login ID and password of one kind of principal."""
    try:
        who = PrincipalKind(kind)
    except ValueError:
        abort(404)
    login_id = clean(request.form.get("login_id", "")[:254], 254)
    result = attempt(who, login_id, request.form.get("password", "")[:1024])
    if result.outcome is not Outcome.OK:
        answer = make_response(login_page(who, login_id, _message(result.outcome)), _STATUS[result.outcome])
        if result.outcome is Outcome.LIMITED:
            answer.headers["Retry-After"] = "600"
        return answer
    sessions.start(who, result.principal_id)
    language_kept.recall(db.session(), Scope(who, result.principal_id))
    answer = make_response(redirect(_next(), 303))
    return remember_device(answer, who, login_id)


@blueprint.post("/logout")
def log_out() -> BaseResponse:
    """End the session everywhere."""
    if not current_user.is_authenticated:
        return to_login()
    staff = sessions.principal().is_staff
    sessions.end()
    return redirect(url_for("auth.staff_login" if staff else "auth.login"), 303)


@blueprint.post("/language/<language>")
def language(language: str) -> BaseResponse:
    """Choose the language of everything that follows."""
    try:
        locale.remember(language)
    except ValueError:
        abort(404)
    session.permanent = True
    if current_user.is_authenticated:
        language_kept.remember(db.session(), sessions.principal().scope, language)
    return redirect(_back(request.form.get("back", "")), 303)


def _tab(name: str | None) -> PrincipalKind:
    return next((tab for tab in TABS if tab.value == name), PrincipalKind.ACCOUNT)


def login_page(tab: PrincipalKind, login_id: str = "", message: str = "", reminder: str = "") -> str:
    """The login page; `message` is about the login, `reminder` about the mail for those who forgot their password."""
    return render_template(
        "auth/login.html",
        tab=tab,
        tabs=TABS,
        login_id=login_id,
        message=message,
        reminder=reminder,
        next=request.values.get("next", ""),
        mails_are_sent=services().mails_are_sent,
    )


def _message(outcome: Outcome) -> str:
    if outcome is Outcome.LIMITED:
        return _("ログインの失敗が続いたため、しばらく受け付けられません。10分ほどたってから、もう一度お試しください。")
    return _("ログインIDまたはパスワードが違います。")


def _next() -> str:
    return _back(request.form.get("next", ""))


def _back(target: str) -> str:
    """A path of ours, never somebody else's site."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return url_for("portal.home")
    if parts.scheme or parts.netloc or not target.startswith("/") or target.startswith(("//", "/\\")):
        return url_for("portal.home")
    return target
