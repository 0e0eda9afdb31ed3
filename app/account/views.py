"""アカウント情報: what a login may see and change of itself."""

from collections.abc import Sequence

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response as BaseResponse

from app import audit
from app.account import post, writes
from app.account.browser import browser_of
from app.auth import sessions
from app.auth.guard import protect
from app.auth.passwords import refusal, verify
from app.auth.sessions import principal
from app.extensions import db
from app.i18n import _, language
from app.mail import is_address
from app.models import Account, Circle, CircleTally, Holder, LineTally, LoginSession, account_of, login_id_of
from app.services import services
from app.throttle import OWN_EMAIL, OWN_PASSWORD

blueprint = Blueprint("account", __name__, url_prefix="/account")
protect(blueprint)


@blueprint.get("")
def index() -> BaseResponse:
    """The page itself."""
    return _page()


@blueprint.post("/password")
def password() -> BaseResponse:
    """Change the portal's password; every other session of the login ends."""
    who, new = _owner(), request.form.get("password", "")
    problem = _not_confirmed(who) or refusal(new, request.form.get("again", ""), _known(who))
    if problem:
        return _page(422, password_problem=problem)
    scope, session = principal().scope, db.session()
    by = audit.visitor(session, scope)
    writes.set_password(session, scope, new, "login.password", by=by, keep=principal().session_id)
    flash(_("パスワードを変更しました。ほかのブラウザーはログアウトされました。"))
    return _back()


@blueprint.post("/email")
def email() -> BaseResponse:
    """Have a link sent to a new mail address; the address counts once the link was opened."""
    who, new = _owner(), request.form.get("email", "").strip()
    if not isinstance(who, Account | Circle):
        abort(404)
    problem = _not_confirmed(who) or _unfit(who, new)
    if problem:
        return _page(422, email_problem=problem, new_email=new)
    scope = principal().scope
    if not services().throttle.hit(OWN_EMAIL, str(scope)):
        return _page(429, email_problem=_("操作が多すぎます。少し待ってからお試しください"), new_email=new)
    if not post.ask(post.CONFIRMATION, scope.kind.value, scope.id, new, language()):
        return _page(
            503, email_problem=_("いまはメールを送信できません。しばらくしてからお試しください。"), new_email=new
        )
    account = account_of(who)
    audit.record(
        db.session(),
        "login.email-asked",
        target=login_id_of(who),
        account_id=account.id if account else None,
        detail={"email": new},
    )
    db.session.commit()
    flash(_("%(email)s に確認のメールを送信します。メールのリンクを30分以内に開くと、変更が完了します。", email=new))
    return _back()


@blueprint.post("/sessions/<key>/end")
def end_session(key: str) -> BaseResponse:
    """End one session of the login's own."""
    session, scope = db.session(), principal().scope
    rows = [row for row in sessions.open_sessions(session, scope) if writes.session_key(row) == key]
    if not rows:
        abort(404)
    if rows[0].id == principal().session_id:
        return _ended_here("login.session-ended", rows)
    writes.end_sessions(session, scope, "login.session-ended", rows)
    flash(_("ログアウトしました。"))
    return _back()


@blueprint.post("/sessions/end")
def end_sessions() -> BaseResponse:
    """Log out everywhere, here too."""
    return _ended_here("login.sessions-ended")


def _ended_here(action: str, rows: Sequence[LoginSession] | None = None) -> BaseResponse:
    staff, session, scope = principal().is_staff, db.session(), principal().scope
    writes.end_sessions(session, scope, action, rows)
    sessions.leave()
    flash(_("ログアウトしました。"))
    return redirect(url_for("auth.staff_login" if staff else "auth.login"), 303)


def _not_confirmed(who: Holder) -> str:
    """Why whoever sits there is not taken for the login's owner; empty when the current password is right."""
    scope, throttle = str(principal().scope), services().throttle
    if not throttle.hit(OWN_PASSWORD, scope):
        return _("操作が多すぎます。少し待ってからお試しください")
    if not verify(who.password_hash, request.form.get("current", "")[:1024]):
        return _("現在のパスワードが違います。")
    throttle.forgive(OWN_PASSWORD, scope)
    return ""


def _unfit(who: Account | Circle, new: str) -> str:
    if not is_address(new):
        return _("メールアドレスの形式が正しくありません。")
    if new == who.email:
        return _("すでに登録されているメールアドレスです。")
    return ""


def _known(who: Holder) -> list[str]:
    return [login_id_of(who), "" if isinstance(who, Circle) else who.name, getattr(who, "email", None) or ""]


def _owner() -> Holder:
    who = writes.owner(db.session(), principal().scope)
    if who is None:
        abort(404)
    return who


def _page(status: int = 200, **problems: str) -> BaseResponse:
    who, session = _owner(), db.session()
    page = render_template(
        "account/index.html",
        who=who,
        kind=principal().scope.kind.value,
        login_id=login_id_of(who),
        counts=_counts(who),
        sessions=[
            (row, writes.session_key(row), browser_of(row.user_agent), row.id == principal().session_id)
            for row in sessions.open_sessions(session, principal().scope)
        ],
        mails_are_sent=services().mails_are_sent,
        **problems,
    )
    return make_response(page, status)


def _counts(who: Holder) -> tuple[int, int] | None:
    """How many circles and lines an account has."""
    if not isinstance(who, Account):
        return None
    circles = select(func.sum(CircleTally.circles)).where(CircleTally.account_id == who.id)
    mine = Circle.id == LineTally.circle_id
    lines = select(func.sum(LineTally.lines)).join(Circle, mine).where(Circle.account_id == who.id)
    return db.session.scalar(circles) or 0, db.session.scalar(lines) or 0


def _back() -> BaseResponse:
    return redirect(url_for("account.index"), 303)
