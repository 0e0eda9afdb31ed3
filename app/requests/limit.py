"""How often one login may write requests."""

from flask import abort

from app.auth.sessions import principal
from app.services import services
from app.throttle import REQUEST


def count() -> None:
    """Count one form; aborts when it was one too many."""
    if not services().throttle.hit(REQUEST, str(principal().scope)):
        abort(429)
