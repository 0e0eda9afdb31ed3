"""For those who forgot their password: the reminder mail, and what its link and that of a new address lead to.

Opening a link changes nothing, since programs that check mails open links too: the form behind it does.
"""

from typing import Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app import audit
from app.account import post, writes
from app.auth.attempts import network
from app.auth.passwords import refusal
from app.auth.views import TABS, login_page
from app.domain.links import CONFIRM_EMAIL, SET_PASSWORD, link_digest
from app.domain.text import clean
from app.extensions import db
from app.i18n import _, language
from app.models import LinkPurpose, MailedLink, PrincipalKind, holder, login_id_of
from app.scope import Scope
from app.services import services
from app.store.keys import digest
from app.throttle import REMINDER_ADDRESS, REMINDER_ID

blueprint = Blueprint("links", __name__)


@blueprint.post("/reminder/<kind>")
def remind(kind: str) -> BaseResponse:
    """Have a reminder mail sent: the same words, work and limits for every login ID, known or not."""
    tab = next((tab for tab in TABS if tab.value == kind), None)
    if tab is None:
        abort(404)
    login_id = clean(request.form.get("login_id", "")[:254], 254)
    if not login_id:
        return _refused(tab, _("ログインIDを入力してください。"), 422)
    throttle = services().throttle
    by_address = throttle.hit(REMINDER_ADDRESS, network(request.remote_addr))
    if not (by_address and throttle.hit(REMINDER_ID, kind, digest(login_id))):
        return _refused(tab, _("操作が多すぎます。少し待ってからお試しください"), 429)
    if not post.ask(post.REMINDER, kind, login_id, language(), request.remote_addr or ""):
        return _refused(tab, _("いまはメールを送信できません。しばらくしてからお試しください。"), 503)
    flash(
        _(
            "ログインIDとメールアドレスが登録されていれば、リマインドメールをお送りします。メールのリンクは30分間有効です。届かない場合は、迷惑メールのフォルダーとログインIDをご確認ください。"
        )
    )
    return _to_login(kind)


def _to_login(tab: str) -> BaseResponse:
    values: dict[str, Any] = {"as": tab}
    return redirect(url_for("auth.login", **values), 303)


def _refused(tab: PrincipalKind, words: str, status: int) -> BaseResponse:
    answer = make_response(login_page(tab, reminder=words), status)
    if status != 422:
        answer.headers["Retry-After"] = "600"
    return answer


@blueprint.get(f"{SET_PASSWORD}<secret>")
def password(secret: str) -> BaseResponse:
    """The form that sets a new password."""
    link = _good(LinkPurpose.SET_PASSWORD, secret)
    return _password_page(link, secret) if link else _gone()


@blueprint.post(f"{SET_PASSWORD}<secret>")
def set_password(secret: str) -> BaseResponse:
    """Set the new password and use the link up; a password that is refused leaves the link as it was."""
    link, session = _good(LinkPurpose.SET_PASSWORD, secret), db.session()
    who = holder(session, link.kind, link.principal_id) if link else None
    if link is None or who is None:
        return _gone()
    new = request.form.get("password", "")
    problem = refusal(new, request.form.get("again", ""), [login_id_of(who), link.email])
    if problem:
        return _password_page(link, secret, problem, 422)
    taken = writes.take_link(session, LinkPurpose.SET_PASSWORD, link_digest(secret))
    if taken is None:
        return _gone()
    scope = Scope(taken.kind, taken.principal_id)
    by = audit.visitor(session, scope)
    writes.set_password(session, scope, new, "login.password-by-link", by=by)
    flash(_("新しいパスワードを設定しました。新しいパスワードでログインしてください。"))
    return _to_login(scope.kind.value)


@blueprint.get(f"{CONFIRM_EMAIL}<secret>")
def email(secret: str) -> BaseResponse:
    """The form that confirms a new mail address."""
    link = _good(LinkPurpose.CONFIRM_EMAIL, secret)
    return make_response(render_template("account/confirm_email.html", link=link, secret=secret)) if link else _gone()


@blueprint.post(f"{CONFIRM_EMAIL}<secret>")
def confirm_email(secret: str) -> BaseResponse:
    """Register the address and use the link up; the address before is told."""
    session = db.session()
    link = writes.take_link(session, LinkPurpose.CONFIRM_EMAIL, link_digest(secret))
    if link is None or holder(session, link.kind, link.principal_id) is None:
        return _gone()
    scope, new = Scope(link.kind, link.principal_id), link.email
    before = writes.set_email(session, scope, new, by=audit.visitor(session, scope))
    if before:
        post.ask(post.NOTICE, scope.kind.value, scope.id, before, language())
    flash(_("メールアドレスを %(email)s に変更しました。", email=new))
    return redirect(url_for("account.index"), 303)


def _good(purpose: LinkPurpose, secret: str) -> MailedLink | None:
    """A link that could be used now; nothing is changed."""
    link = db.session.get(MailedLink, link_digest(secret))
    if link is None or link.purpose is not purpose:
        return None
    return link if link.used_at is None and link.expires_at > services().clock() else None


def _password_page(link: MailedLink, secret: str, problem: str = "", status: int = 200) -> BaseResponse:
    who = holder(db.session(), link.kind, link.principal_id)
    if who is None:
        return _gone()
    page = render_template(
        "account/set_password.html", kind=link.kind.value, login_id=login_id_of(who), secret=secret, problem=problem
    )
    return make_response(page, status)


def _gone() -> BaseResponse:
    return make_response(render_template("account/link_gone.html"), 410)
