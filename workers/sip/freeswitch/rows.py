"""The rows of FreeSWITCH's tables as values, and how its times and its phones' bytes become ours: pure functions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape

from app.domain.aor import aor_key
from app.domain.registration import Contact, Registration
from app.domain.text import clean

# FreeSWITCH cuts an escaped agent or contact at 2047 bytes, wherever that falls.
_CUT = 2047
# The server's second and ours differ by rounding and by the way of the answer.
_SAME_CLOCK = 2.0
_EPOCH = datetime.fromtimestamp(0, UTC)
_TRANSPORTS = frozenset(("udp", "tcp", "tls", "ws", "wss"))
_STATUS = re.compile(r"(?:Registered\((\w+))?.*\bexpsecs\((-?[0-9]{1,10})\)\s*", re.DOTALL)
_ADDRESS = re.compile(r".*<(sips?:[^<>]*)>?\s*", re.DOTALL | re.IGNORECASE)
# What FreeSWITCH adds to the Contact of a phone behind NAT.
_ADDED = re.compile(r"(?:;fs_nat=yes)?(?:;fs_path=[^;]*)?$")
_URL = re.compile(r"(?:sofia/([^/]*)/)?(.*)", re.DOTALL)
_DIGITS = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Clock:
    """How the server's times become ours."""

    asked_at: datetime
    server: int | None = None
    """The server's clock when it was asked, in epoch seconds; None where it does not tell."""
    margin: int = 60
    """Seconds that the server adds to every expiry without saying so."""

    @property
    def skew(self) -> float | None:
        """The server's clock minus ours, in seconds."""
        return None if self.server is None else self.server - self.asked_at.timestamp()

    def at(self, epoch: int) -> datetime:
        """When a binding ends that the server lets end at `epoch`."""
        skew = self.skew
        # Within rounding the two clocks are one: else every pull would move every expiry by a second.
        ahead = 0.0 if skew is None or abs(skew) <= _SAME_CLOCK else skew
        return _EPOCH + timedelta(seconds=epoch - self.margin - ahead)

    def after(self, seconds: int) -> datetime:
        """When a binding ends that the server lets end in `seconds`."""
        if self.server is None:
            return self.asked_at + timedelta(seconds=seconds - self.margin)
        return self.at(self.server + seconds)


@dataclass(frozen=True, slots=True)
class Binding:
    """One row of a table."""

    aor: str
    """The line's key."""
    stored: str
    """user@host as the server holds it, which is what it compares exactly."""
    contact: Contact
    profile: str | None = None
    """The sofia profile, where the row names it."""


@dataclass(frozen=True, slots=True)
class Table:
    """What one answer held."""

    bindings: list[Binding]
    broken: int = 0
    """Records that could not be read."""

    @property
    def rows(self) -> int:
        """Records that came, the broken ones included."""
        return len(self.bindings) + self.broken


def registrations(bindings: Iterable[Binding], now: datetime) -> Iterator[Registration]:
    """The lines that hold at least one unexpired binding at `now`; the same phone twice is one contact."""
    lines: dict[str, dict[tuple[str, str], Contact]] = {}
    for binding in bindings:
        contact = binding.contact
        if not contact.current(now):
            continue
        phones = lines.setdefault(binding.aor, {})
        phone = (contact.uri, contact.source or "")
        if phone not in phones or _end(phones[phone]) < _end(contact):
            phones[phone] = contact
    for aor, phones in lines.items():
        yield Registration(aor, tuple(phones[phone] for phone in sorted(phones)))


def text(raw: bytes) -> str:
    """What a phone wrote: UTF-8 if it is, latin-1 otherwise, whatever the answer claims of itself."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and len(raw) > _CUT - len("&quot;"):
            return raw[: error.start].decode()
        return raw.decode("latin-1")


def source(ip: str | None, port: str | None) -> str | None:
    """host:port of a packet's sender."""
    if not ip:
        return None
    host = f"[{ip}]" if ":" in ip else ip
    return clean(f"{host}:{port}" if port and _DIGITS.fullmatch(port) else host) or None


def agent(written: str | None) -> str | None:
    """A user agent to be shown; FreeSWITCH writes `unknown` for a phone that told none."""
    shown = clean(written or "")
    return None if shown in ("", "unknown") else shown


def profile_binding(record: Mapping[str, bytes], clock: Clock, home: str) -> Binding | None:
    """A record of `sofia xmlstatus`; None where it cannot be read."""
    fields = {name: text(raw) for name, raw in record.items()}
    status = _STATUS.fullmatch(fields.get("status", ""))
    if status is None or "contact" not in fields:
        return None
    stored = fields.get("user", "")
    contact = Contact(
        uri=_uri(unescape(fields["contact"])),
        source=source(fields.get("network-ip"), fields.get("network-port")),
        transport=_transport(status[1]),
        user_agent=agent(unescape(fields.get("agent", ""))),
        expires_at=clock.after(int(status[2])),
    )
    return _binding(stored, contact, None, home)


def core_binding(record: Mapping[str, bytes] | None, clock: Clock, home: str) -> Binding | None:
    """A row of `show registrations`; None where it cannot be read."""
    fields = {name: text(raw) for name, raw in (record or {}).items()}
    url = _URL.fullmatch(fields.get("url", ""))
    expires = fields.get("expires", "")
    if url is None or not _DIGITS.fullmatch(expires) or not fields.get("reg_user"):
        return None
    stored = f"{fields['reg_user']}@{fields.get('realm', '')}"
    contact = Contact(
        uri=clean(_ADDED.sub("", url[2], count=1)),
        source=source(fields.get("network_ip"), fields.get("network_port")),
        transport=_transport(fields.get("network_proto")),
        expires_at=clock.at(int(expires)),
    )
    return _binding(stored, contact, url[1], home)


def _binding(stored: str, contact: Contact, profile: str | None, home: str) -> Binding | None:
    try:
        return Binding(aor_key(stored, home), stored, contact, profile)
    except ValueError:
        return None


def _end(contact: Contact) -> datetime:
    return contact.expires_at or datetime.max.replace(tzinfo=UTC)


def _transport(word: str | None) -> str | None:
    """The Contact's transport; FreeSWITCH does not tell the real one."""
    lower = (word or "").lower()
    return lower if lower in _TRANSPORTS else None


def _uri(contact: str) -> str:
    """The URI in `"display" <sip:…>`, which may lack its end where FreeSWITCH cut it."""
    address = _ADDRESS.fullmatch(contact)
    return clean(_ADDED.sub("", address[1] if address else contact, count=1))
