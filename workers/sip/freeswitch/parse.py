"""FreeSWITCH's lists of registrations, read record by record: pure functions over the bytes of one answer.

Phones choose some of these bytes. A record is found by its lines, which no phone can break, and read field by field: a
Call-ID that ruins the XML of the whole answer ruins nothing here.
"""

import html
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from io import BytesIO

from workers.sip.base import Problem, SipError
from workers.sip.freeswitch.answers import believed, total
from workers.sip.freeswitch.rows import Binding, Clock, Table, core_binding, profile_binding, text

_ROW_COUNT = re.compile(rb'<result row_count="(\d{1,9})"')
# Each begins with the field that a record begins with.
_PROFILE_FIELDS = ("call-id", "user", "contact", "agent", "status", "network-ip", "network-port")
_CORE_FIELDS = ("reg_user", "realm", "url", "expires", "network_ip", "network_port", "network_proto")


def profile_table(answer: bytes, clock: Clock, home: str) -> Table:
    """The rows of `sofia xmlstatus profile P reg` or `… user U`.

    Raises SipError: TRUNCATED when the end is missing, GARBAGE when it is something else, and what `believed` raises.
    """
    if b"<registrations>" not in believed(answer)[:400]:
        raise SipError(Problem.GARBAGE, "not a list of a profile's registrations")
    if answer[-200:].split()[-2:] != [b"</registrations>", b"</profile>"]:
        raise SipError(Problem.TRUNCATED, "the list of registrations has no end")
    records = _records(answer, b"<registration>", b"</registration>", _PROFILE_FIELDS)
    return _table(profile_binding(record, clock, home) for record in records)


def delimited_table(answer: bytes, clock: Clock, home: str) -> Table:
    r"""The rows of `show registrations as delim \t`: a header line, the rows, an empty line, `N total.`.

    Raises SipError: TRUNCATED when rows are missing, GARBAGE when there are too many, and what `believed` raises.
    """
    names, rows, announced = _lines(answer)
    return _counted((_cells(names, row) for row in rows), announced, clock, home)


def rows_beside(answer: bytes, known: Collection[bytes], clock: Clock, home: str) -> list[Binding]:
    """The readable rows of the same list whose user@realm is not `known`; cheap where most are. Raises like it."""
    names, rows, _ = _lines(answer)
    beside = (row for row in rows if b"@".join(row.split(b"\t", 2)[:2]) not in known)
    bindings = (core_binding(_cells(names, row), clock, home) for row in beside)
    return [binding for binding in bindings if binding is not None]


def json_table(answer: bytes, clock: Clock, home: str) -> Table:
    """The rows of `show registrations as json`. Raises SipError like `delimited_table`."""
    try:
        document = json.loads(text(believed(answer)), strict=False)
        announced = int(document["row_count"])
        records = [_encoded(row) for row in document.get("rows", [])]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise SipError(Problem.GARBAGE, "not a JSON list of registrations") from None
    return _counted(records, announced, clock, home)


def xml_table(answer: bytes, clock: Clock, home: str) -> Table:
    """The rows of `show registrations as xml`. Raises SipError like `delimited_table`."""
    announced = _ROW_COUNT.match(believed(answer))
    if announced is None:
        raise SipError(Problem.GARBAGE, "not an XML list of registrations")
    if not answer[-100:].rstrip().endswith((b"</result>", b"/>")):
        raise SipError(Problem.TRUNCATED, "the list of registrations has no end")
    records = _records(answer, b"<row row_id=", b"</row>", _CORE_FIELDS)
    return _counted(map(_unescaped, records), int(announced[1]), clock, home)


def _records(answer: bytes, opening: bytes, closing: bytes, wanted: tuple[str, ...]) -> Iterator[dict[str, bytes]]:
    """The wanted fields of each record, one `<name>value</name>` a line.

    A record ends with its closing line, or else where the next one begins.
    """
    names = {b"<" + name.encode(): name for name in wanted}
    record: dict[str, bytes] | None = None
    twice: set[str] = set()
    for line in BytesIO(answer):
        stripped = line.strip(b" \n")
        tag, _, rest = stripped.partition(b">")
        name = names.get(tag)
        border = stripped.startswith((opening, closing))
        if border or (name == wanted[0] and record and name in record):
            if record is not None:
                yield _once(record, twice)
            record, twice = None if border and stripped.startswith(closing) else {}, set()
        if name is not None and rest.endswith(b"</" + tag[1:] + b">"):
            record = {} if record is None else record
            if name in record:
                twice.add(name)
            record[name] = rest[: -len(tag) - 2]
    if record is not None:
        yield _once(record, twice)


def _once(record: dict[str, bytes], twice: set[str]) -> dict[str, bytes]:
    """`record` without the fields that came twice: nobody can say which of them is the server's."""
    return {name: value for name, value in record.items() if name not in twice}


def _lines(answer: bytes) -> tuple[list[str], list[bytes], int]:
    """The columns' names, the rows, and how many rows are announced."""
    *lines, last = believed(answer).rstrip(b"\n").split(b"\n")
    announced = total(last)
    if announced is None:
        raise SipError(Problem.TRUNCATED, "the list of registrations has no total")
    header, *rows = [line for line in lines if line] or [b""]
    names = header.decode("latin-1").split("\t")
    if header and not set(_CORE_FIELDS) <= set(names):
        raise SipError(Problem.GARBAGE, "not a tab-delimited list of registrations")
    return names, rows, announced


def _cells(names: list[str], row: bytes) -> dict[str, bytes] | None:
    """The row by column; None with a cell too many or too few: nothing is quoted, so no cell of it can be believed."""
    cells = row.split(b"\t")
    return dict(zip(names, cells, strict=True)) if len(cells) == len(names) else None


def _encoded(row: dict[str, object]) -> dict[str, bytes]:
    """A row of JSON in the form of the others. Raises AttributeError where it is none."""
    return {name: str(value).encode("utf-8", "replace") for name, value in row.items()}


def _unescaped(record: dict[str, bytes]) -> dict[str, bytes]:
    return {name: html.unescape(text(raw)).encode("utf-8", "replace") for name, raw in record.items()}


def _table(bindings: Iterable[Binding | None]) -> Table:
    """The records, if most of them can be read: one phone spoils one record, a format that is not ours all of them."""
    found = list(bindings)
    whole = [binding for binding in found if binding is not None]
    broken = len(found) - len(whole)
    if broken > max(1, len(whole)):
        raise SipError(Problem.GARBAGE, f"{broken} of {len(found)} registrations cannot be read")
    return Table(whole, broken)


def _counted(records: Iterable[Mapping[str, bytes] | None], announced: int, clock: Clock, home: str) -> Table:
    """The core's rows, if there are as many as it announced."""
    table = _table(core_binding(record, clock, home) for record in records)
    if table.rows < announced:
        raise SipError(Problem.TRUNCATED, f"{table.rows} of {announced} registrations came")
    if len(table.bindings) > announced:
        raise SipError(Problem.GARBAGE, f"{table.rows} registrations came where {announced} were announced")
    return table
