"""Reads of accounts, circles and uniques. Every function takes the caller's scope and puts it into the query."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.orm import Session, joinedload

from app.domain.sign import Mode, mode_of
from app.models import Circle, PrincipalKind, Unique
from app.scope import Scope
from app.store.lines import Line

T = TypeVar("T")

PAGE_SIZE = 100
LARGEST_ID = 2**31 - 1
"""Of an INTEGER column: PostgreSQL refuses to compare it with more."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of many, counted from page 1."""

    rows: Sequence[T]
    number: int
    total: int
    size: int = PAGE_SIZE
    far: bool = False
    """Whether its neighbours are better found from its own first and last row than counted from an end of the list."""

    @property
    def last(self) -> int:
        """The last page's number; an empty list has one page."""
        return max(1, -(-self.total // self.size))


def circles_of(scope: Scope) -> ColumnElement[bool]:
    """The condition under which the caller may see a circle."""
    if scope.kind is PrincipalKind.STAFF:
        return true()
    if scope.kind is PrincipalKind.ACCOUNT:
        return Circle.account_id == scope.id
    if scope.kind is PrincipalKind.CIRCLE:
        return Circle.id == scope.id
    # A unique sees itself only, not the circle that it is in.
    return Circle.id.in_(())


def uniques_of(scope: Scope) -> ColumnElement[bool]:
    """The condition under which the caller may see a line that is joined with its circle."""
    if scope.kind is PrincipalKind.UNIQUE:
        return Unique.id == scope.id
    return circles_of(scope)


def circle(session: Session, scope: Scope, circle_id: int) -> Circle | None:
    """One circle; None for one that does not exist or is somebody else's."""
    if circle_id > LARGEST_ID:
        return None
    return session.scalar(select(Circle).where(Circle.id == circle_id, circles_of(scope)))


def unique(session: Session, scope: Scope, unique_id: int) -> Unique | None:
    """One line; None for one that does not exist or is somebody else's."""
    if unique_id > LARGEST_ID:
        return None
    return session.scalar(lines_of(scope).where(Unique.id == unique_id))


def line_of(row: Unique) -> Line:
    """What the store must know of a line to find its registration."""
    server = row.server
    mode = mode_of(row.type.rule, server_live=server.live if server else None, ip_authentication=row.ip_authentication)
    return Line(row.id, row.server_id, row.aor, mode)


def is_on_demand(rows: Sequence[Unique]) -> bool:
    """Whether any of the lines is on demand: then the list shows its pickup groups (the guide's example 2)."""
    return any(line_of(row).mode is Mode.ON_DEMAND for row in rows)


def lines_of(scope: Scope) -> Select[Unique]:
    """The lines that the caller may see, with everything that a list shows of them."""
    return (
        select(Unique)
        .join(Unique.circle)
        .where(uniques_of(scope))
        .options(joinedload(Unique.type), joinedload(Unique.server), joinedload(Unique.circle))
    )
