"""The only functions that RQ runs: they compose adapters, the database and Redis."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.domain.sign import ASK_PATIENCE
from app.domain.text import clean
from app.models import PrincipalKind, SipServer
from app.store import abilities, lookups, servers, snapshots
from app.store.lease import Lease, held
from app.store.servers import ServerState
from app.store.snapshots import LeaseLostError
from workers import collect, counting, mails, passwords, refusals
from workers.credentials import endpoint_of
from workers.known import known_registration
from workers.runtime import Runtime, current
from workers.sip.base import Adapter, Problem, SipError

QUEUES = ("pulls", "lookups", "mails")
"""Every queue that the portal uses; each needs a worker that listens to it."""
LEASE_SECONDS = 4.0
"""A killed pull lets the next one begin within so long."""
QUEUED_SECONDS = 15
"""A pull that no worker took up within so long is forgotten, and another may be enqueued."""
_LOOKUP_SECONDS = 4.0
_PASSWORD_SECONDS = 8.0

log = logging.getLogger(__name__)


def pull(server_id: int) -> None:
    """Job: take one snapshot of a server, unless somebody else is at it."""
    run_pull(current(), server_id)


def lookup(server_id: int, aor: str, circle_id: int, asked_at: str) -> None:
    """Job: ask a server for one line, for a page of the circle that was asked at `asked_at` (ISO 8601)."""
    run_lookup(current(), server_id, aor, circle_id, datetime.fromisoformat(asked_at))


def set_password(server_id: int, aor: str, circle_id: int, ticket: str) -> None:  # noqa: ARG001 - tells operators whose
    """Job: overwrite a line's device password with the one that the ticket fetches."""
    run_set_password(current(), server_id, aor, ticket)


def mail_reminder(kind: str, login_id: str, language: str, address: str) -> None:
    """Job: mail a link that sets a new password; `address` is where it was asked for."""
    mails.reminder(current(), PrincipalKind(kind), login_id, language, address)


def mail_confirmation(kind: str, principal_id: int, to: str, language: str) -> None:
    """Job: mail a link that confirms a new address."""
    mails.confirmation(current(), PrincipalKind(kind), principal_id, to, language)


def mail_notice(kind: str, principal_id: int, to: str, language: str) -> None:
    """Job: tell the address that was registered before."""
    mails.notice(current(), PrincipalKind(kind), principal_id, to, language)


def pull_lease(redis: "Redis", server_id: int) -> Lease:
    """What whoever pulls a server holds."""
    return Lease(redis, _pull_name(server_id), LEASE_SECONDS)


def queued_marker(redis: "Redis", server_id: int) -> Lease:
    """Held from the enqueuing of a pull until a worker takes it up."""
    return Lease(redis, f"queued-{server_id}", QUEUED_SECONDS)


def _pull_name(server_id: int) -> str:
    return f"pull-{server_id}"


def run_pull(runtime: Runtime, server_id: int) -> bool:
    """Take one snapshot of a server; False when somebody else is at it.

    A server that does not answer is no error of the job's: its state says so, and all that was known stays.
    """
    redis = runtime.redis
    with held(redis, _pull_name(server_id), LEASE_SECONDS) as lease:
        # Not before the lease is held: the scheduler must find one of the two for as long as the pull lasts.
        redis.delete(queued_marker(redis, server_id).key)
        if lease is None:
            return False
        before = servers.read(redis, [server_id])[server_id]
        try:
            _pull(runtime, server_id, lease)
        except LeaseLostError:
            log.warning("server %d: the pull took its lease's time without renewing it, nothing is written", server_id)
        except SipError as error:
            _record(runtime, server_id, lease, before, error)
        except SQLAlchemyError as error:
            _record(runtime, server_id, lease, before, _database_gone(error))
        except RedisError:
            raise
        except Exception as error:
            _record(runtime, server_id, lease, before, SipError(Problem.FAULT, type(error).__name__))
            raise
        return True


