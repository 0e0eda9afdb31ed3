"""FreeSWITCH's parsers and what it answered and told on its event socket."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from app.domain.registration import AuthFailure, FailureReason
from tests.fuzz.case import Case, Reading, distinct, keeps_lines, spans
from tests.fuzz.fed import stream_of
from tests.fuzz.mutate import Mutation
from tests.support import replay_esl
from tests.support.replay_esl import HOME, RECORDED_AT
from workers.sip.base import Problem, SipError
from workers.sip.freeswitch import answers, parse
from workers.sip.freeswitch.esl import Esl
from workers.sip.freeswitch.events import EventReader
from workers.sip.freeswitch.rows import Binding, Clock, Table

_FAMILY = "freeswitch"
_CLOCK = Clock(RECORDED_AT, int(RECORDED_AT.timestamp()))
_ROOM = 1_000_000
_KEPT = 4
_STREAM = 12_000
_EVENTS = 12
_COLUMNS = b"reg_user\trealm\ttoken\turl\texpires\tnetwork_ip\tnetwork_port\tnetwork_proto\thostname\tmetadata\n"
_ROWS = rb"(?m)^(?!reg_user\t)[^\n]*\t[^\n]*"
_RECORDS = rb"    <registration>\n.*?    </registration>(?=\n)"
_TAGS = (b"<registration>", b"</registration>", b"<row ", b"</row>")

Parse = Callable[[bytes, Clock, str], Table]


def cases() -> Iterator[Case]:
    """All of them."""
    for name in replay_esl.recordings():
        path = f"{_FAMILY}/{name}.jsonl"
        exchanges = list(replay_esl.exchanges(name))
        for parser, of in _PARSERS.items():
            if bodies := distinct(body for asked, body in exchanges if _reads(parser, asked)):
                yield of(path, bodies)
        if bodies := distinct(_delimited(exchanges)):
            yield from (_core(path, bodies), _beside(path, bodies))
        yield _frames(name, path)
        yield from _events(name, path)
    yield from _large()


_COMMANDS = {
    "profile": re.compile(r"sofia xmlstatus profile \S+ (?:reg|user).*"),
    "json": re.compile(r"show registrations.* as json", re.IGNORECASE),
    "xml": re.compile(r"show registrations as xml"),
    "count": re.compile(r"show registrations count"),
    "state": re.compile(r"sofia xmlstatus profile \S+"),
    "profiles": re.compile(r"sofia xmlstatus"),
    "number": re.compile(r"strepoch|uptime s"),
    "version": re.compile(r"version"),
}


def _reads(parser: str, command: str) -> bool:
    if parser == "refusal":
        return not any(pattern.fullmatch(command) for pattern in _COMMANDS.values())
    return _COMMANDS[parser].fullmatch(command) is not None


def _table(parser: str, parse_table: Parse, pattern: bytes, alone: Callable[[bytes], bytes]) -> Callable[..., Case]:
    def of(path: str, bodies: tuple[bytes, ...]) -> Case:
        return Case(
            *(_FAMILY, parser, path, bodies, lambda body: _rows(parse_table(body, _CLOCK, HOME))),
            records=spans(pattern),
            alone=alone,
            spares=_keeps_records,
            counted=True,
            announced=parser != "profile",
            whole=True,
        )

    return of


def _keeps_records(body: bytes, mutation: Mutation) -> bool:
    """Whether no line end comes or goes, and no line begins with what a record begins or ends with."""
    before = body[body.rfind(b"\n", 0, mutation.start) + 1 : mutation.start]
    begins = not before.strip(b" ") and any(tag in mutation.new for tag in _TAGS)
    return keeps_lines(body, mutation) and not begins


def _rows(table: Table) -> Reading:
    return Reading(_pairs(table.bindings), table.broken)


def _pairs(bindings: Iterable[Binding]) -> list[tuple[str, object]]:
    return [(binding.aor, binding.contact) for binding in bindings]


def _value(parser: str, read: Callable[[bytes], object]) -> Callable[..., Case]:
    def of(path: str, bodies: tuple[bytes, ...]) -> Case:
        return Case(_FAMILY, parser, path, bodies, lambda body: Reading(told=read(body)))

    return of


def _json(path: str, bodies: tuple[bytes, ...]) -> Case:
    def read(body: bytes) -> Reading:
        return _rows(parse.json_table(body, _CLOCK, HOME))

    return Case(_FAMILY, "json", path, bodies, read, announced=True, whole=True)


def _profile_alone(record: bytes) -> bytes:
    return b"<?xml?>\n<profile>\n  <registrations>\n%b\n  </registrations>\n</profile>\n" % record


_profile = _table("profile", parse.profile_table, _RECORDS, _profile_alone)
_core = _table("core", parse.delimited_table, _ROWS, lambda record: _COLUMNS + record + b"\n\n1 total.\n")
_xml = _table(
    *("xml", parse.xml_table, rb"  <row .*?  </row>(?=\n)"),
    lambda record: b'<result row_count="1">\n' + record + b"\n</result>\n",
)
_PARSERS = {
    "profile": _profile,
    "json": _json,
    "xml": _xml,
    "count": _value("count", answers.core_count),
    "state": _value("state", answers.profile_count),
    "profiles": _value("profiles", lambda body: answers.running_profiles(answers.believed(body))),
    "number": _value("number", answers.whole_number),
    "version": _value("version", answers.version),
    "refusal": _value("refusal", answers.believed),
}


def _delimited(exchanges: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """The core's list with tabs, of what was recorded with commas or as JSON."""
    for command, body in exchanges:
        if command in ("show registrations", "show registrations as csv") and b'"' not in body:
            yield replay_esl.tabbed(body)
        elif command == "show registrations as json":
            yield replay_esl.delimited(body)


