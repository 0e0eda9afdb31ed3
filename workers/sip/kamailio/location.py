"""The source "sql": usrloc's own table in PostgreSQL or SQLite, in one read that costs Kamailio nothing."""

import tempfile
import time
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta, tzinfo
from itertools import groupby
from urllib.parse import quote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from app.domain import record
from app.domain.record import Row
from app.domain.registration import Contact, Lookup, Registration
from workers.sip.base import BATCH, Problem, SipError
from workers.sip.kamailio import copied
from workers.sip.kamailio.contact import BrokenError
from workers.sip.kamailio.copied import Copy
from workers.sip.kamailio.location_row import COLUMNS, TableRow, bound, name_of
from workers.sip.kamailio.parse import Broken
from workers.sip.kamailio.site import DATABASES, UNTOLD, Batches, Site, State, is_loading, report_of, state
from workers.sip.sql import Database, database, identifier

_ENOUGH = 0.9
_FEW = 20
_IN_MEMORY = 4 * 1024 * 1024


@dataclass(slots=True)
class _Seen:
    """How many rows there were, what of them could not be read, and what the server's clock is ahead of ours."""

    skew: int = 0
    rows: int = 0
    broken: Broken = field(default_factory=Broken)


def pull(site: Site) -> Batches:
    """Every line of the table. Raises SipError: LOADING where the server itself knows many contacts more."""
    taken_at = site.now() - timedelta(seconds=site.lag)
    told, loading = (UNTOLD, False) if site.scheme in DATABASES else _asked(site)
    seen = _Seen(told.correction)
    began = time.monotonic()
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        with _opened(site) as opened:
            # Taken at once and read later: the database is not kept waiting.
            copy = Copy(file, site.home)
            whole = opened.copy(f"SELECT {COLUMNS} FROM {_table(site)}", copy.take)  # noqa: S608  checked name
            busy = time.monotonic() - began
            if not whole:
                yield from _batches(_lines(_sorted(opened, site), site, seen))
        if whole:
            yield from _copied(copy, site, seen)
    if told.contacts is not None and seen.rows < told.contacts * _ENOUGH - _FEW:
        raise SipError(Problem.LOADING, f"the table has {seen.rows} of {told.contacts} contacts")
    return replace(report_of(taken_at, told, seen.broken), loading=loading, busy=busy)


def lookup(site: Site, aor: str) -> Lookup:
    """One line, where there is no server to ask but its database."""
    asked_at = site.now() - timedelta(seconds=site.lag)
    seen = _Seen()
    with _opened(site) as opened:
        query = f"SELECT lower(username), {COLUMNS} FROM {_table(site)} WHERE lower(username) = ?"  # noqa: S608  checked name
        rows = opened.rows(query, [aor.rpartition("@")[0] or aor])
        found = [line for line in _lines(rows, site, seen) if line.aor == aor]
    if not found and aor in seen.broken.lines:
        raise SipError(Problem.GARBAGE, "no contact of the line can be read")
    return Lookup(found[0] if found else Registration(aor), asked_at)


def probe(site: Site) -> None:
    """Raises SipError where the table cannot be read."""
    query = f"SELECT lower(username), {COLUMNS} FROM {_table(site)} LIMIT 1"  # noqa: S608  checked name
    with _opened(site) as opened:
        for _line in _lines(opened.rows(query), site, _Seen()):
            pass


def _asked(site: Site) -> tuple[State, bool]:
    """What the server says of itself, and whether it may still be reading the table."""
    with site.rpc() as rpc:
        found = state(rpc, site)
        return found, is_loading(rpc, site, found.uptime)


def _opened(site: Site) -> AbstractContextManager[Database]:
    url = site.endpoint.options.get("sql_url", site.endpoint.url)
    if credentials := site.endpoint.options.get("sql_credentials"):
        user, _, password = credentials.partition(":")
        try:
            parts = urlsplit(url)
        except ValueError:
            raise SipError(Problem.CONFIGURATION, "sql_url is no URL", permanent=True) from None
        host = parts.netloc.rpartition("@")[2]
        url = urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"))
    return database(url, site.endpoint.timeout, read_only=True)


def _table(site: Site) -> str:
    return identifier(site.table, schema=True)


def _sorted(opened: Database, site: Site) -> Iterable[TableRow]:
    query = f"SELECT lower(username) AS line, {COLUMNS} FROM {_table(site)} ORDER BY line"  # noqa: S608  checked name
    return opened.rows(query)


def _lines(rows: Iterable[TableRow], site: Site, seen: _Seen) -> Generator[Registration, None, None]:
    """One registration a line, without rows that have ended: a killed server leaves its rows behind.

    The rows come sorted by what stands before their columns.
    """
    zone, now = _zone(site), site.now()
    for _user, group in groupby(rows, key=lambda row: row[0]):
        lines: dict[str, list[Contact]] = {}
        for row in group:
            seen.rows += 1
            try:
                key, contact = bound(row[1:], site.home, zone, seen.skew)
            except BrokenError:
                seen.broken.note(name_of(row[1:]), site.home)
                continue
            if contact.current(now):
                lines.setdefault(key, []).append(contact)
        seen.broken.lines -= lines.keys()
        yield from (Registration(key, tuple(contacts)) for key, contacts in lines.items())


def _batches(lines: Iterable[Registration]) -> Generator[list[Row], None, None]:
    batch: list[Row] = []
    for line in lines:
        batch.append(record.row_of(line))
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def _copied(copy: Copy, site: Site, seen: _Seen) -> Generator[list[Row], None, None]:
    """Each line once: those with one row as they come, all others at the end."""
    zone, home = _zone(site), site.home
    repeated = copy.repeats.end()
    held: dict[bytes, list[bytes]] = {}
    for block in copied.blocks(copy.file, home):
        now = int(site.now().timestamp())
        seen.rows += len(block)
        single, more = copied.numbered(block.numbered, seen.skew, now, repeated)
        rows, others = copied.bindings(block.plain, home, seen.skew, now, repeated)
        for key, binding in (*more, *others, *_odd(block.odd, site, zone, seen)):
            held.setdefault(key, []).append(binding)
        yield single + rows
    seen.broken.lines -= {key.decode() for key in held}
    yield [(key, record.body_of(bindings)) for key, bindings in held.items()]


def _odd(rows: Iterable[TableRow], site: Site, zone: tzinfo | None, seen: _Seen) -> Generator[Row, None, None]:
    """Key and binding of each row that can be read and has not ended."""
    for row in rows:
        try:
            key, contact = bound(row, site.home, zone, seen.skew)
        except BrokenError:
            seen.broken.note(name_of(row), site.home)
            continue
        if contact.current(site.now()):
            yield record.row_of(Registration(key, (contact,)))


def _zone(site: Site) -> tzinfo | None:
    name = site.endpoint.options.get("timezone")
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, KeyError):
        raise SipError(Problem.CONFIGURATION, "timezone must be a name such as Asia/Tokyo", permanent=True) from None
