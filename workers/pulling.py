"""One pull of one server, from its lease to what is remembered of it."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.domain.sign import stretched
from app.domain.text import clean
from app.models import SipServer
from app.store import abilities, keys, places, servers, snapshots
from app.store.lease import Lease, LeaseLostError, held
from app.store.servers import Refusal, ServerState
from workers import census, changes, collect, history, refusals, spread
from workers.collect import Collected
from workers.credentials import endpoint_of
from workers.judge import Verdict
from workers.runtime import Runtime
from workers.sip.base import Adapter, Problem, SipError

LEASE_SECONDS = 4.0
"""A killed pull lets the next one begin within so long."""
QUEUED_SECONDS = 15
"""A pull that no worker took up within so long is forgotten, and another may be enqueued."""
_CONFIRM = timedelta(seconds=1)
"""How soon a snapshot that is held is to be confirmed."""

log = logging.getLogger(__name__)


def pull_lease(redis: "Redis", server_id: int) -> Lease:
    """What whoever pulls a server holds."""
    return Lease(redis, _pull_name(server_id), LEASE_SECONDS)


def queued_key(server_id: int) -> str:
    """Where the id of a pull's job stands from its enqueuing until a worker takes it up."""
    return keys.lease(f"queued-{server_id}")


def _pull_name(server_id: int) -> str:
    return f"pull-{server_id}"


def run_pull(runtime: Runtime, server_id: int, believed: Callable[[Verdict, ServerState], None] | None = None) -> bool:
    """Take one snapshot of a server; False when somebody else is at it.

    A server that does not answer is no error of the job's: its state says so, and all that was known stays.
    An operator who believes whatever comes whole gives `believed`, which is told of what was.
    """
    redis = runtime.redis
    with held(redis, _pull_name(server_id), LEASE_SECONDS) as lease:
        # Not before the lease is held: the scheduler must find one of the two for as long as the pull lasts.
        redis.delete(queued_key(server_id))
        if lease is None:
            return False
        before = replace(servers.read_one(redis, server_id), tried_at=runtime.clock())
        try:
            # Said at once: a server that keeps us waiting must not look like a portal that does not ask.
            snapshots.record(redis, server_id, before, lease)
            _pull(runtime, server_id, lease, before, believed)
        except LeaseLostError:
            log.warning("server %d: the pull took its lease's time without renewing it, nothing is written", server_id)
        except SipError as error:
            _refuse(runtime, server_id, lease, error)
        except SQLAlchemyError as error:
            _refuse(runtime, server_id, lease, database_gone(error))
        except RedisError:
            raise
        except Exception as error:
            _refuse(runtime, server_id, lease, SipError(Problem.FAULT, type(error).__name__))
            raise
        return True


def adapter_of(runtime: Runtime, server_id: int, *, at_most: float | None = None) -> tuple[SipServer, Adapter]:
    """A server's row and its adapter, for somebody who waits `at_most` so many seconds. Raises SipError."""
    with runtime.sessions() as session:
        server = session.get(SipServer, server_id)
    if server is None:
        raise SipError(Problem.CONFIGURATION, "the server is no longer configured", permanent=True)
    endpoint = endpoint_of(server, at_most=at_most)
    adapter = runtime.adapter_for(server.family, endpoint, runtime.lines_of(server_id))
    abilities.keep(runtime.redis, server_id, adapter.capabilities)
    return server, adapter


def database_gone(error: SQLAlchemyError) -> SipError:
    """What an operator is told while the portal's own database is away."""
    return SipError(Problem.FAULT, f"the portal's database does not answer: {type(error).__name__}")


