"""Asterisk's parsers and what it wrote on its manager interface."""

import gzip
import re
from collections.abc import Callable, Iterator

from tests.fuzz.case import PAYLOADS, Case, Pair, Reading, distinct, spans
from tests.fuzz.fed import stream_of
from tests.fuzz.mutate import Mutation
from tests.support.replay_ami import END, GREETING, RECORDED_AT
from workers.sip.asterisk.events import ForgedError, read_event
from workers.sip.asterisk.parse import Block, has_aor, is_event, read_list
from workers.sip.asterisk.session import Session, _skew
from workers.sip.base import Event, Gap, SipError

_FAMILY = "asterisk"
_HOME = "pbx.example.com"
_LIST = re.compile(rb"ActionID: ([^\r\n]+)\r\nEventList: start\r\n")
_ITEM = spans(rb"Event: (?:ContactList|ContactStatusDetail|DBGetTreeResponse)\r\n.*?(?=\r\n\r\n)")
_ENDPOINT = b"\r\n\r\nEvent: EndpointDetail\r\n"
# What Asterisk copies of a From header's user into its events.
_FROM_USER = 36
_KEPT = 8


def cases() -> Iterator[Case]:
    """All of them."""
    for path in sorted((PAYLOADS / _FAMILY).rglob("*.s2c.raw*")):
        data = path.read_bytes()
        raw = _cut(gzip.decompress(data) if path.suffix == ".gz" else data)
        name = str(path.relative_to(PAYLOADS))
        yield _messages(name, raw)
        yield from _lists(name, raw)
        if _events(raw):
            yield _stream(name, raw)


def _cut(raw: bytes) -> bytes:
    """A very long list with its first and last items only, and their number."""
    places = _ITEM(raw)
    if len(places) < 1000:
        return raw
    head, tail = raw[: places[_KEPT - 1][1]] + END, raw[places[-_KEPT][0] :]
    return GREETING + re.sub(rb"ListItems: \d+", b"ListItems: %d" % (2 * _KEPT), head + tail)


class Replayed(Session):
    """A session in which everything has been said already, and every action has the same ActionID."""

    def __init__(self, said: bytes, action_id: str) -> None:
        self._now = lambda: RECORDED_AT
        self._action_id = action_id
        self._ping = None
        self.clock_skew = None
        self.stream = stream_of(said)

    def send(self, action: str, **fields: str) -> str:
        return self._action_id


def _messages(name: str, raw: bytes) -> Case:
    """All messages to the end of the connection, whatever they are."""

    def read(body: bytes) -> Reading:
        session = Replayed(body, "-")
        session._greet()
        reading = Reading()
        try:
            while True:
                block = Block.of(session.read())
                _skew(block.get("Timestamp"), RECORDED_AT)
        except SipError:
            return reading

    return Case(_FAMILY, "messages", name, (raw[:20_000],), read)


def _lists(name: str, raw: bytes) -> Iterator[Case]:
    """Each list: as a session takes it, by its number, and its items one by one."""
    wholes = distinct(_whole(raw, action_id) for action_id in _LIST.findall(raw))
    endpoints = tuple(whole for whole in wholes if _ENDPOINT in whole)
    lists = tuple(whole for whole in wholes if _ENDPOINT not in whole)
    if lists:
        yield _listed("listing", name, lists, _listing, announced=True)
    if endpoints:
        # An endpoint's list has items of other kinds too, which are let pass.
        yield _listed("endpoint", name, endpoints, _endpoint, announced=False)
    if wholes:
        yield Case(
            *(_FAMILY, "items", name, distinct(_items_of(whole) for whole in wholes), _items),
            records=_ITEM,
            alone=lambda record: record,
            spares=_always,
            counted=True,
        )


def _listed(
    parser: str, name: str, wholes: tuple[bytes, ...], read: Callable[[bytes], Reading], *, announced: bool
) -> Case:
    return Case(
        *(_FAMILY, parser, name, wholes, read),
        records=_ITEM,
        alone=lambda record: b"".join((GREETING, _answered(record), record, END, _complete(record))),
        announced=announced,
        whole=True,
    )


def _always(_body: bytes, _mutation: Mutation) -> bool:
    return True


def _whole(raw: bytes, action_id: bytes) -> bytes:
    """The greeting and what belongs to one action, with an event of nobody's before it."""
    mark = b"ActionID: " + action_id
    blocks = [block + END for block in raw.removeprefix(GREETING).split(END) if mark in block.split(b"\r\n")]
    return GREETING + b"Event: FullyBooted\r\nPrivilege: system,all\r\n\r\n" + b"".join(blocks)


def _answered(record: bytes) -> bytes:
    return b"Response: Success\r\n%b\r\nEventList: start\r\n\r\n" % _mark(record)


def _complete(record: bytes) -> bytes:
    return b"Event: ListComplete\r\n%b\r\nEventList: Complete\r\nListItems: 1\r\n\r\n" % _mark(record)


def _mark(record: bytes) -> bytes:
    return next(header for header in record.split(b"\r\n") if header.startswith(b"ActionID: "))


def _items_of(whole: bytes) -> bytes:
    return b"".join(whole[slice(*place)] + END for place in _ITEM(whole)) or whole


_ASKED = re.compile(rb"Response: Success\r\nActionID: ([^\r\n]+)\r\nEventList: start")


def _listing(body: bytes) -> Reading:
    """What a pull makes of it."""
    return _read(_listed_in(body))


def _endpoint(body: bytes) -> Reading:
    """What a look-up makes of an endpoint's list."""
    raws = _listed_in(body)
    has_aor(raws, "1001", _HOME)
    return _read([raw for raw in raws if is_event(raw, "ContactStatusDetail")])


def _listed_in(body: bytes) -> list[bytes]:
    asked = _ASKED.search(body)
    session = Replayed(body, asked[1].decode("latin-1") if asked else "-")
    session._greet()
    return session.listing("PJSIPShowContacts", most=5000)


def _items(body: bytes) -> Reading:
    return _read(raw for raw in body.split(END) if raw)


def _read(raws: Iterator[bytes] | list[bytes]) -> Reading:
    listed = read_list(raws, _HOME)
    listed.lines(RECORDED_AT), listed.aliases(_HOME), listed.unread_of("1001")
    pairs: list[Pair] = [(item.aor, item.contact) for item in listed.bound]
    return Reading(pairs, len(listed.unread))


def _events(raw: bytes) -> bytes:
    blocks = (block for block in raw.split(END) if block.startswith(b"Event: ") and b"ActionID" not in block)
    return b"".join(block + END for block in blocks)


def _stream(name: str, raw: bytes) -> Case:
    """Events one after the other, as the listener hears them."""
    return Case(
        *(_FAMILY, "events", name, (_events(raw),), _heard),
        records=spans(rb"Event: .*?(?=\r\n\r\n)"),
        alone=lambda record: record,
        spares=_always,
        injected=_FROM_USER,
    )


def _heard(body: bytes) -> Reading:
    reading = Reading()
    for raw in body.split(END):
        told: list[Event] = []
        try:
            told = read_event(Block.of(raw), home=_HOME, aliases={}, now=RECORDED_AT)
        except ForgedError:
            reading.broken += 1
        reading.pairs += [(event.aor, event) for event in told if not isinstance(event, Gap)]
    return reading
