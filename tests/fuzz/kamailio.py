"""Kamailio's parsers and what it answered them."""

import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from app.domain.aor import aor_key
from app.domain.record import contacts_of, row_of
from tests.fuzz.case import Case, Reading, distinct, spans, within_string
from tests.fuzz.fed import stream_of
from tests.fuzz.jsonrpc import Exchange, cut_list, elements, exchanges, framing
from tests.fuzz.mutate import Place
from workers.sip.base import Endpoint, Gap, Problem, SipError
from workers.sip.datagram import _id_of
from workers.sip.kamailio import events, facts, failures, htable, parse, slots, sweep
from workers.sip.kamailio.events import Messages
from workers.sip.kamailio.found import Finder
from workers.sip.kamailio.parse import Broken, Fault
from workers.sip.kamailio.rpc import _read, _spoken, told
from workers.sip.kamailio.site import Site

_FAMILY = "kamailio"
_HOME = "sip.example.jp"
_NOW = datetime(2026, 11, 23, 6, 18, 45, 250_000, tzinfo=UTC)
# What tells its own time has not ended before there was any.
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_ENDED = re.compile(rb'"Expires":\s*(?:-|0\s*[,}]|"(?:expired|deleted)")')
_SITE = Site(Endpoint("http://127.0.0.1:1/RPC", _HOME, options={"timezone": "Asia/Tokyo"}), lambda: _LONG_AGO, None)
_SCANNER = b"failed|1795414818|unknown_user|udp:[::1]:5060|mallory|\xff|x"
_WRITTEN = "written: docs/kamailio/tsunagari.cfg"
_AORS = b'"AoRs":['
_TABLE = b'{"Domain":{"Domain":"location","AoRs":[%b],"Stats":{"Records":1}}}'
_DUMP = b'{"jsonrpc":"2.0","result":{"Domains":[' + _TABLE + b']},"id":%d}'
_SLOT = b'{"jsonrpc":"2.0","result":[{"entry":1,"size":1,"slot":[%b]}],"id":%d}'
_ENTRIES = spans(rb'\{"name":"(?:[^"\\]|\\.)*","value":"(?:[^"\\]|\\.)*","type":"str"\}')


def cases() -> Iterator[Case]:
    """All of them."""
    for exchange in exchanges(_FAMILY):
        yield framing(exchange)
        yield from _answers(exchange)
    yield _evapi()


def _answers(exchange: Exchange) -> Iterator[Case]:
    """What an answer's body is read by."""
    yield _case("answer", exchange, _answer(exchange))
    if exchange.method == "ul.lookup":
        yield _case("lookup", exchange, _lookup(exchange))
    elif exchange.method == "ul.dump" and exchange.body:
        yield _dump(exchange)
    elif exchange.method == "htable.dump":
        yield _mirror(exchange) if exchange.params[0] == "reg" else _failures(exchange)
    elif exchange.method in _FACTS:
        yield _case(exchange.method, exchange, _fact(exchange, _FACTS[exchange.method]))


def _case(parser: str, exchange: Exchange, read: Callable[[bytes], Reading]) -> Case:
    return Case(_FAMILY, parser, exchange.path, (_shortened(exchange.body),), read)


def _shortened(body: bytes) -> bytes:
    return body if len(body) < 10_000 else body[:2_000] + body[-2_000:]


def _answer(exchange: Exchange) -> Callable[[bytes], Reading]:
    """The envelope, as HTTP, a sweep and datagrams take it."""

    def read(body: bytes) -> Reading:
        told(body), _id_of(body), _read(body, str(exchange.request_id))
        answer = parse.answer(_spoken(200, body), exchange.request_id)
        if isinstance(answer, Fault):
            raise answer.error()
        return Reading(told=answer)

    return read


def _lookup(exchange: Exchange) -> Callable[[bytes], Reading]:
    """One line, as a click and as a sweep ask for it."""
    asked = exchange.params[1:2] if isinstance(exchange.params, list) else []
    aor = aor_key(str(asked[0]), _HOME) if asked else "1001"

    def read(body: bytes) -> Reading:
        if (quick := Finder(_HOME).row(aor, body, _NOW.timestamp())) is not None:
            assert quick == row_of(parse.looked_up(parse.told(body), aor, _HOME, _NOW))
        answer, broken = parse.answer(body, exchange.request_id), Broken()
        row = sweep._row(_SITE, aor, answer, broken)
        assert (row is None) == bool(broken.records)
        if isinstance(answer, Fault):
            assert answer.nobody
            return Reading(told="nobody")
        found = parse.looked_up(answer, aor, _HOME, _NOW)
        return Reading([(found.aor, contact) for contact in found.contacts])

    return read


