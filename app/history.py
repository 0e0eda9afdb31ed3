"""Reads of what happened to lines. Every function takes the caller's scope or what it may see already."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case, exists, select, true, tuple_
from sqlalchemy.orm import Session

from app.domain.changes import LineState
from app.domain.history import Heard, Why, Window
from app.domain.standing import Cause
from app.models import Circle, Coverage, CoverageCause, LineChange, PrincipalKind, SipServer, Unique, is_live, with_live
from app.scope import Scope

_GAPS = 1000
"""Spans in which a server was heard: a server with more within a month is hardly heard at all."""
_WHY = {
    CoverageCause.FIRST: Why.UNRECORDED,
    CoverageCause.NO_ANSWER: Why.NO_ANSWER,
    CoverageCause.NOT_ASKED: Why.NOT_ASKED,
}


class Exported(NamedTuple):
    """One change as a file tells it."""

    at: datetime
    id: int
    number: str
    name: str
    """Empty for a line that has left the circle: its name is somebody else's by now."""
    before: LineState | None
    after: LineState
    source: str | None
    user_agent: str | None
    cause: Cause


def of_line(scope: Scope, row: Unique) -> ColumnElement[bool]:
    """The condition for the changes of a line that the caller may see: none from when it was another customer's."""
    return LineChange.unique_id == row.id if scope.kind is PrincipalKind.STAFF else _own(scope, row)


def _own(scope: Scope, row: Unique) -> ColumnElement[bool]:
    within = LineChange.circle_id == row.circle_id
    if scope.kind is PrincipalKind.ACCOUNT:
        within = exists().where(Circle.id == LineChange.circle_id, Circle.account_id == scope.id)
    return (LineChange.unique_id == row.id) & within


def of_circle(circle: Circle) -> ColumnElement[bool]:
    """The condition for the changes of lines while they were in a circle that the caller may see."""
    return LineChange.circle_id == circle.id


def newest(session: Session, scope: Scope, row: Unique, most: int, since: datetime | None = None) -> list[LineChange]:
    """The newest changes of a line, the newest first; with `since` only those from then on."""
    within = true() if since is None else LineChange.at >= since
    return _changes(session, of_line(scope, row) & within, most)


def last_before(session: Session, scope: Scope, row: Unique, moment: datetime) -> list[LineChange]:
    """The last change of a line before a moment, if there was one."""
    return _changes(session, of_line(scope, row) & (LineChange.at < moment), 1)


def _changes(session: Session, condition: ColumnElement[bool], most: int) -> list[LineChange]:
    wanted = select(LineChange).where(condition).order_by(LineChange.at.desc(), LineChange.id.desc())
    return list(session.scalars(wanted.limit(most)))


def heard(session: Session, server_id: int, since: datetime) -> list[Heard]:
    """When a server was heard, from `since` on, the newest first."""
    wanted = select(Coverage).where(Coverage.server_id == server_id, Coverage.until >= since)
    rows = session.scalars(wanted.order_by(Coverage.until.desc()).limit(_GAPS))
    return [Heard(row.since, row.until, _WHY[row.cause]) for row in rows]


def servers_of(session: Session, circle: Circle) -> dict[int, str]:
    """The servers of a circle's live lines, with their names."""
    lines = with_live(select(Unique.server_id)).where(Unique.circle_id == circle.id, is_live()).distinct()
    return dict(session.execute(select(SipServer.id, SipServer.hostname).where(SipServer.id.in_(lines))).all())


def export(session: Session, condition: ColumnElement[bool], window: Window, size: int) -> Iterator[Sequence[Exported]]:
    """The changes within a window, the newest first, `size` at a time; no transaction is open between two of them."""
    within = condition & (LineChange.at >= window.start) & (LineChange.at <= window.end)
    while True:
        rows = [Exported(*row) for row in session.execute(_page(within).limit(size))]
        session.rollback()
        yield rows
        if len(rows) < size:
            return
        last = rows[-1]
        # The time alone finds the place in the index.
        after = tuple_(LineChange.at, LineChange.id) < (last.at, last.id)
        within = condition & (LineChange.at >= window.start) & (LineChange.at <= last.at) & after


def _page(condition: ColumnElement[bool]) -> Select[Any]:
    name = case((Unique.circle_id == LineChange.circle_id, Unique.name), else_="")
    columns = (LineChange.before, LineChange.after, LineChange.source, LineChange.user_agent, LineChange.cause)
    wanted = select(LineChange.at, LineChange.id, Unique.number, name, *columns).join(
        Unique, Unique.id == LineChange.unique_id
    )
    return wanted.where(condition).order_by(LineChange.at.desc(), LineChange.id.desc())
