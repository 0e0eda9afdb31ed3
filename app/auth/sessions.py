"""Sessions: a row for each login, whose random id the signed cookie carries."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from flask import request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from app.domain.text import clean
from app.extensions import db
from app.models import Account, Circle, LoginSession, PrincipalKind, Staff, Unique
from app.scope import Scope
from app.services import services
from app.store import sessions as store

_ID = "_user_id"
"""Where Flask-Login keeps the id that `get_id` gives: here the session's."""
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Principal(UserMixin):  # type: ignore[misc] # Flask-Login carries no types
    """Who is logged in."""

    session_id: str
    scope: Scope
    name: str

    def get_id(self) -> str:
        """What the cookie carries."""
        return self.session_id

    @property
    def is_staff(self) -> bool:
        """Whether this is support staff."""
        return self.scope.kind is PrincipalKind.STAFF


def register(manager: LoginManager) -> None:
    """Tell Flask-Login how a session becomes a principal, and where strangers go."""
    manager.login_view = "auth.login"
    manager.login_message = None
    # A phone's address changes while it is carried about: the session's random id is its protection.
    manager.session_protection = None
    manager.user_loader(load)


def load(session_id: str) -> Principal | None:
    """The principal of a session that is still good; asks the database each time."""
    row = db.session.get(LoginSession, session_id)
    if row is None or row.ended_at is not None or row.expires_at <= services().clock():
        return None
    name = _name(row.kind, row.principal_id)
    return None if name is None else Principal(session_id, Scope(row.kind, row.principal_id), name)


def _name(kind: PrincipalKind, principal_id: int) -> str | None:
    columns = {
        PrincipalKind.ACCOUNT: (Account.name, Account.id),
        PrincipalKind.CIRCLE: (Circle.number, Circle.id),
        PrincipalKind.UNIQUE: (Unique.number, Unique.id),
        PrincipalKind.STAFF: (Staff.name, Staff.id),
    }
    name, key = columns[kind]
    return db.session.scalar(select(name).where(key == principal_id))


def start(kind: PrincipalKind, principal_id: int) -> None:
    """Log in: a new session with a new id, nothing of the old cookie but the language kept."""
    kept = {name: session[name] for name in ("language",) if name in session}
    session.clear()
    session.update(kept)
    session.permanent = True
    now, session_id = services().clock(), secrets.token_urlsafe(32)
    row = LoginSession(
        id=session_id,
        kind=kind,
        principal_id=principal_id,
        created_at=now,
        expires_at=now + timedelta(hours=services().session_hours),
        address=request.remote_addr or "",
        user_agent=clean(request.user_agent.string),
    )
    db.session.add(row)
    db.session.commit()
    login_user(Principal(session_id, Scope(kind, principal_id), ""))


def end() -> None:
    """Log out: the session is over in every browser and page that has it."""
    session_id = session.get(_ID)
    row = db.session.get(LoginSession, session_id) if session_id else None
    if row is not None:
        row.ended_at = services().clock()
        db.session.commit()
        forget([row.id])
    leave()


def leave() -> None:
    """Empty this browser's cookie: its session has ended."""
    logout_user()
    session.clear()


def open_sessions(database: Session, scope: Scope) -> Sequence[LoginSession]:
    """A login's sessions that are open now, the newest first; at most as many as somebody would look through."""
    query = select(LoginSession).where(*_open(scope)).order_by(LoginSession.created_at.desc(), LoginSession.id)
    return database.scalars(query.limit(_SHOWN)).all()


def close(database: Session, scope: Scope, *, but: str = "", only: Sequence[str] | None = None) -> Sequence[str]:
    """End a login's open sessions in the caller's transaction; `forget` their ids when it is committed."""
    wanted = [*_open(scope), LoginSession.id != but]
    if only is not None:
        wanted.append(LoginSession.id.in_(only))
    ids = database.scalars(select(LoginSession.id).where(*wanted)).all()
    database.execute(update(LoginSession).where(*wanted).values(ended_at=services().clock()))
    return ids


def forget(session_ids: Sequence[str]) -> None:
    """The next poll of each session asks the database, and is sent to the login page."""
    # When Redis does not answer, the confirmation ends by itself within minutes.
    with suppress(RedisError):
        for session_id in session_ids:
            store.forget(services().redis, session_id)


def _open(scope: Scope) -> list[ColumnElement[bool]]:
    return [
        LoginSession.kind == scope.kind,
        LoginSession.principal_id == scope.id,
        LoginSession.ended_at.is_(None),
        LoginSession.expires_at > services().clock(),
    ]


def principal() -> Principal:
    """Who is logged in; only for views behind `login_required`."""
    return cast("Principal", current_user)


def session_id() -> str | None:
    """The id of the session that the cookie claims; nothing is asked or checked."""
    claimed = session.get(_ID)
    return claimed if isinstance(claimed, str) else None