def _pull(runtime: Runtime, server_id: int, lease: Lease) -> None:
    server, adapter = _adapter(runtime, server_id)
    began = runtime.clock()
    found = collect.snapshot(runtime.redis, server_id, adapter, began)
    change = counting.change(runtime, server_id, found.delta, began)
    ended = runtime.clock()
    state = ServerState(
        answered_at=found.report.taken_at,
        tried_at=began,
        # A pull that takes longer than its interval is all that there is, and signs are judged by that.
        interval=max(timedelta(seconds=server.pull_interval), ended - began),
        lines=found.delta.total,
        broken=found.report.broken,
        uptime=found.report.uptime,
    )
    snapshots.publish(runtime.redis, server_id, found.delta, state, change, lease)
    refusals.collect(runtime, server_id, adapter)


def _record(runtime: Runtime, server_id: int, lease: Lease, before: ServerState, error: SipError) -> None:
    detail = clean(error.detail)
    log.warning("server %d: pull failed: %s %s", server_id, error.problem.value, detail)
    if lease.renew():
        state = replace(before, tried_at=runtime.clock(), problem=error.problem.value, detail=detail)
        snapshots.record_failure(runtime.redis, server_id, state)


def _adapter(runtime: Runtime, server_id: int, *, at_most: float | None = None) -> tuple[SipServer, Adapter]:
    with runtime.sessions() as session:
        server = session.get(SipServer, server_id)
    if server is None:
        raise SipError(Problem.CONFIGURATION, "the server is no longer configured", permanent=True)
    endpoint = endpoint_of(server, at_most=at_most)
    adapter = runtime.adapter_for(server.family, endpoint, runtime.lines_of(server_id))
    abilities.keep(runtime.redis, server_id, adapter.capabilities)
    return server, adapter


def _database_gone(error: SQLAlchemyError) -> SipError:
    return SipError(Problem.FAULT, f"the portal's database does not answer: {type(error).__name__}")


def run_set_password(runtime: Runtime, server_id: int, aor: str, ticket: str) -> None:
    """Overwrite a line's device password; how that ended is noted for the page that waits."""
    passwords.overwrite(
        runtime, server_id, aor, ticket, lambda: _adapter(runtime, server_id, at_most=_PASSWORD_SECONDS)[1]
    )


def run_lookup(runtime: Runtime, server_id: int, aor: str, circle_id: int, asked_at: datetime) -> None:
    """Ask a server for one line and keep its answer, or why there is none, as long as somebody waits for it."""
    left = _patience(runtime, asked_at)
    if left <= 0:
        # The claim has ended by itself, and may be a newer look-up's by now.
        log.warning("server %d: a look-up was taken up too late to be waited for", server_id)
        return
    try:
        _lookup(runtime, server_id, aor, circle_id, min(left, _LOOKUP_SECONDS))
    except SipError as error:
        _fail(runtime, server_id, aor, circle_id, error)
    except SQLAlchemyError as error:
        _fail(runtime, server_id, aor, circle_id, _database_gone(error))
    except RedisError:
        raise
    except Exception as error:
        _fail(runtime, server_id, aor, circle_id, SipError(Problem.FAULT, type(error).__name__))
        raise
    finally:
        if _patience(runtime, asked_at) > 0:
            lookups.unclaim(runtime.redis, server_id, aor)


def _patience(runtime: Runtime, asked_at: datetime) -> float:
    return (asked_at + ASK_PATIENCE - runtime.clock()).total_seconds()


def _lookup(runtime: Runtime, server_id: int, aor: str, circle_id: int, seconds: float) -> None:
    _, adapter = _adapter(runtime, server_id, at_most=seconds)
    found = collect.lookup(adapter, aor, known_registration(runtime.redis, server_id, aor), runtime.clock())
    # Before the answer: whoever waits for it sees why the phone was refused at the same moment.
    refusals.collect(runtime, server_id, adapter)
    lookups.answer(runtime.redis, server_id, found, [circle_id])


def _fail(runtime: Runtime, server_id: int, aor: str, circle_id: int, error: SipError) -> None:
    log.warning("server %d: look-up failed: %s %s", server_id, error.problem.value, clean(error.detail))
    lookups.fail(runtime.redis, server_id, aor, [circle_id], runtime.clock(), error.problem.value)
