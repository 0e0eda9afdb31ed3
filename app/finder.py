"""Searches: what begins with the text, by an index, and then what contains it; both in the caller's scope.

At most LIMIT rows are found at all, so that no search costs more than it can be worth to a person who reads.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, not_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.directory import PAGE_SIZE, Page, circles_of, lines_of, uniques_of
from app.domain.search import fold, number_key, phone_digits
from app.models import Circle, Unique
from app.scope import Scope

T = TypeVar("T")

LIMIT = 1000
_END = "\U0010ffff"
"""Sorts behind every text that begins with what stands before it: the columns compare by code points."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """One page of what was found."""

    page: Page[T]
    more: bool
    """Whether there was more than LIMIT."""


def find_uniques(session: Session, scope: Scope, text: str, page: int) -> Found[Unique]:
    """Lines by their number or name."""
    keys = ((Unique.number, number_key(text)), (Unique.name_key, fold(text)))
    begins = [_begins(column, key) for column, key in keys if key]
    contains = [column.contains(key, autoescape=True) for column, key in keys if key]
    return _uniques(session, scope, begins, contains, page)


def find_phones(session: Session, scope: Scope, text: str, page: int) -> Found[Unique]:
    """Lines by the phone numbers that reach them or that they show, or by their whole extension."""
    digits = phone_digits(text)
    if not digits:
        return _uniques(session, scope, [], [], page)
    numbers = (Unique.incoming_digits, Unique.outgoing_digits)
    extensions = (Unique.incoming_extension, Unique.outgoing_extension)
    begins = [_begins(column, digits) for column in numbers]
    contains = [column.contains(digits, autoescape=True) for column in numbers]
    return _uniques(session, scope, begins, [*contains, *(column == digits for column in extensions)], page)


def find_circles(session: Session, scope: Scope, text: str, page: int) -> Found[Circle]:
    """Circles by their number, or by who uses them, their department or the person in charge."""
    number, words = number_key(text), fold(text)
    begins = [_begins(Circle.number, number)] if number else []
    keys = ((Circle.number, number), (Circle.search_key, words))
    contains = [column.contains(key, autoescape=True) for column, key in keys if key]
    wanted = select(Circle.id).where(circles_of(scope))
    ids = _ids(session, wanted, Circle.number, begins, contains)
    return _found(session, select(Circle), Circle.id, ids, page)


def _uniques(
    session: Session, scope: Scope, begins: list[ColumnElement[bool]], contains: list[ColumnElement[bool]], page: int
) -> Found[Unique]:
    wanted = select(Unique.id).join(Unique.circle).where(uniques_of(scope))
    ids = _ids(session, wanted, Unique.number, begins, contains)
    return _found(session, lines_of(scope), Unique.id, ids, page)


def _begins(column: InstrumentedAttribute[str], prefix: str) -> ColumnElement[bool]:
    # A range, since neither database uses an index for every LIKE.
    return and_(column >= prefix, column < prefix + _END)


def _ids(
    session: Session,
    wanted: Select[Any],
    order: InstrumentedAttribute[str],
    begins: list[ColumnElement[bool]],
    contains: list[ColumnElement[bool]],
) -> list[int]:
    """Ids of what begins so, by number, and then of what contains it; one more than LIMIT where there is more."""
    first: list[int] = []
    if begins:
        first = list(session.scalars(wanted.where(or_(*begins)).order_by(order).limit(LIMIT + 1)))
    left = LIMIT + 1 - len(first)
    if not contains or not left:
        return first
    others = and_(or_(*contains), not_(or_(*begins))) if begins else or_(*contains)
    return [*first, *session.scalars(wanted.where(others).order_by(order).limit(left))]


def _found(
    session: Session,
    rows: Select[Any],
    key: InstrumentedAttribute[int],
    ids: list[int],
    page: int,
) -> Found[Any]:
    kept = ids[:LIMIT]
    shown: Page[Any] = Page((), 1, len(kept))
    number = min(max(1, page), shown.last)
    wanted = kept[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    by_id = {row.id: row for row in session.scalars(rows.where(key.in_(wanted)))} if wanted else {}
    return Found(Page([by_id[row] for row in wanted if row in by_id], number, len(kept)), len(ids) > LIMIT)
