"""Every Redis key of the portal and how long it lives."""

from hashlib import blake2b

_PREFIX = "tsunagari:"

LOOKUP_SECONDS = 600
"""An answer to a look-up: longer than any page shows it, so that a snapshot always finds the newer one."""
INCOMING_SECONDS = 3600
"""A large change whose worker died goes by itself."""
REVISION_SECONDS = 2 * 24 * 3600
"""Longer than any login, and so than any page, lasts: one that ended equals one that never was."""
SESSION_SECONDS = 600
"""A login known to be good; after that the database is asked again."""
FAILURE_SECONDS = 7 * 24 * 3600
"""How long a failed authentication is remembered."""
TICKET_SECONDS = 20
"""How long a sealed device password waits for a worker."""
PASSWORD_SECONDS = 24 * 3600
"""How long it is remembered how the overwriting of a device password ended."""
ABILITIES_SECONDS = 7 * 24 * 3600
"""What a server can do: told anew by every pull and look-up."""


def server(server_id: int) -> str:
    """String, JSON: when a server last answered, and what went wrong since."""
    return f"{_PREFIX}server:{server_id}"


def lines(server_id: int) -> str:
    """Hash, key form of the AoR -> how the line stands in the last good snapshot."""
    return f"{_PREFIX}lines:{server_id}"


def overlay(server_id: int) -> str:
    """Hash like `lines`, and newer: a large change that is published and not yet folded into `lines`."""
    return f"{_PREFIX}overlay:{server_id}"


def incoming(server_id: int, token: str) -> str:
    """Hash like `lines`: a large change on its way, which no reader sees."""
    return f"{_PREFIX}incoming:{server_id}:{token}"


def places(server_id: int, bucket: int) -> str:
    """String, packed: of each of some circles its registered and unreadable lines at a server, and its revision."""
    return f"{_PREFIX}places:{server_id}:{bucket}"


def buckets(server_id: int) -> str:
    """Set: the buckets of `places` that a server has."""
    return f"{_PREFIX}buckets:{server_id}"


def recount(server_id: int) -> str:
    """String: somebody wants the circles of a server to be counted anew."""
    return f"{_PREFIX}recount:{server_id}"


def told(token: str) -> str:
    """List: what the workers that share one large sweep have found so far."""
    return f"{_PREFIX}told:{token}"


def looked(server_id: int) -> str:
    """Sorted set, key form of the AoR by epoch seconds: the lines that were looked up lately."""
    return f"{_PREFIX}looked:{server_id}"


def pruned() -> str:
    """How far old changes are deleted."""
    return f"{_PREFIX}pruned"


def history() -> str:
    """List, JSON: changes of state that are not yet in the database."""
    return f"{_PREFIX}history"


def lookup(server_id: int, aor: str) -> str:
    """String, JSON: the newest look-up of one line. The AoR is hashed, so that nothing in it can shape a key."""
    return f"{_PREFIX}lookup:{server_id}:{digest(aor)}"


def circle_revision(circle_id: int) -> str:
    """String: changes whenever a look-up of one of the circle's lines does."""
    return f"{_PREFIX}revision:{circle_id}"


def session(session_id: str) -> str:
    """String: a login that the database confirmed a short time ago."""
    return f"{_PREFIX}session:{digest(session_id)}"


def lease(name: str) -> str:
    """String: who does what only one may do at a time."""
    return f"{_PREFIX}lease:{name}"


def due() -> str:
    """Hash, server id -> epoch seconds at which its next pull is due."""
    return f"{_PREFIX}due"


def failures(server_id: int, aor: str) -> str:
    """String, JSON: what is remembered of one line's failed authentications."""
    return f"{_PREFIX}failures:{server_id}:{digest(aor)}"


def failures_read(server_id: int) -> str:
    """String: epoch seconds of the newest failure that was read from a server."""
    return f"{_PREFIX}failures-read:{server_id}"


def listener(server_id: int) -> str:
    """String, JSON: since when a server's events are heard, and what was missed."""
    return f"{_PREFIX}listener:{server_id}"


def abilities(server_id: int) -> str:
    """String, JSON: what a server's adapter can do."""
    return f"{_PREFIX}abilities:{server_id}"


def password(server_id: int, aor: str) -> str:
    """String, JSON: how the newest overwriting of a line's device password stands; never the password."""
    return f"{_PREFIX}password:{server_id}:{digest(aor)}"


def ticket(word: str) -> str:
    """String: a sealed device password on its way to a worker."""
    return f"{_PREFIX}ticket:{digest(word)}"


def digest(text: str) -> str:
    """A short name for `text`: 80 bits, hexadecimal."""
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=10).hexdigest()
