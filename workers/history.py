"""From Redis into the database: changes of state, and when each server was heard. What fails is tried again."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.domain.changes import LineState
from app.domain.sign import UNKNOWN_AFTER
from app.domain.standing import Cause
from app.models import Circle, Coverage, CoverageCause, LineChange, Unique
from app.store import history as waiting
from app.store.history import Change
from app.store.lease import held
from app.store.servers import ServerState
from workers.runtime import Runtime

_LEASE_SECONDS = 10.0
_COVERED_EVERY = timedelta(seconds=30)

log = logging.getLogger(__name__)


def drain(runtime: Runtime) -> None:
    """Write what waits in Redis, unless somebody else is at it. While the database is away it waits on."""
    with held(runtime.redis, "history", _LEASE_SECONDS) as lease:
        if lease is None:
            return
        try:
            while (batch := waiting.waiting(runtime.redis)) is not None:
                _write(runtime, batch)
                waiting.done(runtime.redis)
        except SQLAlchemyError as error:
            log.warning("the history waits for the database: %s", type(error).__name__)


def _write(runtime: Runtime, batch: Sequence[Change]) -> None:
    """Write a batch; one change that no database takes keeps none of the others waiting."""
    try:
        with runtime.sessions.begin() as session:
            insert(session, batch)
    except (IntegrityError, DataError, ValueError, OverflowError) as error:
        if len(batch) == 1:
            log.exception("a change of line %d can't be written, and is dropped", batch[0].unique_id, exc_info=error)
            return
        for change in batch:
            _write(runtime, [change])


class Last(NamedTuple):
    """How the history left a line."""

    state: LineState
    at: datetime


def insert(session: Session, changes: Sequence[Change]) -> None:
    """Write changes of lines and circles that exist, each once however often it is told.

    What the history says already is no change: Redis may have forgotten it, and told it again.
    """
    ids = {change.unique_id for change in changes}
    if not ids:
        return
    exist = set(session.scalars(select(Unique.id).where(Unique.id.in_(ids))))
    circles = set(session.scalars(select(Circle.id).where(Circle.id.in_({change.circle_id for change in changes}))))
    ours = [change for change in changes if change.unique_id in exist and change.circle_id in circles]
    rows = list(_rows(ours, last_known(session, exist)))
    if rows:
        insert_into: Callable[..., Any] = (
            insert_postgresql if session.get_bind().dialect.name == "postgresql" else insert_sqlite
        )
        session.execute(insert_into(LineChange).on_conflict_do_nothing(), rows)


def last_known(session: Session, unique_ids: Collection[int]) -> dict[int, Last]:
    """How the history left each of some lines that it knows: a look into its index for each."""
    newest = (
        select(LineChange.id)
        .where(LineChange.unique_id == Unique.id)
        .order_by(LineChange.at.desc(), LineChange.id.desc())
        .limit(1)
        .correlate(Unique)
        .scalar_subquery()
    )
    wanted = select(Unique.id, LineChange.after, LineChange.at).join(LineChange, LineChange.id == newest)
    rows = session.execute(wanted.where(Unique.id.in_(unique_ids)))
    return {unique_id: Last(state, at) for unique_id, state, at in rows}


def _rows(changes: Iterable[Change], last: Mapping[int, Last]) -> Iterator[dict[str, object]]:
    states = {unique_id: known.state for unique_id, known in last.items()}
    for change in changes:
        before = states.get(change.unique_id, LineState(change.before) if change.before else None)
        after = states[change.unique_id] = LineState(change.after)
        if before is not after:
            yield {
                "unique_id": change.unique_id,
                "circle_id": change.circle_id,
                "at": datetime.fromtimestamp(change.at, UTC),
                "before": before,
                "after": after,
                "source": change.source,
                "user_agent": change.user_agent,
                "cause": Cause(change.cause),
            }


def cover(session: Session, server_id: int, before: ServerState, taken_at: datetime, interval: timedelta) -> None:
    """Note that a server was heard at `taken_at`: in one span with what was heard before, unless there was a gap."""
    last = session.scalars(
        select(Coverage).where(Coverage.server_id == server_id).order_by(Coverage.until.desc()).limit(1)
    ).first()
    heard = before.answered_at or (last.until if last else None)
    if last is None or heard is None or taken_at - heard > UNKNOWN_AFTER * max(interval, before.interval):
        if last is not None and heard is not None and heard > last.until:
            last.until = heard
        session.add(
            Coverage(
                server_id=server_id,
                since=taken_at,
                until=taken_at,
                cause=_cause(last is None, before),
                problem=before.problem if last else None,
            )
        )
    else:
        session.execute(update(Coverage).where(Coverage.id == last.id).values(until=max(taken_at, last.until)))


def _cause(first: bool, before: ServerState) -> CoverageCause:  # noqa: FBT001 - it is told by its name
    if first:
        return CoverageCause.FIRST
    return CoverageCause.NO_ANSWER if before.problem else CoverageCause.NOT_ASKED


def is_cover_due(before: ServerState, taken_at: datetime) -> bool:
    """Whether what is noted of a server's coverage is old, or was interrupted."""
    known = before.covered_at
    if known is None or not timedelta() <= taken_at - known < _COVERED_EVERY:
        return True
    return before.answered_at is None or taken_at - before.answered_at > UNKNOWN_AFTER * before.interval
