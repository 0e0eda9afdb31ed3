"""The circle list: tabs, rows, and how many live lines each circle has."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.directory import Page, circles_of
from app.lists.wanted import Wanted
from app.models import Circle, CircleState, Unique, is_live, with_live
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
    query = select(Circle.state, func.count()).where(circles_of(scope)).group_by(Circle.state)
    found = {state.value: count for state, count in session.execute(query)}
    return {"": sum(found.values())} | {tab: found.get(tab, 0) for tab in TABS}


def page(session: Session, scope: Scope, wanted: Wanted, total: int) -> Page[Circle]:
    """The wanted page of the wanted tab, which holds `total` circles."""
    query = select(Circle).where(circles_of(scope))
    if wanted.tab:
        query = query.where(Circle.state == CircleState(wanted.tab))
    order = [SORTS[wanted.sort]] if wanted.sort else []
    # By number last, so that a page holds the same circles each time.
    query = query.order_by(*(key.desc() if wanted.descending else key for key in (*order, Circle.number)))
    empty: Page[Circle] = Page([], wanted.page, total, PAGE_SIZE)
    number = min(wanted.page, empty.last)
    rows = session.scalars(query.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)).all()
    return Page(rows, number, total, PAGE_SIZE)


def lines(session: Session, circle_id: int) -> int:
    """How many lines a circle of the caller's has."""
    return session.scalar(select(func.count()).select_from(Unique).where(Unique.circle_id == circle_id)) or 0


def live_lines(session: Session, circle_ids: Iterable[int]) -> list[Row[int, int | None, int]]:
    """Circle, server and how many live lines the circle has there, read from an index alone.

    The caller has already been shown that the circles are in somebody's scope.
    """
    query = with_live(select(Unique.circle_id, Unique.server_id, func.count()))
    query = query.where(Unique.circle_id.in_(list(circle_ids)), is_live())
    return list(session.execute(query.group_by(Unique.circle_id, Unique.server_id)))
