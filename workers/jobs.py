"""The only functions that RQ runs: they compose adapters, the database and Redis."""

import logging
from datetime import datetime

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.domain.sign import ASK_PATIENCE
from app.domain.text import clean
from app.models import PrincipalKind
from app.store import lookups
from app.store.rounds import Piece
from workers import answers, collect, mails, passwords, pruning, refusals, spread
from workers.pulling import adapter_of, database_gone, run_pull
from workers.runtime import Runtime, current
from workers.sip.base import Problem, SipError

QUEUES = ("pulls", "lookups", "mails")
"""Every queue that the portal uses; each needs a worker that listens to it."""
_LOOKUP_SECONDS = 4.0
_PASSWORD_SECONDS = 8.0

log = logging.getLogger(__name__)


def pull(server_id: int) -> None:
    """Job: take one snapshot of a server, unless somebody else is at it."""
    run_pull(current(), server_id)


def sweep(server_id: int, token: str, pieces: list[tuple[int, str, str | None]]) -> None:
    """Job: help with the sweep of a large server that another worker began."""
    spread.help_with(current(), server_id, token, [Piece(*piece) for piece in pieces])


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


def prune() -> None:
    """Job: forget some of the changes that are too old."""
    pruning.prune(current())


def run_set_password(runtime: Runtime, server_id: int, aor: str, ticket: str) -> None:
    """Overwrite a line's device password; how that ended is noted for the page that waits."""
    passwords.overwrite(
        runtime, server_id, aor, ticket, lambda: adapter_of(runtime, server_id, at_most=_PASSWORD_SECONDS)[1]
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
        _fail(runtime, server_id, aor, circle_id, database_gone(error))
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
    _, adapter = adapter_of(runtime, server_id, at_most=seconds)
    found = collect.lookup(adapter, aor, runtime.clock())
    # Before the answer: whoever waits for it sees why the phone was refused at the same moment.
    refusals.collect(runtime, server_id, adapter)
    answers.keep(runtime, server_id, found, circle_id)


def _fail(runtime: Runtime, server_id: int, aor: str, circle_id: int, error: SipError) -> None:
    log.warning("server %d: look-up failed: %s %s", server_id, error.problem.value, clean(error.detail))
    lookups.fail(runtime.redis, server_id, aor, [circle_id], runtime.clock(), error.problem.value)
