"""From Redis into the database: changes of state, and when each server was heard. What fails is tried again."""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, aliased

from app.domain.changes import LineState
from app.domain.sign import UNKNOWN_AFTER
from app.domain.standing import Cause
from app.models import Coverage, CoverageCause, LineChange, Unique
from app.store import history as waiting
from app.store.history import Change
from app.store.lease import held
from app.store.servers import ServerState
from workers.runtime import Runtime

_LEASE_SECONDS = 10.0
_COVERED_EVERY = timedelta(seconds=30)
_PRUNED_AT_ONCE = 5000

log = logging.getLogger(__name__)


def drain(runtime: Runtime) -> None:
    """Write what waits in Redis, unless somebody else is at it. While the database is away it waits on."""
    with held(runtime.redis, "history", _LEASE_SECONDS) as lease:
        if lease is None:
            return
        try:
            while (batch := waiting.waiting(runtime.redis)) is not None:
                with runtime.sessions.begin() as session:
                    insert(session, batch)
                waiting.done(runtime.redis)
        except SQLAlchemyError as error:
            log.warning("the history waits for the database: %s", type(error).__name__)


def insert(session: Session, changes: Sequence[Change]) -> None:
    """Write changes of lines that exist, each once however often it is told."""
    known = set(session.scalars(select(Unique.id).where(Unique.id.in_({change.unique_id for change in changes}))))
    rows = [_row(change) for change in changes if change.unique_id in known]
    if not rows:
        return
    insert_into: Callable[..., Any] = (
        insert_postgresql if session.get_bind().dialect.name == "postgresql" else insert_sqlite
    )
    session.execute(insert_into(LineChange).on_conflict_do_nothing(), rows)


def last_known(session: Session, unique_ids: Sequence[int]) -> dict[int, LineState]:
    """The state in which the history left each of some lines that it knows."""
    ids = select(func.max(LineChange.id)).where(LineChange.unique_id.in_(unique_ids)).group_by(LineChange.unique_id)
    rows = session.execute(select(LineChange.unique_id, LineChange.after).where(LineChange.id.in_(ids)))
    return dict(rows.all())


def _row(change: Change) -> dict[str, object]:
    return {
        "unique_id": change.unique_id,
        "circle_id": change.circle_id,
        "at": datetime.fromtimestamp(change.at, UTC),
        "before": LineState(change.before) if change.before else None,
        "after": LineState(change.after),
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


def prune(runtime: Runtime, oldest: datetime) -> int:
    """Delete changes before `oldest`, but of each line the newest of them: it says how the line stood since then.

    How many went. A piece at a time, so that nobody waits for it.
    """
    gone = 0
    newer = aliased(LineChange)
    superseded = exists().where(newer.unique_id == LineChange.unique_id, newer.at > LineChange.at, newer.at < oldest)
    wanted = select(LineChange.id).where(LineChange.at < oldest, superseded).limit(_PRUNED_AT_ONCE)
    while True:
        with runtime.sessions.begin() as session:
            ids: Iterable[int] = session.scalars(wanted).all()
            session.execute(delete(LineChange).where(LineChange.id.in_(ids)))
            session.execute(delete(Coverage).where(Coverage.until < oldest))
        if not ids:
            return gone
        gone += len(list(ids))
