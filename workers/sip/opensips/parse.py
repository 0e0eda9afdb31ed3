"""What OpenSIPS answers on its management interface (MI, JSON-RPC), as values: no I/O and no clock."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from app.domain.registration import Contact, Registration
from app.domain.text import clean
from workers.sip.base import Problem, SipError
from workers.sip.opensips.contact import contacts_of, line_key

# OpenSIPS 4 serves the old names of its commands as aliases, but lists the new ones only.
_NEW_NAMES = {
    "usrloc:show_contact": "ul_show_contact",
    "usrloc:dump": "ul_dump",
    "statistics:get": "get_statistics",
    "evi:subscribe": "event_subscribe",
    "evi:list": "events_list",
    "cachedb_local:fetch_chunk": "cache_fetch_chunk",
    "core:uptime": "uptime",
}
# Up to some 300 years: a moment so long ago can still be reckoned.
_UPTIME = re.compile(r"\s*([0-9]{1,10})\b")
_QUARTER = 900.0
# JSON has no largest number, and arithmetic with one of 400 digits fails.
_MOST = 2**63 - 1
_RECORD = '{"AOR":'
_LIST = '"AORs":['
_END = re.compile(r'\]\}\]\}(?:,"id":(?:\d+|null|"[^"]*"))?\}\s*\Z')
_DECODER = json.JSONDecoder(strict=False)


class MiError(SipError):
    """The server understood a call and refused it, with a code and a message of its own."""

    def __init__(self, code: int, message: str, data: str = "") -> None:
        problem = _problem_of(code, message)
        detail = f"{code} {message}" + (f" ({data})" if data else "")
        super().__init__(problem, detail, permanent=problem is not Problem.FAULT)
        self.code = code
        self.no_such_aor = code == 404 and message.lower().startswith("aor not found")
        self.bad_parameter = code == 400


def _problem_of(code: int, message: str) -> Problem:
    if code in {-32601, -32001}:
        return Problem.COMMAND_MISSING
    if code == 404 and message.lower().startswith("table"):
        return Problem.TABLE_MISSING
    if code == 400 and message.lower().startswith("domain missing"):
        return Problem.CONFIGURATION
    return Problem.FAULT


@dataclass(frozen=True, slots=True)
class Dump:
    """The location table as `ul_dump` lists it."""

    lines: dict[str, list[Contact]]
    """Key of the line -> its contacts that have not ended; a line without any is left out."""
    listed: int
    """AoRs in the list, those without a current contact and those that cannot be read included."""
    broken: int
    """AoRs and contacts that could not be read and were left out."""
    unread: tuple[str, ...]
    """Keys of lines that may have been among those."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The server's own counts for one location table."""

    users: int | None
    """AoRs in memory; expired ones stay until the server's timer runs. None where the server does not count."""
    contacts: int | None
    turnover: int
    """REGISTERs accepted and contacts expired since the server started: how much may have changed between two reads."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What `uptime` answers."""

    uptime: float | None
    now: datetime | None
    """The server's wall clock in its own zone, marked as UTC: only good for `clock_skew`."""


def envelope(body: bytes) -> dict[str, object]:
    """The JSON-RPC answer in `body`. Phones' bytes may be no UTF-8. Raises SipError(GARBAGE)."""
    try:
        answer = json.loads(body.decode("utf-8", errors="replace"), strict=False)
    except (ValueError, RecursionError):
        raise SipError(Problem.GARBAGE, "the answer is no JSON") from None
    if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
        raise SipError(Problem.GARBAGE, "the answer is no JSON-RPC")
    return answer


def result(answer: dict[str, object]) -> object:
    """What was asked for. Raises MiError where the server refused it: it does so under HTTP 200."""
    error = answer.get("error")
    if error is None:
        return answer.get("result")
    if not isinstance(error, dict) or not isinstance(error.get("code"), int):
        raise SipError(Problem.GARBAGE, "an error without a code")
    raise MiError(error["code"], clean(str(error.get("message", ""))), clean(str(error.get("data", ""))))


def registration(found: object, aor: str, home: str, answered_at: datetime) -> tuple[Registration, int]:
    """The line that was asked for as `aor`, and how many of its contacts could not be read.

    `found` is the result of `ul_show_contact`. Raises SipError(GARBAGE) where it is not about this line.
    """
    if not isinstance(found, dict) or not isinstance(found.get("AOR"), str):
        raise SipError(Problem.GARBAGE, "no address-of-record in the answer")
    if not _same_line(found["AOR"], aor, home):
        raise SipError(Problem.GARBAGE, "the answer is about another line")
    contacts, broken = contacts_of(found.get("Contacts"), answered_at)
    return Registration(line_key(aor, home), tuple(contacts)), broken


def _same_line(answered: str, asked: str, home: str) -> bool:
    """With use_domain=0 the server cuts the domain off and answers for the user alone."""
    try:
        key = line_key(answered, home)
    except ValueError:
        return False
    wanted = line_key(asked, home)
    return key == wanted or ("@" not in answered and key == wanted.partition("@")[0])


