"""Who wrote what: an entry for each write by a customer, staff or an operator, in the write's own transaction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flask import request
from flask_login import current_user
from sqlalchemy.orm import Session

from app.models import AuditEntry, PrincipalKind, holder, login_id_of
from app.scope import Scope
from app.services import services

_TARGET = 200
_WHO = 200


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, and from where."""

    scope: Scope
    who: str
    """The login ID."""
    address: str


def record(
    session: Session,
    action: str,
    *,
    target: str = "",
    account_id: int | None,
    detail: Mapping[str, object] | None = None,
    by: Actor | None = None,
) -> None:
    """Add an entry; the caller commits it together with what it wrote.

    `action` is a word of `app.audit_words`, `target` the number of what was written, `account_id` whose data it was
    (None for no customer's). `detail` goes to JSON: never a password. Without `by` it is whoever is logged in.
    """
    actor = by or visitor(session, current_user.scope)
    entry = AuditEntry(
        at=services().clock(),
        account_id=account_id,
        kind=actor.scope.kind,
        principal_id=actor.scope.id,
        who=actor.who[:_WHO],
        address=actor.address,
        action=action,
        target=target[:_TARGET],
        detail=json.dumps(dict(detail), ensure_ascii=False, sort_keys=True) if detail else "",
    )
    session.add(entry)


def visitor(session: Session, scope: Scope) -> Actor:
    """The principal `scope` as the browser of this request."""
    who = holder(session, scope.kind, scope.id)
    return Actor(scope, login_id_of(who) if who else "", request.remote_addr or "")


def operator(name: str) -> Actor:
    """Whoever runs a command on the portal's own machine, by the name that the machine knows."""
    return Actor(Scope(PrincipalKind.STAFF, 0), f"{name} (flask)", "")
