"""Overwrites a device password at its server. The password is in this process's memory only, and in no message."""

import json
import logging
from collections.abc import Callable

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.domain.text import clean
from app.store import passwords as store
from app.store.sealing import BrokenSealError, unseal
from workers.runtime import Runtime
from workers.sip.base import Adapter, Capability, Problem, SipError

EXPIRED = "expired"
"""The problem's word for a password that waited too long for a worker: nothing was changed."""
_UNCERTAIN = frozenset((Problem.TIMEOUT, Problem.TRUNCATED, Problem.GARBAGE))
"""After these the server may have done it all the same."""

log = logging.getLogger(__name__)


def overwrite(runtime: Runtime, server_id: int, aor: str, ticket: str, adapter: Callable[[], Adapter]) -> None:
    """Fetch the password that belongs to the ticket, once, and write it at the server; note how that ended."""
    sealed = store.take(runtime.redis, ticket)
    problem: str | None = EXPIRED
    if sealed is not None:
        problem = _problem(lambda: _write(runtime, server_id, aor, sealed, adapter))
    if problem is not None:
        log.warning("server %d: a device password was not overwritten: %s", server_id, problem)
    store.end(runtime.redis, server_id, aor, ticket, runtime.clock(), problem)


def _problem(write: Callable[[], None]) -> str | None:
    """Why it failed, as a word. Nothing is raised but what Redis raises: a traceback could hold the password."""
    try:
        write()
    except SipError as error:
        log.warning("overwriting a device password: %s %s", error.problem.value, clean(error.detail))
        return store.UNCONFIRMED if error.problem in _UNCERTAIN else error.problem.value
    except RedisError:
        raise
    except SQLAlchemyError:
        return Problem.FAULT.value
    except BrokenSealError:
        return Problem.CONFIGURATION.value
    except Exception as error:
        log.error("overwriting a device password: %s", type(error).__name__)  # noqa: TRY400 - for the same reason
        return store.UNCONFIRMED
    return None


def _write(runtime: Runtime, server_id: int, aor: str, sealed: bytes, adapter: Callable[[], Adapter]) -> None:
    opened = adapter()
    if Capability.SET_PASSWORD not in opened.capabilities:
        raise SipError(Problem.UNSUPPORTED, permanent=True)
    # The seal names its line: a ticket that got into another job's arguments opens nothing there.
    for_server, for_aor, password = json.loads(unseal(runtime.secret, sealed))
    if (for_server, for_aor) != (server_id, aor):
        raise BrokenSealError
    opened.set_password(aor, password)
