"""Every parser of every family on every recording that it can meet, and the recordings that none of them reads."""

import re
from collections.abc import Callable, Iterator
from functools import cache

from tests.fuzz import asterisk, freeswitch, kamailio, opensips, rows
from tests.fuzz.case import PAYLOADS, Case

FAMILIES: dict[str, Callable[[], Iterator[Case]]] = {
    "kamailio": kamailio.cases,
    "opensips": opensips.cases,
    "asterisk": asterisk.cases,
    "freeswitch": freeswitch.cases,
}
UNREAD = {
    r".*\.request(\.http)?": "what was asked, kept beside its answer",
    r"asterisk/.*\.c2s\.raw": "what was asked, kept beside its answer",
    r"opensips/events/stream-tcp\.txt": "the events of datagram-udp.txt over event_stream, to which nobody listens",
}
"""Recordings that no parser reads, by a pattern of their paths, and why."""
_PIECE = 20_000
# What we ask Asterisk with cannot be guessed: no forged message carries it.
_ACTION = re.compile(rb"(ActionID: )[^\r\n]+")


@cache
def cases(family: str) -> tuple[Case, ...]:
    """All cases of a family."""
    return (*FAMILIES[family](), *(case for case in rows.cases() if case.family == family))


@cache
def pool(family: str) -> tuple[bytes, ...]:
    """What pieces are spliced in from: every recording of the family."""
    bodies = (body[:_PIECE] for case in cases(family) for body in case.samples if body)
    return tuple(dict.fromkeys(_ACTION.sub(rb"\1another", body) for body in bodies))


def unread(path: str) -> str | None:
    """Why no parser reads a recording; None for one that some parser must read."""
    return next((reason for pattern, reason in UNREAD.items() if re.fullmatch(pattern, path)), None)


def recordings() -> list[str]:
    """The paths of all recordings, under tests/payloads."""
    return sorted(str(path.relative_to(PAYLOADS)) for path in PAYLOADS.rglob("*") if path.is_file())
