"""The circle list: tabs, rows, and how many live lines each circle has."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.directory import Page, circles_of
from app.lists.paging import Listing, Run, read
from app.lists.wanted import Wanted
from app.models import NO_SERVER, Circle, CircleState, CircleTally, LineTally, PrincipalKind, is_live, with_live
from app.scope import Scope

TABS = tuple(state.value for state in CircleState)
SORTS: Mapping[str, InstrumentedAttribute[Any]] = {
    "user": Circle.user_information,
    "department": Circle.department,
    "person": Circle.person_in_charge,
    "applied": Circle.applied_on,
}
PAGE_SIZE = 50
"""The poll of a page carries the totals of its circles in its address, which has room for no more."""


def tabs(session: Session, scope: Scope) -> dict[str, int]:
    """How many of the caller's circles stand under each tab; under the empty word all."""
    if scope.kind is PrincipalKind.ACCOUNT:
        query = select(CircleTally.state, CircleTally.circles).where(CircleTally.account_id == scope.id)
    else:
        query = select(Circle.state, func.count()).where(circles_of(scope)).group_by(Circle.state)
    found = {state.value: count for state, count in session.execute(query)}
    return {"": sum(found.values())} | {tab: found.get(tab, 0) for tab in TABS}


def page(session: Session, scope: Scope, wanted: Wanted, total: int) -> Page[Circle]:
    """The wanted page of the wanted tab, which holds `total` circles."""
    where = [circles_of(scope)]
    if wanted.tab:
        where.append(Circle.state == CircleState(wanted.tab))
    keys = (SORTS[wanted.sort], Circle.number) if wanted.sort else (Circle.number,)
    listing = Listing((Run(tuple(where), total),), Circle.id, keys, wanted.descending, PAGE_SIZE)
    number = min(wanted.page, listing.last)
    numbers = read(session, listing, wanted, number)
    query = select(Circle).where(circles_of(scope), Circle.number.in_(numbers))
    found = {row.number: row for row in session.scalars(query)}
    rows = [found[key] for key in numbers if key in found]
    return Page(rows, number, total, PAGE_SIZE, far=bool(rows) and listing.is_far(number))


def lines(session: Session, circle_id: int) -> int:
    """How many lines a circle of the caller's has."""
    return session.scalar(select(func.sum(LineTally.lines)).where(LineTally.circle_id == circle_id)) or 0


def live_lines(session: Session, circle_ids: Iterable[int]) -> list[Row[int, int | None, int]]:
    """Circle, server and how many live lines the circle has there; nothing is counted for it.

    The caller has already been shown that the circles are in somebody's scope.
    """
    server_id = func.nullif(LineTally.server_id, NO_SERVER)
    query = with_live(select(LineTally.circle_id, server_id, func.sum(LineTally.lines)), LineTally)
    query = query.where(LineTally.circle_id.in_(list(circle_ids)), LineTally.lines > 0, is_live(LineTally))
    return list(session.execute(query.group_by(LineTally.circle_id, LineTally.server_id)))
