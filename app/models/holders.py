"""Who can log in, whatever table they are in."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.models.access import PrincipalKind, Staff
from app.models.customer import Account, Circle, Unique

Holder = Account | Circle | Unique | Staff

_TABLES: dict[PrincipalKind, tuple[type[Holder], InstrumentedAttribute[str]]] = {
    PrincipalKind.ACCOUNT: (Account, Account.login_id),
    PrincipalKind.CIRCLE: (Circle, Circle.number),
    PrincipalKind.UNIQUE: (Unique, Unique.number),
    PrincipalKind.STAFF: (Staff, Staff.login_id),
}


def holder(session: Session, kind: PrincipalKind, principal_id: int) -> Holder | None:
    """Whose login it is; None for one that is gone."""
    found: Any = session.get(_TABLES[kind][0], principal_id)
    return found  # type: ignore[no-any-return] # a union of tables is more than the checker follows


def holder_of(session: Session, kind: PrincipalKind, login_id: str) -> Holder | None:
    """Who logs in with a login ID."""
    table, login = _TABLES[kind]
    found: Any = session.scalar(select(table).where(login == login_id))
    return found  # type: ignore[no-any-return] # a union of tables is more than the checker follows


def login_id_of(who: Holder) -> str:
    """What somebody logs in with."""
    return who.login_id if isinstance(who, Account | Staff) else who.number


def account_of(who: Holder) -> Account | None:
    """The customer that somebody belongs to; staff belong to none."""
    if isinstance(who, Staff):
        return None
    if isinstance(who, Unique):
        return who.circle.account
    return who.account if isinstance(who, Circle) else who


def registered_email(who: Holder) -> str:
    """Where mails about a login go: the nearest address that is registered; empty for staff, who have none."""
    circle = who.circle if isinstance(who, Unique) else who if isinstance(who, Circle) else None
    account = account_of(who)
    return (circle.email if circle else None) or (account.email if account else "")
