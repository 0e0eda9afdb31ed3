"""The source "sql": usrloc's own table in PostgreSQL or SQLite, in one read that costs Kamailio nothing."""

from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from app.domain.registration import Contact, Lookup, Registration
from workers.sip.base import Problem, SipError
from workers.sip.kamailio.contact import (
    BrokenError,
    agent_of,
    line_key,
    moment,
    source_of,
    transport_of,
    uri_of,
)
from workers.sip.kamailio.parse import Broken
from workers.sip.kamailio.site import DATABASES, Records, Site, State, state
from workers.sip.sql import Database, database, identifier

_COLUMNS = "username, domain, contact, received, expires, last_modified, user_agent, socket"
_ENOUGH = 0.9
_FEW = 20
# SQLite holds days since noon of 24 November 4714 BC; as seconds since 1970 that would be April 1970.
_LARGEST_JULIAN = 10_000_000
_JULIAN_EPOCH = 2_440_587.5
_DAY = 86_400
Row = tuple[Any, ...]


@dataclass(slots=True)
class _Seen:
    """How many rows there were, and what of them could not be read."""

    rows: int
    broken: Broken


def pull(site: Site) -> Records:
    """Every line of the table. Raises SipError: LOADING where the server itself knows many contacts more."""
    taken_at = site.now() - timedelta(seconds=site.lag)
    before = _told(site)
    seen = _Seen(0, Broken())
    with _opened(site) as opened:
        query = f"SELECT lower(username) AS line, {_COLUMNS} FROM {_table(site)} ORDER BY line"  # noqa: S608  checked name
        yield from _lines(opened.rows(query), site, seen)
    if before.contacts is not None and seen.rows < before.contacts * _ENOUGH - _FEW:
        raise SipError(Problem.LOADING, f"the table has {seen.rows} of {before.contacts} contacts")
    return seen.broken.report(taken_at, before.users, before.uptime)


def lookup(site: Site, aor: str) -> Lookup:
    """One line, where there is no server to ask but its database."""
    asked_at = site.now() - timedelta(seconds=site.lag)
    seen = _Seen(0, Broken())
    with _opened(site) as opened:
        query = f"SELECT lower(username), {_COLUMNS} FROM {_table(site)} WHERE lower(username) = ?"  # noqa: S608  checked name
        rows = opened.rows(query, [aor.rpartition("@")[0] or aor])
        found = [line for line in _lines(rows, site, seen) if line.aor == aor]
    if not found and aor in seen.broken.lines:
        raise SipError(Problem.GARBAGE, "no contact of the line can be read")
    return Lookup(found[0] if found else Registration(aor), asked_at)


def probe(site: Site) -> None:
    """Raises SipError where the table cannot be read."""
    query = f"SELECT lower(username), {_COLUMNS} FROM {_table(site)} LIMIT 1"  # noqa: S608  checked name
    with _opened(site) as opened:
        for _line in _lines(opened.rows(query), site, _Seen(0, Broken())):
            pass


def _told(site: Site) -> State:
    return State(None, None, None) if site.scheme in DATABASES else _asked(site)


def _asked(site: Site) -> State:
    with site.rpc() as rpc:
        return state(rpc, site.table)


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


def _lines(rows: Iterable[Row], site: Site, seen: _Seen) -> Generator[Registration, None, None]:
    """One registration a line, without rows that have ended: a killed server leaves its rows behind."""
    zone, now = _zone(site), site.now()
    for _user, group in groupby(rows, key=lambda row: row[0]):
        lines: dict[str, list[Contact]] = {}
        for row in group:
            seen.rows += 1
            try:
                key, contact = _contact(row, site.home, zone)
            except BrokenError:
                seen.broken.note(f"{row[1]}@{row[2]}" if row[2] else row[1], site.home)
                continue
            if contact.current(now):
                lines.setdefault(key, []).append(contact)
        seen.broken.lines -= lines.keys()
        yield from (Registration(key, tuple(contacts)) for key, contacts in lines.items())


def _contact(row: Row, home: str, zone: tzinfo | None) -> tuple[str, Contact]:
    _user, username, domain, uri, received, expires, modified, agent, socket = row
    key = line_key(f"{username}@{domain}" if domain else username, home)
    contact = Contact(
        uri=uri_of(uri),
        source=source_of(received),
        transport=transport_of(uri, socket),
        user_agent=agent_of(agent),
        refreshed_at=_moment(modified, zone),
        expires_at=_moment(expires, zone),
    )
    return key, contact


def _zone(site: Site) -> tzinfo | None:
    name = site.endpoint.options.get("timezone")
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, KeyError):
        raise SipError(Problem.CONFIGURATION, "timezone must be a name such as Asia/Tokyo", permanent=True) from None


def _moment(value: object, zone: tzinfo | None) -> datetime | None:
    """The moment in a column: epoch seconds, a Julian day, or the server's local time; None for never.

    Raises BrokenError, and SipError(CONFIGURATION) for a local time of nobody knows where.
    """
    if isinstance(value, datetime):
        if zone is None:
            detail = "the table holds local times: set expires_type to 1 in Kamailio, or the option timezone"
            raise SipError(Problem.CONFIGURATION, detail, permanent=True)
        try:
            # An hour that comes twice is taken for the later one: a phone is not shown as gone too early.
            found = value.replace(tzinfo=zone, fold=1).astimezone(UTC)
        except (OverflowError, ValueError):
            raise BrokenError from None
        return found if found.timestamp() > _DAY else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BrokenError
    seconds = value if value > _LARGEST_JULIAN else round((value - _JULIAN_EPOCH) * _DAY) if value else 0
    return moment(seconds) if seconds > _DAY else None
