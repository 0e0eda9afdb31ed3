"""Forgets changes that are older than they are kept: a little at a time, so that nobody waits for it."""

import logging
from datetime import datetime, timedelta
from time import monotonic
from typing import NamedTuple

from sqlalchemy import delete, exists, select, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, aliased

from app.models import Coverage, LineChange
from app.store import history as waiting
from workers.runtime import Runtime

_AT_ONCE = 5000
"""Rows that are looked at in one transaction."""
_SECONDS = 2.0
"""How long one job goes on; the next takes up where it stopped."""
_REST = timedelta(hours=1)
"""From the end of one walk to the beginning of the next."""

log = logging.getLogger(__name__)


class _Looked(NamedTuple):
    """Some old rows in the order of time: how many were seen, how many went, and which was the last."""

    seen: int
    gone: int
    last: waiting.Place | None


def prune(runtime: Runtime, *, seconds: float = _SECONDS) -> int:
    """Delete changes that are too old, but of each line the newest of them: it says how the line stood since then.

    How many went. The walk along all old rows is done in pieces of `seconds`, and rests an hour when it is through.
    """
    if waiting.prunes_rest(runtime.redis):
        return 0
    try:
        return _walk(runtime, runtime.clock() - runtime.history, monotonic() + seconds)
    except SQLAlchemyError as error:
        log.warning("old changes stay until the database answers: %s", type(error).__name__)
        return 0


def _walk(runtime: Runtime, oldest: datetime, until: float) -> int:
    gone, place = 0, waiting.pruned_to(runtime.redis)
    while True:
        with runtime.sessions.begin() as session:
            looked = _look(session, oldest, place)
        gone, place = gone + looked.gone, looked.last
        if place is None or looked.seen < _AT_ONCE:
            waiting.rest_from_pruning(runtime.redis, _REST)
            return gone
        waiting.go_on_pruning(runtime.redis, place)
        if monotonic() >= until:
            return gone


def _look(session: Session, oldest: datetime, after: waiting.Place | None) -> _Looked:
    newer = aliased(LineChange)
    superseded = exists().where(
        newer.unique_id == LineChange.unique_id,
        newer.at >= LineChange.at,
        newer.at < oldest,
        tuple_(newer.at, newer.id) > tuple_(LineChange.at, LineChange.id),
    )
    wanted = select(LineChange.at, LineChange.id, superseded).where(LineChange.at < oldest)
    if after is not None:
        wanted = wanted.where(LineChange.at >= after.at, tuple_(LineChange.at, LineChange.id) > after)
    rows = session.execute(wanted.order_by(LineChange.at, LineChange.id).limit(_AT_ONCE)).all()
    ids = [id_ for _, id_, goes in rows if goes]
    session.execute(delete(LineChange).where(LineChange.id.in_(ids)))
    # One row for each gap of a server: few.
    old = select(Coverage.id).where(Coverage.until < oldest).limit(_AT_ONCE)
    session.execute(delete(Coverage).where(Coverage.id.in_(session.scalars(old).all())))
    return _Looked(len(rows), len(ids), waiting.Place(*rows[-1][:2]) if rows else None)
