"""Reads of the audit trail, for staff only: anybody else's scope finds nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, false, func, or_, select, true
from sqlalchemy.orm import Session

from app.directory import Page
from app.models import Account, AuditEntry, Circle, PrincipalKind, Unique
from app.scope import Scope

FOUND = 50
"""Customers that a search shows."""
_SIZE = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries of a customer are shown; an empty text is any."""

    by: str = ""
    """`staff` or `customer`."""
    action: str = ""
    text: str = ""
    """Part of a login ID, or of the number that was written."""


def _visible(scope: Scope) -> ColumnElement[bool]:
    return true() if scope.kind is PrincipalKind.STAFF else false()


def customers(session: Session, scope: Scope, text: str) -> Sequence[Account]:
    """Customers by name, login ID, or the beginning of a number of theirs; all of them for no text."""
    query = select(Account).where(_visible(scope)).order_by(Account.login_id).limit(FOUND)
    if text:
        circles = select(Circle.account_id).where(Circle.number.startswith(text, autoescape=True))
        lines = select(Circle.account_id).join(Unique).where(Unique.number.startswith(text, autoescape=True))
        named = (column.icontains(text, autoescape=True) for column in (Account.name, Account.login_id))
        query = query.where(or_(*named, Account.id.in_(circles), Account.id.in_(lines)))
    return session.scalars(query).all()


def customer(session: Session, scope: Scope, account_id: int) -> Account | None:
    """One customer."""
    return session.scalar(select(Account).where(Account.id == account_id, _visible(scope)))


def actions(session: Session, scope: Scope, account_id: int | None) -> Sequence[str]:
    """The actions that occur, for the filter."""
    query = select(AuditEntry.action).where(_visible(scope), AuditEntry.account_id == account_id).distinct()
    return session.scalars(query.order_by(AuditEntry.action)).all()


def entries(
    session: Session, scope: Scope, account_id: int | None, wanted: Wanted, number: int = 1
) -> Page[AuditEntry]:
    """A customer's entries, the newest first; with None those that belong to no customer."""
    query = _filtered(select(AuditEntry).where(_visible(scope), AuditEntry.account_id == account_id), wanted)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = min(max(1, number), max(1, -(-total // _SIZE)))
    newest = query.order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    return Page(session.scalars(newest.limit(_SIZE).offset((page - 1) * _SIZE)).all(), page, total, _SIZE)


def _filtered(query: Select[AuditEntry], wanted: Wanted) -> Select[AuditEntry]:
    if wanted.by == "staff":
        query = query.where(AuditEntry.kind == PrincipalKind.STAFF)
    elif wanted.by == "customer":
        query = query.where(AuditEntry.kind != PrincipalKind.STAFF)
    if wanted.action:
        query = query.where(AuditEntry.action == wanted.action)
    if wanted.text:
        columns = (AuditEntry.who, AuditEntry.target)
        query = query.where(or_(*(column.icontains(wanted.text, autoescape=True) for column in columns)))
    return query
