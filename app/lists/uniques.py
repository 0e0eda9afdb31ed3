"""The unique list of one circle: tabs for the types that occur, and rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVarTuple

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.directory import PAGE_SIZE, Page, lines_of
from app.domain.sign import SignKind, mode_of
from app.lists.paging import Listing, Run, read
from app.lists.wanted import Wanted
from app.models import LineTally, SipServer, Unique, UniqueType
from app.scope import Scope
from app.store.lines import Line

Columns = TypeVarTuple("Columns")

OTHER = "other"
"""The type その他: it has a tab of its own even where no line has it."""
SORTS: Mapping[str, InstrumentedAttribute[Any]] = {
    "name": Unique.name_key,
    "affiliation": Unique.affiliation,
}
BY_TYPE = "type"
BY_STATE = "state"
MOST_BY_STATE = 10_000
"""Lines up to which a list can be sorted and filtered by what only Redis knows; it reads all of them for a page."""


STATES = tuple(
    kind.value
    for kind in (SignKind.REGISTERED, SignKind.NOT_REGISTERED, SignKind.UNKNOWN, SignKind.ASK, SignKind.NO_STATUS)
)
"""The states that the list can be filtered by."""


@dataclass(frozen=True, slots=True)
class Tab:
    """One type of lines."""

    kind: UniqueType
    count: int


def tabs(session: Session, circle_id: int) -> list[Tab]:
    """The types that occur in a circle of the caller's, and その他."""
    counted = (
        select(LineTally.type_code, func.sum(LineTally.lines).label("lines"))
        .where(LineTally.circle_id == circle_id)
        .group_by(LineTally.type_code)
        .subquery()
    )
    query = (
        select(UniqueType, func.coalesce(counted.c.lines, 0))
        .outerjoin(counted, counted.c.type_code == UniqueType.code)
        .where(or_(counted.c.lines > 0, UniqueType.code == OTHER))
    )
    return [Tab(kind, count) for kind, count in session.execute(query.order_by(UniqueType.position))]


def wanted_of(args: Mapping[str, str], tabs: Iterable[Tab]) -> Wanted:
    """What a URL asks for of a list with these tabs."""
    return Wanted.parse(args, tabs={tab.kind.code for tab in tabs}, sorts={*SORTS, BY_TYPE, BY_STATE}, states=STATES)


def page(session: Session, scope: Scope, circle_id: int, wanted: Wanted, tabs: Sequence[Tab]) -> Page[Unique]:
    """The wanted page of a circle with these tabs; sorted by what the database knows."""
    listing = _listing(circle_id, wanted, [tab for tab in tabs if wanted.tab in ("", tab.kind.code)])
    number = min(wanted.page, listing.last)
    numbers = read(session, listing, wanted, number)
    # The circle once more: a planner that knows no better takes it for one of average size.
    query = lines_of(scope).where(Unique.circle_id == circle_id, Unique.number.in_(numbers))
    found = {row.number: row for row in session.scalars(query)}
    rows = [found[key] for key in numbers if key in found]
    return Page(rows, number, listing.total, listing.size, far=bool(rows) and listing.is_far(number))


def _listing(circle_id: int, wanted: Wanted, tabs: Sequence[Tab]) -> Listing:
    keys = (SORTS[wanted.sort], Unique.number) if wanted.sort in SORTS else (Unique.number,)
    whole = (Unique.circle_id == circle_id,)
    if wanted.tab or wanted.sort == BY_TYPE:
        # Where a type stands is no part of an index: each is a piece of its own.
        runs = [Run((*whole, Unique.type_code == tab.kind.code), tab.count) for tab in tabs]
    else:
        runs = [Run(whole, sum(tab.count for tab in tabs))]
    if wanted.descending:
        runs.reverse()
    return Listing(tuple(runs), Unique.id, keys, wanted.descending, PAGE_SIZE)


def lines(session: Session, circle_id: int, wanted: Wanted) -> list[Line]:
    """What must be known to judge every line of the wanted tab, in its order; at most MOST_BY_STATE."""
    columns = select(
        Unique.id, Unique.server_id, Unique.aor, UniqueType.rule, SipServer.live, Unique.ip_authentication
    ).select_from(Unique)
    query = columns.join(UniqueType, UniqueType.code == Unique.type_code).outerjoin(Unique.server)
    rows = session.execute(_wanted(query, circle_id, wanted).limit(MOST_BY_STATE))
    return [
        Line(unique_id, server_id, aor, mode_of(rule, server_live=live, ip_authentication=by_address))
        for unique_id, server_id, aor, rule, live, by_address in rows
    ]


def rows(session: Session, scope: Scope, unique_ids: Sequence[int]) -> list[Unique]:
    """Some lines, in the order given."""
    found = {row.id: row for row in session.scalars(lines_of(scope).where(Unique.id.in_(unique_ids)))}
    return [found[unique_id] for unique_id in unique_ids if unique_id in found]


def _wanted(query: Select[*Columns], circle_id: int, wanted: Wanted) -> Select[*Columns]:
    """The lines of the wanted tab in the wanted order, by number where that says no more."""
    query = query.where(Unique.circle_id == circle_id)
    if wanted.tab:
        query = query.where(Unique.type_code == wanted.tab)
    if wanted.sort == BY_STATE:
        return query.order_by(Unique.number)
    order = [UniqueType.position] if wanted.sort == BY_TYPE else [SORTS[wanted.sort]] if wanted.sort else []
    return query.order_by(*(key.desc() if wanted.descending else key for key in (*order, Unique.number)))
