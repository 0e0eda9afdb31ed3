"""Redis as one request reaches it: who has waited for it in vain does not wait a second time."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from flask import has_request_context, request
from redis import Redis
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as LateError

from app.services import services

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = logging.getLogger(__name__)

T = TypeVar("T")
_AWAY: Final = "tsunagari.store_away"


def reach(question: Callable[["Redis"], T], otherwise: T) -> T:
    """What Redis answers within a request; `otherwise` when it fails, or was found to be away in this request."""
    if is_away():
        return otherwise
    try:
        return question(services().redis)
    except RedisError as error:
        log.warning("Redis does not answer: %s", type(error).__name__)
        # One that refuses a write, as it does while it is full, still reads.
        if isinstance(error, LostError | LateError) and has_request_context():
            note_away(request.environ)
        return otherwise


def note_away(environ: "WSGIEnvironment") -> None:
    """From now on this request does without Redis: it hangs or is gone, and to ask again would only take longer."""
    environ[_AWAY] = True


def is_away() -> bool:
    """Whether Redis was found to be away earlier in this request; outside of one nobody knows."""
    return has_request_context() and _AWAY in request.environ
