"""Searches: what begins with the text, by an index, and then what contains it; both in the caller's scope.

At most LIMIT rows are found at all, so that no search costs more than it can be worth to a person who reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, not_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.directory import PAGE_SIZE, Page, circles_of, lines_of, uniques_of
from app.domain.search import fold, number_key, phone_digits
from app.domain.text import clean
from app.models import Circle, PrincipalKind, Unique
from app.models.grams import CIRCLE, NAME, NUMBERS, Indexed, Text, contains
from app.scope import Scope

T = TypeVar("T")

LIMIT = 1000
SUPPORT_LIMIT = 50
"""Of what support finds: more than they would look through while a customer is on the phone."""
_FEW = 50
_END = "\U0010ffff"
"""Sorts behind every text that begins with what stands before it: the columns compare by code points."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """One page of what was found."""

    page: Page[T]
    more: bool
    """Whether there was more than LIMIT."""


_Begin = tuple[InstrumentedAttribute[str], str]
"""A column, and what it is to begin with; nothing for an empty text."""
_LINES = select(Unique.id, Unique.number)


@dataclass(frozen=True, slots=True)
class _Search:
    """What is searched for."""

    wanted: Select[int, str]
    """Ids and numbers in the caller's scope."""
    begins: Sequence[_Begin]
    parts: Sequence[ColumnElement[bool]]
    """Conditions of which one is enough, for what does not begin so."""


def find_uniques(session: Session, scope: Scope, text: str, page: int) -> Found[Unique]:
    """Lines by their number or name."""
    number, name = number_key(text), fold(text)
    # A number holds digits, and at most some letters: nothing else is looked for in it.
    parts = [(Unique.number, number if number.isascii() else "", NUMBERS), (Unique.name_key, name, NAME)]
    return _lines(session, scope, [(Unique.number, number), (Unique.name_key, name)], _parts(session, parts), page)


def find_phones(session: Session, scope: Scope, text: str, page: int) -> Found[Unique]:
    """Lines by the phone numbers that reach them or that they show, or by their whole extension."""
    digits = phone_digits(text)
    numbers = (Unique.incoming_digits, Unique.outgoing_digits)
    parts = _parts(session, [(column, digits, NUMBERS) for column in numbers])
    extensions = [column == digits for column in (Unique.incoming_extension, Unique.outgoing_extension) if digits]
    return _lines(session, scope, [(column, digits) for column in numbers], [*parts, *extensions], page)


def find_circles(session: Session, scope: Scope, text: str, page: int) -> Found[Circle]:
    """Circles by their number, or by who uses them, their department or the person in charge."""
    number, words, mine = number_key(text), fold(text), circles_of(scope)
    parts = _parts(session, [(Circle.number, number, CIRCLE), (Circle.search_key, words, CIRCLE)])
    search = _Search(select(Circle.id, Circle.number).where(mine), [(Circle.number, number)], parts)
    return _found(session, select(Circle).where(mine), Circle.id, search, page)


def find_for_support(session: Session, scope: Scope, text: str) -> Sequence[Unique]:
    """Lines whose number or phone number begins so, or whose name contains it; by number, at most SUPPORT_LIMIT."""
    text = clean(text)
    digits, name = phone_digits(text), fold(text)
    if not name:
        return ()
    begins = [(Unique.number, text), (Unique.number, digits)]
    begins += [(column, digits) for column in (Unique.incoming_digits, Unique.outgoing_digits)]
    mine = _mine(session, scope)
    search = _Search(_LINES.where(mine), begins, _parts(session, [(Unique.name_key, name, NAME)]))
    ids = _ids(session, search, SUPPORT_LIMIT)[:SUPPORT_LIMIT]
    return session.scalars(lines_of(scope).where(mine, Unique.id.in_(ids)).order_by(Unique.number)).all()


def _lines(
    session: Session, scope: Scope, begins: list[_Begin], parts: list[ColumnElement[bool]], page: int
) -> Found[Unique]:
    mine = _mine(session, scope)
    return _found(session, lines_of(scope).where(mine), Unique.id, _Search(_LINES.where(mine), begins, parts), page)


def _mine(session: Session, scope: Scope) -> ColumnElement[bool]:
    """The condition under which the caller may see a line.

    A few circles are named: a planner that does not know which they are takes each for one of average size.
    """
    if scope.kind not in (PrincipalKind.ACCOUNT, PrincipalKind.CIRCLE):
        return uniques_of(scope)
    circles = select(Circle.id).where(circles_of(scope))
    named = session.scalars(circles.limit(_FEW + 1)).all()
    return Unique.circle_id.in_(named if len(named) <= _FEW else circles)


def _parts(session: Session, wanted: Sequence[tuple[Text, str, Indexed]]) -> list[ColumnElement[bool]]:
    dialect = session.get_bind().dialect
    return [contains(dialect, column, part, indexed) for column, part, indexed in wanted if part]


def _ids(session: Session, search: _Search, limit: int) -> list[int]:
    """Ids of what begins so, by number, and then of what contains it; one more than `limit` where there is more."""
    begins = [(column, and_(column >= text, column < text + _END)) for column, text in search.begins if text]
    first: dict[int, str] = {}
    for column, condition in begins:
        # In the order of the index, of which so no more is read than can be shown.
        first |= dict(session.execute(search.wanted.where(condition).order_by(column).limit(limit + 1)).all())
    found = _by_number(first)[: limit + 1]
    if not search.parts or len(found) > limit:
        return found
    others = search.wanted.where(or_(*search.parts), *(not_(condition) for _, condition in begins))
    return [*found, *_by_number(dict(session.execute(others.limit(limit + 1 - len(found))).all()))]


def _by_number(found: Mapping[int, str]) -> list[int]:
    return sorted(found, key=lambda row_id: found[row_id])


def _found(
    session: Session, rows: Select[Any], key: InstrumentedAttribute[int], search: _Search, page: int
) -> Found[Any]:
    ids = _ids(session, search, LIMIT)
    kept = ids[:LIMIT]
    shown: Page[Any] = Page((), 1, len(kept))
    number = min(max(1, page), shown.last)
    wanted = kept[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    by_id = {row.id: row for row in session.scalars(rows.where(key.in_(wanted)))} if wanted else {}
    return Found(Page([by_id[row] for row in wanted if row in by_id], number, len(kept)), len(ids) > LIMIT)
