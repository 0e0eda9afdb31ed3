"""From a server's row to an endpoint: secrets are found where the row says, and stay out of every message."""

import os
from pathlib import Path

from app.models import SipServer
from workers.sip.base import Endpoint, Problem, SipError

_REFERENCES = ("env:", "file:")
_DEFAULTS = Endpoint(url="", hostname="")


def is_reference(text: str) -> bool:
    """Whether `text` says where a secret lies instead of being one."""
    return text.startswith(_REFERENCES)


def resolve(reference: str) -> str:
    """The first line of what `reference` names: ``env:NAME`` or ``file:/path``.

    Raises SipError(CONFIGURATION) when there is nothing, naming the reference and never the secret.
    """
    kind, _, name = reference.partition(":")
    if not is_reference(reference) or not name:
        raise _wrong("a reference to a secret must be env:NAME or file:/path")
    if kind == "env":
        text = os.environ.get(name, "")
    else:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise _wrong(f"{reference} cannot be read: {reason}") from None
    lines = text.strip().splitlines()
    if not lines:
        raise _wrong(f"{reference} is not set" if kind == "env" else f"{reference} is empty")
    return lines[0].strip()


def user_and_password(reference: str | None) -> tuple[str | None, str | None]:
    """The credentials that `reference` names as ``user:password``, None and None for a server that asks for none.

    A management interface that knows a password only is ``:password``. Raises SipError(CONFIGURATION).
    """
    if not reference:
        return None, None
    user, colon, password = resolve(reference).partition(":")
    if not colon:
        raise _wrong(f"{reference} must hold user:password")
    return user, password


def options_of(text: str) -> dict[str, str]:
    """``key=value key=value`` as a dictionary; a value that is a reference is replaced by what it names.

    Raises SipError(CONFIGURATION).
    """
    options = {}
    for position, word in enumerate(text.split(), start=1):
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise _wrong(f"option {position} is not key=value")
        options[key] = resolve(value) if is_reference(value) else value
    return options


def endpoint_of(server: SipServer, *, at_most: float | None = None) -> Endpoint:
    """How `server` is reached. `at_most` caps the seconds of one exchange, for somebody who waits.

    Raises SipError(CONFIGURATION).
    """
    options = options_of(server.options)
    timeout = _number(options, "timeout", _DEFAULTS.timeout)
    size_limit = _number(options, "size_limit", _DEFAULTS.size_limit)
    user, password = user_and_password(server.credentials)
    return Endpoint(
        url=server.management_url,
        hostname=server.hostname,
        user=user,
        password=password,
        timeout=timeout if at_most is None else min(timeout, at_most),
        size_limit=int(size_limit),
        options=options,
    )


def _number(options: dict[str, str], name: str, default: float) -> float:
    """Take the option away: the rest is the family's."""
    text = options.pop(name, None)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise _wrong(f"the option {name} must be a number above 0")
    return number


def _wrong(detail: str) -> SipError:
    return SipError(Problem.CONFIGURATION, detail, permanent=True)
