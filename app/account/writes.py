"""What a login writes about itself. Each function takes whose login it is, commits, and leaves an audit entry."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, update
from sqlalchemy.orm import Session

from app import audit
from app.audit import Actor
from app.auth import sessions
from app.auth.passwords import hash_password
from app.models import Account, Circle, Holder, LinkPurpose, LoginSession, MailedLink, account_of, holder, login_id_of
from app.scope import Scope
from app.services import services
from app.store.keys import digest


def owner(session: Session, scope: Scope) -> Holder | None:
    """The row behind a login."""
    return holder(session, scope.kind, scope.id)


def set_password(session: Session, scope: Scope, password: str, action: str, *, by: Actor, keep: str = "") -> None:
    """Set the portal's password; every session but `keep` ends, and no link that was mailed before is good any more."""
    who = _locked(session, scope)
    who.password_hash = hash_password(password)
    _void_links(session, MailedLink.purpose == LinkPurpose.SET_PASSWORD, *_links_of(scope))
    ended = sessions.close(session, scope, but=keep)
    _record(session, who, action, by, {"sessions_ended": len(ended)})
    session.commit()
    sessions.forget(ended)


def set_email(session: Session, scope: Scope, email: str, *, by: Actor) -> str:
    """Register a confirmed address; returns the one that it replaces, or an empty text."""
    who = _locked(session, scope)
    if not isinstance(who, Account | Circle):
        raise TypeError(scope.kind)
    before, who.email = who.email or "", email
    _void_links(session, MailedLink.purpose == LinkPurpose.CONFIRM_EMAIL, *_links_of(scope))
    # Whoever reads the old address's mail must not get in with what was sent there, be it for a circle or a line.
    _void_links(session, MailedLink.purpose == LinkPurpose.SET_PASSWORD, MailedLink.email == before)
    _record(session, who, "login.email", by, {"email": [before, email]})
    session.commit()
    return before


def end_sessions(session: Session, scope: Scope, action: str, rows: Sequence[LoginSession] | None = None) -> None:
    """End some of the login's own sessions, or all of them."""
    ended = sessions.close(session, scope, only=None if rows is None else [row.id for row in rows])
    who = _locked(session, scope)
    _record(session, who, action, audit.visitor(session, scope), {"sessions_ended": len(ended)})
    session.commit()
    sessions.forget(ended)


def take_link(session: Session, purpose: LinkPurpose, secret_digest: str) -> MailedLink | None:
    """Use a link up, in the caller's transaction; None for one that is not good, or that somebody just used."""
    now = services().clock()
    used = session.execute(
        update(MailedLink)
        .where(
            MailedLink.digest == secret_digest,
            MailedLink.purpose == purpose,
            MailedLink.used_at.is_(None),
            MailedLink.expires_at > now,
        )
        .values(used_at=now)
    )
    return session.get(MailedLink, secret_digest) if cast("CursorResult[Any]", used).rowcount else None


def session_key(row: LoginSession) -> str:
    """What a page calls a session: its id is what the cookie holds, and stays out of pages."""
    return digest(row.id)


def _locked(session: Session, scope: Scope) -> Holder:
    who = owner(session, scope)
    if who is None:
        raise LookupError(str(scope))
    return who


def _links_of(scope: Scope) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return MailedLink.kind == scope.kind, MailedLink.principal_id == scope.id


def _void_links(session: Session, *which: ColumnElement[bool]) -> None:
    session.execute(update(MailedLink).where(MailedLink.used_at.is_(None), *which).values(used_at=services().clock()))


def _record(session: Session, who: Holder, action: str, by: Actor, detail: dict[str, object]) -> None:
    account = account_of(who)
    audit.record(
        session, action, target=login_id_of(who), account_id=account.id if account else None, detail=detail, by=by
    )
