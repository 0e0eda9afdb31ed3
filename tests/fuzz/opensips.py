"""OpenSIPS's parsers and what it answered them."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from tests.fuzz.case import PAYLOADS, Case, Pair, Reading, distinct
from tests.fuzz.jsonrpc import Exchange, cut_list, elements, exchanges, framing
from tests.fuzz.mutate import Mutation
from workers.sip.base import Endpoint, Gap, SipError
from workers.sip.datagram import _id_of
from workers.sip.opensips import failures, parse
from workers.sip.opensips.events import event
from workers.sip.opensips.site import Site, line

_FAMILY = "opensips"
_HOME = "flood.test"
_NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_SITE = Site(Endpoint("http://127.0.0.1:1/mi", _HOME), lambda: _NOW, None)
_LIST = b'"AORs":['
_DUMP = b'{"jsonrpc":"2.0","result":{"Domains":[{"name":"location","hash_size":1,"AORs":[%b]}]},"id":1}'
_ENDED = re.compile(rb'"Expires":\s*(?:-|0\s*[,}]|0\.0|0[eE]|"(?:expired|deleted)")|"Contacts":\s*\[\s*\]')
_MARKS = (b'{"AOR":', b'"AORs":[', b'[{"AOR":', b',{"AOR":')
_MARK = 8
_DUMPS = frozenset(("ul_dump", "usrloc:dump", "dump"))
_LINES = frozenset(("ul_show_contact", "usrloc:show_contact"))
_COLUMNS = ("username", "domain", "contact", "received", "expires", "user_agent", "socket")


def cases() -> Iterator[Case]:
    """All of them."""
    for exchange in exchanges(_FAMILY):
        yield framing(exchange)
        yield from _answers(exchange)
    yield from _datagrams()
    yield _timeline()


def _answers(exchange: Exchange) -> Iterator[Case]:
    """What an answer's body is read by."""
    if exchange.method in _DUMPS:
        yield _dump(exchange)
    elif exchange.method in _LINES:
        yield Case(_FAMILY, "line", exchange.path, (exchange.body,), _line(exchange.body))
    elif exchange.method == "cache_fetch_chunk":
        yield _case("failures", exchange, _failures)
    elif exchange.method in _FACTS:
        yield _case(exchange.method, exchange, _fact(_FACTS[exchange.method]))
    else:
        yield _case("answer", exchange, _fact(lambda result: result))


def _case(parser: str, exchange: Exchange, read: Callable[[bytes], Reading]) -> Case:
    return Case(_FAMILY, parser, exchange.path, (exchange.body,), read)


def _fact(of: Callable[[object], object]) -> Callable[[bytes], Reading]:
    def read(body: bytes) -> Reading:
        _id_of(body)
        return Reading(told=of(parse.result(parse.envelope(body))))

    return read


_FACTS: dict[str, Callable[[object], object]] = {
    "get_statistics": lambda result: _counts(parse.counters(result, "location")),
    "uptime": lambda result: _times(parse.clock(result)),
    "which": parse.names,
    "version": parse.version,
    "events_list": parse.event_names,
}


def _counts(counters: parse.Counters) -> list[float]:
    """The shares of them that a snapshot is judged by."""
    return [(count or 0) * 0.9 for count in (counters.users, counters.contacts, counters.turnover)]


def _times(clock: parse.Clock) -> tuple[datetime, float]:
    """When the server started, and how its clock differs from ours."""
    return _NOW - timedelta(seconds=clock.uptime or 0), parse.clock_skew(clock.now or _NOW, _NOW)


def _dump(exchange: Exchange) -> Case:
    def read(body: bytes) -> Reading:
        found = parse.dump(body, "location", _HOME, _NOW)
        assert not found.lines.keys() & set(found.unread)
        pairs: list[Pair] = [(key, contact) for key, contacts in found.lines.items() for contact in contacts]
        return Reading(pairs, found.broken)

    return Case(
        *(_FAMILY, "dump", exchange.path, (cut_list(exchange.body, _LIST),), read),
        records=lambda body: elements(body, _LIST),
        alone=lambda record: _DUMP % record,
        spares=_marks_nothing,
        counted=True,
        ended=_ENDED,
        whole=True,
    )


def _marks_nothing(body: bytes, mutation: Mutation) -> bool:
    """Whether a mutation leaves the marks alone by which records are found again: no phone can write them."""
    if body.startswith(_MARKS[0], mutation.start):
        # Before the record, or its mark itself.
        return False
    first, last = max(0, mutation.start - _MARK), mutation.start + len(mutation.new) + _MARK
    before, after = body[first : mutation.end + _MARK], mutation.of(body)[first:last]
    return all(before.count(mark) == after.count(mark) for mark in _MARKS)


def _line(body: bytes) -> Callable[[bytes], Reading]:
    """One line, as a click and a sweep ask for it."""
    try:
        asked = parse.result(parse.envelope(body))
        aor = asked["AOR"] if isinstance(asked, dict) else ""
    except SipError:
        aor = "1001"

    def read(body: bytes) -> Reading:
        found, broken = line(parse.envelope(body), aor, _SITE)
        return Reading([(found.aor, contact) for contact in found.contacts], broken)

    return read


def _failures(body: bytes) -> Reading:
    told = failures.cached(parse.result(parse.envelope(body)), _HOME)
    return Reading([(failure.aor, failure) for failure in told])


def _datagrams() -> Iterator[Case]:
    """Events, a datagram each, and what mi_datagram answers."""
    for path in sorted((PAYLOADS / _FAMILY).rglob("datagram-udp.txt")):
        told = distinct(text for text in path.read_bytes().splitlines() if text.startswith(b"{"))
        yield Case(_FAMILY, "event", str(path.relative_to(PAYLOADS)), told, _event)
    for path in sorted((PAYLOADS / _FAMILY / "other-transports").glob("*.response")):
        body = path.read_bytes()
        yield Case(_FAMILY, "datagram", str(path.relative_to(PAYLOADS)), (body,), _line(body))


def _event(datagram: bytes) -> Reading:
    told = event(datagram, "location", _HOME, _NOW)
    return Reading([(told.aor, told)] if told is not None and not isinstance(told, Gap) else [])


def _timeline() -> Case:
    """A line as it was asked for again and again, until it had ended."""
    path = PAYLOADS / _FAMILY / "expiry-timeline.txt"
    answers = distinct(re.findall(rb"ul_show_contact exp\S+: (\{.*\})", path.read_bytes()))
    readers = {body: _line(body) for body in answers}

    def read(body: bytes) -> Reading:
        return (readers.get(body) or _line(answers[0]))(body)

    return Case(_FAMILY, "line", str(path.relative_to(PAYLOADS)), answers, read)
