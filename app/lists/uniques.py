"""The unique list of one circle: tabs for the types that occur, and rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVarTuple

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.directory import PAGE_SIZE, Page, lines_of
from app.domain.sign import SignKind, mode_of
from app.lists.wanted import Wanted
from app.models import SipServer, Unique, UniqueType
from app.scope import Scope
from app.store.lines import Line

Columns = TypeVarTuple("Columns")

OTHER = "other"
"""The type その他: it has a tab of its own even where no line has it."""
SORTS: Mapping[str, InstrumentedAttribute[Any]] = {
    "name": Unique.name_key,
    "affiliation": Unique.affiliation,
    "type": UniqueType.position,
}
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
        select(Unique.type_code, func.count().label("lines"))
        .where(Unique.circle_id == circle_id)
        .group_by(Unique.type_code)
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
    return Wanted.parse(args, tabs={tab.kind.code for tab in tabs}, sorts={*SORTS, BY_STATE}, states=STATES)


def page(session: Session, scope: Scope, circle_id: int, wanted: Wanted, total: int) -> Page[Unique]:
    """The wanted page of the wanted tab, which holds `total` lines; sorted by what the database knows."""
    query = _wanted(lines_of(scope).join(Unique.type), circle_id, wanted)
    number = min(wanted.page, Page([], 1, total).last)
    rows = session.scalars(query.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)).all()
    return Page(rows, number, total)


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
    order = [SORTS[wanted.sort]] if wanted.sort else []
    return query.order_by(*(key.desc() if wanted.descending else key for key in (*order, Unique.number)))
