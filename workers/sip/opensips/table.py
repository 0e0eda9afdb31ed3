"""The location table in usrloc's own database: all lines in one read that costs OpenSIPS nothing."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from app.domain.registration import Contact, Registration
from app.domain.text import clean
from workers.sip.base import Problem, SipError
from workers.sip.opensips.contact import line_key, source_of, transport_of, user_agent_of
from workers.sip.opensips.mi import Mi, open_mi
from workers.sip.opensips.site import Records, Site, Tally, asked, not_restarted, state
from workers.sip.sql import Database, database, identifier

_COLUMNS = "username, domain, contact, received, expires, user_agent, socket"
_ENOUGH = 0.9
Row = tuple[Any, ...]


@dataclass
class Seen:
    """The keys of the lines in the table: with a contact that holds, and with nothing but ended ones."""

    current: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)


def read(site: Site) -> Records:
    """Every line of the table, and what the table lacks: it is checked against the server's own count.

    A REGISTER is accepted whatever the database does, so a row may be missing or old. Lines that we know of and for
    which that may be so are then asked for one by one.
    """
    taken_at = site.now()
    seen, tally = Seen(), Tally()
    with closing(open_mi(site.endpoint)) as mi, _opened(site) as opened:
        before = state(mi, site.table)
        yield from _lines(_rows(opened, site), site, taken_at, seen, tally)
        yield from _missing(mi, site, seen, before.counters.users or 0, tally)
        after = state(mi, site.table)
    not_restarted(before, after)
    return tally.report(taken_at, after)


def probe(site: Site) -> None:
    """Raises SipError where the table cannot be read."""
    with _opened(site) as opened:
        columns = opened.columns(_table(site))
    if missing := sorted(set(_COLUMNS.split(", ")) - columns):
        raise SipError(Problem.TABLE_MISSING, f"{_table(site)} has no {', '.join(missing)}", permanent=True)


def _opened(site: Site) -> Any:
    if not (url := site.endpoint.options.get("location_url")):
        raise SipError(Problem.CONFIGURATION, "the source sql needs location_url", permanent=True)
    return database(url, site.endpoint.timeout, read_only=True)


def _table(site: Site) -> str:
    return identifier(site.table, schema=True)


def _rows(opened: Database, site: Site) -> Iterator[Row]:
    # last_modified is left alone: the server writes it in its own time zone without saying which.
    query = f"SELECT lower(username) AS line, {_COLUMNS} FROM {_table(site)} ORDER BY line, contact"  # noqa: S608  checked names
    return opened.rows(query)


def _lines(rows: Iterable[Row], site: Site, now: datetime, seen: Seen, tally: Tally) -> Iterator[Registration]:
    """One registration a line."""
    for _user, group in groupby(rows, key=lambda row: row[0]):
        lines: dict[str, list[Contact]] = {}
        unread: set[str] = set()
        for _line, username, domain, *fields in group:
            key = None
            try:
                key = line_key(f"{username}@{domain}" if domain else username, site.home)
                contact = _contact(*fields)
            except (ValueError, TypeError, OverflowError, OSError):
                tally.broken += 1
                unread.update([key] if key else [])
                continue
            # A killed server leaves its rows behind.
            if contact.current(now):
                lines.setdefault(key, []).append(contact)
            else:
                seen.ended.add(key)
        seen.current.update(lines)
        tally.unread += sorted(unread - lines.keys())
        for key, contacts in lines.items():
            yield Registration(key, tuple(contacts))


def _contact(uri: object, received: object, expires: object, user_agent: object, socket: object) -> Contact:
    if not isinstance(uri, str) or not clean(uri):
        raise ValueError("no contact address")
    if not isinstance(expires, int):
        raise TypeError("no time")
    return Contact(
        uri=clean(uri),
        source=source_of(received),
        transport=transport_of(uri, socket),
        user_agent=user_agent_of(user_agent),
        expires_at=datetime.fromtimestamp(expires, UTC) if expires else None,
    )


def _missing(mi: Mi, site: Site, seen: Seen, counted: int, tally: Tally) -> Iterator[Registration]:
    """The lines that we know and that the server may hold though the table says otherwise.

    Raises SipError(TRUNCATED) where much is missing and nobody told us which lines there are.
    """
    held = len(seen.current | seen.ended)
    if site.known_aors is None:
        if held < counted * _ENOUGH:
            raise SipError(Problem.TRUNCATED, f"the server counts {counted} lines, its table has {held}")
        return
    doubtful = {
        key: wire
        for key, wire in site.lines().items()
        if key not in seen.current and (key in seen.ended or held < counted)
    }
    yield from asked(mi, site, doubtful, tally)
