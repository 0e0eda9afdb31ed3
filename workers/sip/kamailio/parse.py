"""What Kamailio answers to ul.dump and ul.lookup, read: pure functions of bytes and a time."""

import contextlib
import json
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from app.domain.registration import Contact, Registration
from app.domain.text import clean
from workers.sip.base import Problem, SipError
from workers.sip.kamailio.contact import BrokenError, contact_of, line_key

_NOBODY = ("aor not found", "aor has no contacts")
_MEMORY_ONLY = "command is not supported in db_mode=0"
_METHOD_MISSING = -32601


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that Kamailio answered with."""

    code: int
    message: str

    @property
    def nobody(self) -> bool:
        """Whether it says that the address-of-record has no registration, which is an answer."""
        return self._begins(*_NOBODY)

    @property
    def memory_only(self) -> bool:
        """Whether it says that bindings are in no database."""
        return self._begins(_MEMORY_ONLY)

    @property
    def unknown_method(self) -> bool:
        """Whether the server does not know what it was asked."""
        return self.code == _METHOD_MISSING or self._begins("method not found")

    def error(self) -> SipError:
        """The same as the error that a caller of the adapter gets."""
        if self.unknown_method:
            return SipError(Problem.COMMAND_MISSING, self.message, permanent=True)
        if self._begins("domain table not found", "no such htable"):
            return SipError(Problem.TABLE_MISSING, self.message, permanent=True)
        return SipError(Problem.FAULT, self.message)

    def _begins(self, *words: str) -> bool:
        return self.message.lower().startswith(words)


@dataclass(slots=True)
class Broken:
    """What of a snapshot could not be read."""

    records: int = 0
    lines: set[str] = field(default_factory=set)
    """Keys of lines that had such a record, and no other that could be read."""

    def note(self, name: object, home: str, records: int = 1) -> None:
        """Count records of the line that the server calls `name`, if that can be read at least."""
        self.records += records
        with contextlib.suppress(BrokenError):
            self.lines.add(line_key(name, home))


def answer(body: bytes, request_id: int | str) -> object | Fault:
    """The result of the request, or its fault. Raises SipError(GARBAGE) for what is no answer to it."""
    envelope = _envelope(body)
    if envelope.get("id") != request_id:
        raise SipError(Problem.GARBAGE, "the answer belongs to no question of ours")
    return _content(envelope)


def told(body: bytes) -> object | Fault:
    """The same of an answer whose id has been looked at already."""
    return _content(_envelope(body))


def _envelope(body: bytes) -> dict[str, object]:
    try:
        envelope = orjson.loads(body)
    except ValueError:
        envelope = _lenient(body)
    if not isinstance(envelope, dict):
        raise SipError(Problem.GARBAGE, "the answer belongs to no question of ours")
    return envelope


def _lenient(body: bytes) -> object:
    """A phone's user agent may be latin-1 or hold control characters: neither may spoil the whole."""
    try:
        lenient: object = json.loads(body.decode(errors="replace"), strict=False)
    except (ValueError, RecursionError):
        raise SipError(Problem.GARBAGE, "the answer is not JSON") from None
    return lenient


def _content(envelope: dict[str, object]) -> object | Fault:
    if envelope.get("error") is not None:
        return _fault(envelope["error"])
    if "result" not in envelope:
        raise SipError(Problem.GARBAGE, "the answer has neither result nor error")
    result: object = envelope["result"]
    return result


def dumped(result: object, table: str, home: str, now: datetime) -> Generator[Registration, None, Broken]:
    """The lines of an `ul.dump` answered at `now`; returns what was broken and left out.

    Raises SipError: TABLE_MISSING, TRUNCATED when the server counted other than came, GARBAGE.
    """
    lines: dict[str, list[Contact]] = {}
    broken = Broken()
    for record in _table(result, table):
        info = _inner(record, "Info")
        try:
            aor, contacts, bad = _line(info, home, now)
        except BrokenError:
            broken.note(_inner(info, "AoR"), home)
        else:
            if bad:
                broken.note(aor, home, bad)
            lines.setdefault(aor, []).extend(contacts)
    for aor, found in lines.items():
        if found:
            broken.lines.discard(aor)
            yield Registration(aor, tuple(found))
    return broken


def looked_up(result: object, aor: str, home: str, now: datetime) -> Registration:
    """The line of an `ul.lookup` answered at `now`.

    Raises SipError(GARBAGE) when it is another line, or when none of its contacts can be read.
    """
    try:
        found, contacts, broken = _line(result, home, now)
    except BrokenError:
        raise SipError(Problem.GARBAGE, "the line cannot be read") from None
    if found != aor:
        raise SipError(Problem.GARBAGE, "the answer is about another line")
    if broken and not contacts:
        raise SipError(Problem.GARBAGE, "no contact of the line can be read")
    return Registration(aor, tuple(contacts))


def _fault(error: object) -> Fault:
    if not isinstance(error, dict):
        raise SipError(Problem.GARBAGE, "the answer's error cannot be read")
    code, message = error.get("code"), error.get("message")
    return Fault(
        code if isinstance(code, int) else 0,
        clean(message) if isinstance(message, str) else "no message",
    )


def _table(result: object, table: str) -> list[object]:
    domains = _inner(result, "Domains")
    if not isinstance(domains, list):
        raise SipError(Problem.GARBAGE, "the answer is no dump")
    for entry in domains:
        domain = _inner(entry, "Domain")
        if isinstance(domain, dict) and domain.get("Domain") == table:
            return _records(domain)
    raise SipError(Problem.TABLE_MISSING, f"the dump holds no table {clean(table)}", permanent=True)


def _records(domain: dict[str, object]) -> list[object]:
    records, stats = domain.get("AoRs"), domain.get("Stats")
    if not isinstance(records, list):
        raise SipError(Problem.GARBAGE, "the table is no list")
    announced = _inner(stats, "Records")
    if announced != len(records):
        raise SipError(Problem.TRUNCATED, f"{len(records)} lines came of {clean(str(announced))}")
    return records


def _line(info: object, home: str, now: datetime) -> tuple[str, list[Contact], int]:
    """Key, unexpired contacts and number of broken contacts of one line."""
    aor, entries = line_key(_inner(info, "AoR"), home), _inner(info, "Contacts")
    if not isinstance(entries, list):
        raise BrokenError
    contacts: list[Contact] = []
    broken = 0
    for entry in entries:
        try:
            contact = contact_of(_inner(entry, "Contact"), now)
        except BrokenError:
            broken += 1
        else:
            contacts += [contact] if contact else []
    return aor, contacts, broken


def _inner(entry: object, name: str) -> object:
    """The member `name` of what should be an object, such as the wrapper around each element of Kamailio's lists."""
    return entry.get(name) if isinstance(entry, dict) else None
