"""Every parser of every family on every recording that it can meet, and the recordings that none of them reads."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
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
_TWICE = frozenset(("http", "answer"))
_MOMENT = re.compile(rb"(?m)^(?:Date|Sia): .*$")
# What we ask Asterisk with cannot be guessed: no forged message carries it.
_ACTION = re.compile(rb"(ActionID: )[^\r\n]+")


@cache
def cases(family: str) -> tuple[Case, ...]:
    """All cases of a family."""
    found: dict[object, Case] = {}
    for case in (*FAMILIES[family](), *(case for case in rows.cases() if case.family == family)):
        same = _identity(case)
        first = found.get(same)
        found[same] = replace(first, also=(*first.also, case.recording)) if first else case
    return tuple(found.values())


def _identity(case: Case) -> object:
    """What makes a case another: servers gave many an answer twice, with another date or port of ours in its head."""
    if case.parser not in _TWICE:
        return case.name
    return case.parser, *(_MOMENT.sub(b"", body) for body in case.samples)


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
