"""Why phones were refused: from a server's memory of failed authentications into what the portal keeps a line."""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import select

from app.domain.registration import AuthFailure
from app.models import Unique
from app.store import failures as store
from app.store import keys
from workers.runtime import Runtime
from workers.sip.base import Adapter, Capability, SipError

FIRST_LOOK = timedelta(days=1)
"""How far back the first reading of a server goes."""
_PAUSE_MILLISECONDS = 4000
"""A server is asked for its failures no more often than this, however many look-ups there are."""
_LONG_PAUSE_MILLISECONDS = 60_000
"""The same for a server that could not tell them: what is configured there seldom changes."""
_CHUNK = 500

log = logging.getLogger(__name__)


def collect(runtime: Runtime, server_id: int, adapter: Adapter) -> None:
    """Read the failures that a server remembers, and keep those of our lines.

    What goes wrong here spoils no pull and no look-up: it is logged, and read again next time.
    """
    if Capability.AUTH_FAILURES not in adapter.capabilities:
        return
    redis = runtime.redis
    lease = keys.lease(f"failures-{server_id}")
    if not redis.set(lease, b"1", nx=True, px=_PAUSE_MILLISECONDS):
        return
    since = store.read_until(redis, server_id) or runtime.clock() - FIRST_LOOK
    try:
        told = adapter.auth_failures(since)
    except SipError as error:
        log.warning("server %d: failed authentications can't be read: %s", server_id, error.problem.value)
        redis.pexpire(lease, _LONG_PAUSE_MILLISECONDS)
        return
    keep(runtime, server_id, told)
    if told:
        store.mark_read(redis, server_id, max(failure.at for failure in told))


def keep(runtime: Runtime, server_id: int, told: Sequence[AuthFailure]) -> None:
    """Keep the failures of lines that exist: names that a scanner tries fill nothing."""
    ours = known(runtime, server_id, {failure.aor for failure in told})
    store.record(runtime.redis, server_id, [failure for failure in told if failure.aor in ours])


def known(runtime: Runtime, server_id: int, aors: Iterable[str]) -> dict[str, int]:
    """Which of the keys are lines of the server, each with its circle's id."""
    wanted = sorted(set(aors))
    found: dict[str, int] = {}
    with runtime.sessions() as session:
        for start in range(0, len(wanted), _CHUNK):
            query = select(Unique.aor, Unique.circle_id).where(
                Unique.server_id == server_id, Unique.aor.in_(wanted[start : start + _CHUNK])
            )
            found.update((aor, circle_id) for aor, circle_id in session.execute(query))
    return found