def dump(body: bytes, table: str, home: str, answered_at: datetime) -> Dump:
    """The whole of `ul_dump`: one unreadable record costs only itself.

    Raises SipError: GARBAGE, TRUNCATED, TABLE_MISSING or what the server refused the call with.
    """
    try:
        answer = envelope(body)
    except SipError:
        records: list[Any] = _salvaged(body.decode("utf-8", errors="replace"), table)
    else:
        records = _records(result(answer), table)
    lines: dict[str, list[Contact]] = {}
    unread: set[str] = set()
    broken = 0
    for record in records:
        key = None
        try:
            key = line_key(record["AOR"], home)
            contacts, unreadable = contacts_of(record["Contacts"], answered_at)
        except (KeyError, TypeError, ValueError, SipError):
            contacts, unreadable = [], 1
        broken += unreadable
        if key is not None and contacts:
            lines.setdefault(key, []).extend(contacts)
        elif key is not None and unreadable:
            unread.add(key)
    return Dump(lines, len(records), broken, tuple(sorted(unread - lines.keys())))


def _records(found: object, table: str) -> list[object]:
    domains = found.get("Domains") if isinstance(found, dict) else None
    if not isinstance(domains, list):
        raise SipError(Problem.GARBAGE, "the dump has no tables")
    for domain in domains:
        if isinstance(domain, dict) and domain.get("name") == table:
            if not isinstance(domain.get("AORs"), list):
                raise SipError(Problem.GARBAGE, "the dump has no list")
            return cast("list[object]", domain["AORs"])
    raise SipError(Problem.TABLE_MISSING, f"no table {table} in the dump", permanent=True)


def _salvaged(text: str, table: str) -> list[object]:
    """The records of a dump that is no JSON as a whole; of one that is not either its name at most is left.

    A quote within a string is always escaped, so no phone can write a record's first characters.
    """
    head, *pieces = text.split(_RECORD)
    if text.count(_LIST) != 1 or not head.endswith(_LIST) or f'"name":{json.dumps(table)}' not in head:
        raise SipError(Problem.GARBAGE, "the dump is no JSON")
    if not _END.search(pieces[-1] if pieces else ""):
        raise SipError(Problem.TRUNCATED, "the dump has no end")
    records: list[object] = []
    for number, piece in enumerate(pieces, 1):
        try:
            record, end = _DECODER.raw_decode(_RECORD + piece)
        except (ValueError, RecursionError):
            records.append(_name_only(piece))
            continue
        records.append(record)
        rest = (_RECORD + piece)[end:]
        # Whatever else stands between two records was a record once.
        if not (_END.fullmatch(rest) if number == len(pieces) else rest == ","):
            records.append(None)
    return records


def _name_only(piece: str) -> object:
    try:
        return {"AOR": _DECODER.raw_decode(piece)[0]}
    except (ValueError, RecursionError):
        return None


def counters(found: object, table: str) -> Counters:
    """The counts in the result of `get_statistics`, which leaves out silently what it does not know."""
    counts = found if isinstance(found, dict) else {}

    def count(name: str) -> int | None:
        value = counts.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST else None

    turnover = (count("registrar:accepted_regs") or 0) + (count(f"usrloc:{table}-expires") or 0)
    return Counters(count(f"usrloc:{table}-users"), count(f"usrloc:{table}-contacts"), turnover)


def clock(found: object) -> Clock:
    """The server's uptime in seconds and its wall clock, each None where it cannot be read."""
    answer = found if isinstance(found, dict) else {}
    seconds = _UPTIME.match(str(answer.get("Up time", "")))
    try:
        now = datetime.strptime(str(answer.get("Now", "")), "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        now = None
    return Clock(float(seconds[1]) if seconds else None, now)


def clock_skew(server: datetime, ours: datetime) -> float:
    """Server's clock minus ours in seconds, from -450 to 450.

    The server writes local time without a zone. Zones differ by quarters of an hour, so what is left is the skew,
    unless it is larger than half of one.
    """
    return ((server - ours).total_seconds() + _QUARTER / 2) % _QUARTER - _QUARTER / 2


def version(found: object) -> str | None:
    """What the server calls itself."""
    name = found.get("Server") if isinstance(found, dict) else None
    return clean(name) or None if isinstance(name, str) else None


def names(found: object) -> frozenset[str]:
    """The commands in the result of `which`, by the names of OpenSIPS 3."""
    listed = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
    return frozenset(_NEW_NAMES.get(name, name) for name in listed)


def event_names(found: object) -> frozenset[str]:
    """The events in the result of `events_list`."""
    listed = found.get("Events") if isinstance(found, dict) else None
    return frozenset(
        name
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict) and isinstance(name := entry.get("name"), str)
    )
