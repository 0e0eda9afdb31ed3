"""Enqueues the look-up of one line; two clicks are one job."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from app import directory, status
from app.domain.sign import Ask, Mode, Sign, SignKind
from app.models import Unique
from app.reach import is_away, reach
from app.scope import Scope
from app.services import services
from app.store import lookups
from app.store.lines import Line
from app.throttle import LOOKUP, Rule

log = logging.getLogger(__name__)

JOB = "workers.jobs.lookup"
"""The job's dotted name: the web never imports the workers."""
_JOB_SECONDS = 10
_NEWS = timedelta(seconds=2)
"""An answer as young as this is one for everybody who clicks: a crowd on one line is one question to its server."""


def request_lookup(row: Unique, scope: Scope) -> Sign:
    """The sign that a customer sees after a click on ?."""
    line = directory.line_of(row)
    if line.mode is Mode.NONE or line.server_id is None:
        return Sign(SignKind.NO_STATUS if line.mode is Mode.NONE else SignKind.UNKNOWN)
    if answered := _just_answered(line):
        return answered
    problem = enqueue(row, scope, LOOKUP, unless=lambda: _just_answered(line) is not None)
    return Sign(SignKind.CHECK_FAILED, problem=problem) if problem else Sign(SignKind.CHECKING)


def _just_answered(line: Line) -> Sign | None:
    """The sign that rests on an answer of this very moment; None where the server has to be asked."""
    now = services().clock()
    sign = status.facts_of([line])[line.unique_id].sign(now)
    fresh = sign.as_of is not None and abs(now - sign.as_of) <= _NEWS
    return sign if fresh and sign.kind in (SignKind.REGISTERED, SignKind.NOT_REGISTERED) else None


def enqueue(row: Unique, scope: Scope, rule: Rule, *, unless: Callable[[], bool] = lambda: False) -> str | None:
    """Ask a worker to look a line up now; None when one will, else why not, as a problem's word.

    `unless` is asked once more when nobody else can ask any longer: the answer may have come in between.
    """
    service = services()
    if row.server_id is None:
        return "configuration"
    if is_away():
        return "store"
    if not service.throttle.hit(rule, str(scope)):
        return "limited"
    try:
        if lookups.claim(service.redis, row.server_id, row.aor):
            if unless():
                lookups.unclaim(service.redis, row.server_id, row.aor)
            else:
                _enqueue(row, row.server_id, service.clock())
    except RedisError as error:
        log.warning("a look-up can't be asked for: %s", type(error).__name__)
        return "store"
    return None


def _enqueue(row: Unique, server_id: int, now: datetime) -> None:
    redis = services().redis
    lookups.ask(redis, server_id, row.aor, (row.circle_id,), now)
    services().lookups.enqueue(
        JOB,
        server_id,
        row.aor,
        row.circle_id,
        now.isoformat(),
        job_timeout=_JOB_SECONDS,
        ttl=_JOB_SECONDS,
        result_ttl=0,
        failure_ttl=3600,
    )


def last_ask(row: Unique) -> Ask | None:
    """The newest look-up that somebody asked for; None while Redis does not answer or knows of none."""
    server_id = row.server_id
    if server_id is None:
        return None
    return reach(lambda redis: lookups.read(redis, server_id, row.aor).ask, None)