def _dump(exchange: Exchange) -> Case:
    body = cut_list(exchange.body, _AORS)
    body = body.replace(b'"Records":1000', b'"Records":%d' % len(elements(body, _AORS)))

    def read(body: bytes) -> Reading:
        answer = parse.answer(body, exchange.request_id)
        if isinstance(answer, Fault):
            raise answer.error()
        lines = parse.dumped(answer, "location", _HOME, _NOW)
        reading = Reading()
        while True:
            try:
                line = next(lines)
            except StopIteration as end:
                reading.broken = end.value.records
                return reading
            reading.pairs += [(line.aor, contact) for contact in line.contacts]

    return Case(
        *(_FAMILY, "dump", exchange.path, (body,), read),
        records=lambda body: elements(body, _AORS),
        alone=lambda record: _DUMP % (record, int(exchange.request_id)),
        spares=within_string,
        announced=True,
        ended=_ENDED,
        whole=True,
    )


def _mirror(exchange: Exchange) -> Case:
    """The mirror's table as a file, block by block, and the same entry by entry."""

    def read(body: bytes) -> Reading:
        broken = Broken()
        reading = Reading()
        for rows in htable._lines(io.BytesIO(body), _SITE, broken, 0, least=0):
            for key, binding in rows:
                reading.pairs += [(key.decode(), contact) for contact in contacts_of(binding)]
        reading.broken = broken.records
        return reading

    return Case(
        *(_FAMILY, "mirror", exchange.path, (_cut_table(exchange.body),), read),
        records=_ENTRIES,
        alone=lambda record: _SLOT % (record, int(exchange.request_id)),
        spares=within_string,
        counted=True,
        whole=True,
    )


def _failures(exchange: Exchange) -> Case:
    """The tables that remember failures, read slot by slot or as one answer."""

    def read(body: bytes) -> Reading:
        half = len(body) // 2
        list(slots.entries((body[:half], body[half:]), exchange.request_id))
        answer = parse.answer(body, exchange.request_id)
        if isinstance(answer, Fault):
            raise answer.error()
        reading = Reading()
        for name, value in failures._entries(answer):
            of_user, of_stranger = failures._of_user(name, value, _SITE), failures._of_stranger(value, _SITE)
            reading.pairs += [(told.aor, told) for told in (of_user, of_stranger) if told]
        return reading

    return Case(
        *(_FAMILY, "failures", exchange.path, (exchange.body,), read),
        records=_ENTRIES,
        alone=lambda record: _SLOT % (record, int(exchange.request_id)),
        spares=within_string,
        whole=True,
    )


def _cut_table(body: bytes) -> bytes:
    return cut_list(body, b'"result":[')


def _fact(exchange: Exchange, of: Callable[[object], object]) -> Callable[[bytes], Reading]:
    def read(body: bytes) -> Reading:
        return Reading(told=of(parse.answer(body, exchange.request_id)))

    return read


def _statistics(result: object) -> object:
    return [float(facts.count(result, "location", what) or 0) for what in ("users", "contacts")]


_FACTS: dict[str, Callable[[object], object]] = {
    "stats.get_statistics": _statistics,
    # When it started is what its answers are judged by.
    "core.uptime": lambda result: (_NOW - timedelta(seconds=facts.uptime(result) or 0), facts.clock_skew(result, _NOW)),
    "core.version": facts.version,
    "system.listMethods": facts.methods,
    # The share of it that must have come is what a snapshot is judged by.
    "htable.stats": lambda result: (facts.entries(result, "authfail") or 0) * 0.98,
    "htable.listTables": lambda result: (facts.entries(result, "authfail") or 0) * 0.98,
    "htable.get": failures._succeeded,
}


class _Heard(Messages):
    """The messages in some bytes."""

    def __init__(self, data: bytes) -> None:
        self._stream = stream_of(data)
        self._length = None

    @property
    def unfinished(self) -> bool:
        """Whether a message is on its way."""
        return self._length is not None or self._stream.pending > 0


def _evapi() -> Case:
    """Events as tsunagari.cfg writes them: no recording holds any."""
    told = (b"registered|1001", b"failed|1795414818|wrong_password|udp:10.0.0.1:5060|1002@sip.example.jp|Phone")
    more = (b"tick|1795414820", b"unregistered|1003", b"expired|1004@elsewhere.jp", _SCANNER)

    def read(body: bytes) -> Reading:
        messages, reading = _Heard(body), Reading()
        try:
            while True:
                message = messages.next(1.0)
                heard = events._read(message or "", _SITE)
                events._tick(message or "")
                if heard is not None and not isinstance(heard, Gap):
                    reading.pairs.append((heard.aor, heard))
        except SipError as error:
            if error.problem is not Problem.TRUNCATED or messages.unfinished:
                raise
        return reading

    return Case(
        *(_FAMILY, "evapi", _WRITTEN, distinct((_framed(told), _framed((*told, *more)))), read),
        records=_netstrings,
        alone=lambda record: _framed((record,)),
        spares=lambda _body, _mutation: True,
        framed=True,
    )


def _framed(messages: tuple[bytes, ...]) -> bytes:
    return b"".join(b"%d:%b," % (len(message), message) for message in messages)


def _netstrings(body: bytes) -> Iterator[Place]:
    """Where each message lies, without its length."""
    at = 0
    while at < len(body):
        digits = body[at : body.index(b":", at)]
        end = at + len(digits) + int(digits) + 2
        yield at + len(digits) + 1, end - 1
        at = end
