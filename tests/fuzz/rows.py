"""The location tables of Kamailio and OpenSIPS: rows as a cursor hands them on, and as PostgreSQL copies them."""

import contextlib
import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from app.domain.record import contacts_of
from tests.fuzz.case import PAYLOADS, Case, Pair, Reading, keeps_lines, spans
from workers.sip.base import Endpoint
from workers.sip.kamailio import location
from workers.sip.kamailio.copied import Copy
from workers.sip.kamailio.site import Site
from workers.sip.opensips import site as opensips
from workers.sip.opensips import table

_KAMAILIO = ("username", "domain", "last_modified", "expires", "contact", "received", "user_agent", "socket")
_OPENSIPS = ("username", "domain", "contact", "received", "expires", "user_agent", "socket")
_TIMES = frozenset(("expires", "last_modified"))
_BETWEEN = b"\x1f"
_HOME = "sip.example.jp"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_ENDPOINT = Endpoint("http://127.0.0.1:1/", _HOME, options={"timezone": "Asia/Tokyo"})
_SITE = Site(_ENDPOINT, lambda: _LONG_AGO, None)
_OPENSIPS_SITE = opensips.Site(_ENDPOINT, lambda: _LONG_AGO, None)


def cases() -> Iterator[Case]:
    """All of them."""
    for path in _files("kamailio"):
        rows = _recorded(path)
        yield _case("kamailio", "location rows", path, _joined(rows, _KAMAILIO), _kamailio_rows)
        yield _case("kamailio", "location copy", path, b"".join(map(_copied, rows)), _kamailio_copy)
    for path in _files("opensips"):
        yield _case("opensips", "location rows", path, _joined(_recorded(path), _OPENSIPS), _opensips_rows)


def _files(family: str) -> list[Path]:
    return sorted((PAYLOADS / family / "sql").glob("*.csv"))


def _recorded(path: Path) -> list[dict[str, str]]:
    """The rows; before their head may stand a line that says how they were made."""
    text = path.read_text(encoding="utf-8", errors="replace")
    head = next(line for line in text.splitlines() if "username,domain" in line)
    return list(csv.DictReader(io.StringIO(text[text.index(head) :])))


def _case(family: str, parser: str, path: Path, body: bytes, read: Callable[[bytes], Reading]) -> Case:
    return Case(
        *(family, parser, str(path.relative_to(PAYLOADS)), (body,), read),
        records=spans(rb"[^\n]+"),
        alone=lambda record: record + b"\n",
        spares=keeps_lines,
        counted=True,
    )


def _joined(rows: list[dict[str, str]], columns: tuple[str, ...]) -> bytes:
    lines = (_BETWEEN.join(row[column].encode() for column in columns) for row in rows)
    return b"".join(line + b"\n" for line in lines)


def _copied(row: dict[str, str]) -> bytes:
    """A row as COPY writes it, with epochs for the times."""
    made = {**row, "expires": "1795422585", "last_modified": "1795418985"}
    cells = (made[column].replace("\\", "\\\\").replace("\t", "\\t") for column in _KAMAILIO)
    return "\t".join(cells).encode() + b"\n"


def _kamailio_copy(body: bytes) -> Reading:
    seen, reading = location._Seen(), Reading()
    copy = Copy(io.BytesIO(), _SITE.home)
    copy.take(body)
    for rows in location._copied(copy, _SITE, seen):
        for key, binding in rows:
            reading.pairs += [(key.decode(), contact) for contact in contacts_of(binding)]
    reading.broken = seen.broken.records
    return reading


def _kamailio_rows(body: bytes) -> Reading:
    seen = location._Seen()
    lines = location._lines(_values(body, _KAMAILIO), _SITE, seen)
    pairs: list[Pair] = [(line.aor, contact) for line in lines for contact in line.contacts]
    return Reading(pairs, seen.broken.records)


def _opensips_rows(body: bytes) -> Reading:
    tally = opensips.Tally()
    lines = table._lines(_values(body, _OPENSIPS), _OPENSIPS_SITE, _LONG_AGO, table.Seen(), tally)
    pairs: list[Pair] = [(line.aor, contact) for line in lines for contact in line.contacts]
    return Reading(pairs, tally.broken)


def _values(body: bytes, columns: tuple[str, ...]) -> list[tuple[object, ...]]:
    """The rows as they come from a database, sorted by the user that stands before their columns."""
    rows: list[tuple[str, tuple[object, ...]]] = []
    for line in body.removesuffix(b"\n").split(b"\n"):
        cells = (*line.split(_BETWEEN), *[b""] * len(columns))
        row = tuple(map(_value, columns, cells[: len(columns)]))
        rows.append((str(row[0]).lower(), row))
    return [(user, *row) for user, row in sorted(rows, key=lambda named: named[0])]


def _value(column: str, cell: bytes) -> object:
    text = cell.decode("utf-8", "replace")
    for made in (int, float, datetime.fromisoformat) if column in _TIMES else ():
        with contextlib.suppress(ValueError, OverflowError):
            return made(text)
    return text or None