def _beside(path: str, bodies: tuple[bytes, ...]) -> Case:
    """The rows that another table does not know."""

    def read(body: bytes) -> Reading:
        return Reading(_pairs(parse.rows_beside(body, frozenset(), _CLOCK, HOME)))

    return Case(_FAMILY, "core beside", path, bodies, read)


def _frames(name: str, path: str) -> Case:
    """The frames of each connection and the events in them, to the connection's end."""
    streams = [_first(replay_esl.server_bytes(name, number)) for number in replay_esl.conversation(name)]

    def read(body: bytes) -> Reading:
        esl = Esl(stream_of(body), timeout=600, size_limit=_ROOM)
        reader, reading = EventReader(HOME, lambda: RECORDED_AT), Reading()
        try:
            esl.authenticate(b"auth x\n\n")
            while frame := esl.next_frame(600):
                told = reader.read(frame[1]) if frame[0] == "text/event-json" else None
                reading.pairs += [(told.aor, told)] if told else []
        except SipError as error:
            ended = error.problem is Problem.TRUNCATED and not esl._stream.pending and esl._head is None
            if not ended and error.problem is not Problem.FAULT:
                raise
        return reading

    return Case(_FAMILY, "frames", path, distinct(streams), read)


def _first(stream: bytes) -> bytes:
    """The first frames of a long stream."""
    whole = b""
    for frame in replay_esl.frames(stream):
        if whole and len(whole) + len(frame.raw) > _STREAM:
            break
        whole += frame.raw
    return whole


def _events(name: str, path: str) -> Iterator[Case]:
    """Events one after the other, with what an attempt explains of the failure behind it."""
    told = chain.from_iterable(replay_esl.events(name, number) for number in replay_esl.conversation(name))
    bodies = [frame.body for frame in told if frame.kind != "text/event-xml"]
    groups = [b"\x00\x00".join(bodies[at : at + _EVENTS]) for at in range(0, len(bodies), _EVENTS)]
    if groups:
        yield Case(
            *(_FAMILY, "events", path, distinct(groups), _heard),
            records=spans(rb"[^\x00]+"),
            alone=lambda record: record,
            spares=lambda _body, _mutation: True,
            leaning=True,
        )


def _heard(body: bytes) -> Reading:
    reader, reading = EventReader(HOME, lambda: RECORDED_AT), Reading()
    for event in body.split(b"\x00\x00"):
        told = reader.read(event)
        # Why a failure failed is told by the attempt before it.
        known = replace(told, reason=FailureReason.OTHER) if isinstance(told, AuthFailure) else told
        reading.pairs += [(known.aor, known)] if known else []
    return reading


def _large() -> Iterator[Case]:
    """A thousand registrations, cut to the first and the last."""
    for name, of, pattern in (
        ("1000-show_registrations", _core, _ROWS),
        ("1000-sofia_xmlstatus_profile_internal_reg", _profile, _RECORDS),
    ):
        body = replay_esl.packed(name)
        whole = replay_esl.tabbed(body) if of is _core else body
        places = spans(pattern)(whole)
        cut = whole[: places[_KEPT - 1][1]] + b"\n" + whole[places[-_KEPT][0] :]
        cut = cut.replace(b"1000 total.", b"%d total." % (2 * _KEPT))
        yield of(f"{_FAMILY}/{name}.body.gz", (cut,))