def _pull(
    runtime: Runtime,
    server_id: int,
    lease: Lease,
    before: ServerState,
    believed: Callable[[Verdict, ServerState], None] | None,
) -> None:
    server, adapter = adapter_of(runtime, server_id)
    shards = spread.shards_of(server)
    take = partial(spread.pull, runtime, server, shards) if shards > 1 else adapter.snapshot
    began, ours = runtime.clock(), partial(_ours, runtime, server_id)
    found = collect.snapshot(runtime.redis, server_id, take, before, began, ours, lease, believe=believed is not None)
    verdict = found.verdict
    if verdict.problem is not None:
        _disbelieve(runtime, server, lease, verdict.state, SipError(verdict.problem, verdict.detail), began)
        return
    state = _believe(runtime, server, lease, before, found, began)
    if believed is not None:
        believed(verdict, state)
    if state.interval > timedelta(seconds=server.pull_interval):
        _due(runtime.redis, server_id, began + state.interval)
    history.drain(runtime)
    _count(runtime, server_id, state, lease)
    refusals.collect(runtime, server_id, adapter)


def _count(runtime: Runtime, server_id: int, state: ServerState, lease: Lease) -> None:
    """Take a census if one is wanted."""
    try:
        if census.is_wanted(runtime, server_id, state, runtime.clock()):
            census.take(runtime, server_id, state, lease)
    except BaseException:
        # To ask took the wish away: whoever moved lines would wait for the next regular census.
        with suppress(RedisError):
            places.make_due(runtime.redis, server_id)
        raise


def _ours(runtime: Runtime, server_id: int, aors: Sequence[str]) -> int:
    return sum(1 for _ in changes.places_of(runtime, server_id, aors))


def _believe(
    runtime: Runtime, server: SipServer, lease: Lease, before: ServerState, found: Collected, began: datetime
) -> ServerState:
    """Publish a snapshot; the server's state with it."""
    delta, report = found.delta, found.report
    places, changed = changes.of_turned(runtime, server.id, delta.turned)
    configured = timedelta(seconds=server.pull_interval)
    covered = history.is_cover_due(before, report.taken_at)
    if covered:
        with runtime.sessions.begin() as session:
            history.cover(session, server.id, before, report.taken_at, configured)
    state = replace(
        found.verdict.state,
        answered_at=report.taken_at,
        tried_at=began,
        problem=None,
        detail="",
        # A pull that takes longer than its interval is all that there is, and signs are judged by that.
        interval=stretched(configured, busy=timedelta(seconds=report.busy), took=runtime.clock() - began),
        lines=delta.registered,
        broken=report.broken,
        stored=delta.stored,
        covered_at=report.taken_at if covered else before.covered_at,
    )
    if delta.many:
        state = replace(state, generation=census.new_generation(), unrecorded=True)
    try:
        snapshots.publish(runtime.redis, server.id, delta, state, places, lease, changed)
    except LeaseLostError:
        delta.drop()
        raise
    return state


def _disbelieve(
    runtime: Runtime, server: SipServer, lease: Lease, state: ServerState, error: SipError, began: datetime
) -> None:
    """Refuse a snapshot that came whole. It kept the server busy like any other; one that is held is confirmed soon."""
    _refuse(runtime, server.id, lease, error, state)
    configured = timedelta(seconds=server.pull_interval)
    wanted = _CONFIRM if error.problem is Problem.HELD else configured
    wait = stretched(wanted, busy=timedelta(seconds=state.busy))
    if wait != configured:
        _due(runtime.redis, server.id, max(began + wait, runtime.clock() + _CONFIRM))


def _refuse(runtime: Runtime, server_id: int, lease: Lease, error: SipError, state: ServerState | None = None) -> None:
    """Remember why there is no new snapshot, for support and operators; no registration changes.

    Without `state` the server is remembered as it is stored: it may have failed after the snapshot was published.
    """
    detail, now = clean(error.detail), runtime.clock()
    state = servers.read_one(runtime.redis, server_id) if state is None else state
    log.warning("server %d: pull failed: %s %s", server_id, error.problem.value, detail)
    refusal = Refusal(now, error.problem.value, detail)
    told = replace(state, tried_at=now, problem=error.problem.value, detail=detail, refused=refusal)
    with suppress(LeaseLostError):
        snapshots.record(runtime.redis, server_id, told, lease)


def _due(redis: "Redis", server_id: int, at: datetime) -> None:
    """Let the next pull come at another time than the usual."""
    redis.hset(keys.due(), str(server_id), at.timestamp())
