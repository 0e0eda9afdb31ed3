"""What Asterisk writes on its manager interface, read without I/O: blocks of headers, contacts, errors."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.domain.aor import aor_key
from app.domain.registration import Contact, Registration
from app.domain.text import clean

BLOCK_END = b"\r\n\r\n"
_DB_PREFIX = "/registrar/contact/"
_END = re.compile(rb"[\r\n]*Event: \w+Complete\r\nActionID: [^\r\n]*\r\nEventList: Complete\r\n")
_NOTHING = re.compile(r"No \w+ found", re.IGNORECASE)
_TRANSPORTS = frozenset(("udp", "tcp", "tls", "ws", "wss"))
# What a year beyond 9999 does to datetime must not depend on the platform.
_LAST_SECOND = 253402300799


@dataclass(frozen=True, slots=True, repr=False)
class Block:
    """One message: its headers in the order in which they came. Not shown by repr: it may carry a password."""

    headers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, raw: bytes) -> "Block":
        """The headers of `raw`, a message without the empty line that ended it."""
        lines = raw.decode("utf-8", "replace").strip("\r\n").split("\r\n")
        return cls(tuple((name, value.strip("\n")) for name, _, value in (_split(line) for line in lines)))

    def get(self, name: str) -> str:
        """The first value of the header, empty if there is none."""
        return next((value for header, value in self.headers if header == name), "")

    def once(self, name: str) -> str:
        """The value of a header that must be there exactly once. Raises ValueError."""
        values = [value for header, value in self.headers if header == name]
        if len(values) != 1:
            raise ValueError(f"{len(values)} headers {name}")
        return values[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The headers' names, in order."""
        return tuple(name for name, _value in self.headers)


def _split(line: str) -> tuple[str, str, str]:
    """Values are raw: only the first colon with a space behind it divides."""
    parts = line.partition(": ")
    return parts if parts[1] else (line.removesuffix(":"), "", "")


def belongs(raw: bytes, action_id: str) -> bool:
    """Whether a message carries this ActionID, and no other, on a line of its own."""
    return b"ActionID: " + action_id.encode() in raw.split(b"\r\n") and raw.count(b"\nActionID: ") == 1


def is_event(raw: bytes, event: str) -> bool:
    """Whether a message is an event of this name."""
    return raw.lstrip(b"\r\n").startswith(b"Event: " + event.encode() + b"\r\n")


def is_end(raw: bytes) -> bool:
    """Whether a message ends a list; an item into which a phone wrote the same header does not."""
    return _END.match(raw) is not None


def is_empty_list(message: str) -> bool:
    """Whether the text of an error only says that there is nothing to list."""
    return _NOTHING.fullmatch(message.strip()) is not None


@dataclass(frozen=True, slots=True)
class Bound:
    """One contact as listed: whose it is, and which endpoint registered it."""

    aor: str
    endpoint: str
    contact: Contact


def of_database(block: Block, home: str) -> Bound:
    """A contact from an answer to DBGetTree. Raises ValueError if it is not one, or is broken."""
    value = json.loads(block.once("Val"))
    if not isinstance(value, dict):
        raise ValueError("a value that is no object")  # noqa: TRY004  one error for all that is broken
    fields = {name: text for name, text in value.items() if isinstance(text, str)}
    return Bound(
        aor_key(_owner(block.once("Key").removeprefix(_DB_PREFIX)), home),
        fields.get("endpoint", ""),
        _contact(
            fields.get("uri", ""),
            fields.get("expiration_time", ""),
            fields.get("user_agent", ""),
            _address(fields.get("via_addr", ""), fields.get("via_port", "")),
        ),
    )


def of_contact_list(block: Block, home: str) -> Bound:
    """A contact from an answer to PJSIPShowContacts. Raises ValueError if it is broken."""
    return Bound(
        aor_key(_owner(block.once("ObjectName")), home),
        block.get("Endpoint"),
        _contact(
            block.once("Uri"),
            block.once("ExpirationTime"),
            block.get("UserAgent"),
            _address(block.get("ViaAddr"), block.get("ViaPort")),
        ),
    )


def of_status_detail(block: Block, home: str) -> Bound:
    """A contact from a ContactStatusDetail, of a list or of one endpoint. Raises ValueError if it is broken."""
    return Bound(
        aor_key(block.once("AOR"), home),
        block.get("EndpointName"),
        _contact(block.once("URI"), block.once("RegExpire"), block.get("UserAgent"), block.get("ViaAddress")),
    )


READERS = {
    "DBGetTreeResponse": of_database,
    "ContactList": of_contact_list,
    "ContactStatusDetail": of_status_detail,
}
"""How to read each kind of event that carries a contact."""


def _owner(identity: str) -> str:
    """The address-of-record in a contact's identity `<aor>;@<hash>`; it may hold a ``;@`` itself."""
    aor, mark, _hash = identity.rpartition(";@")
    if not mark:
        raise ValueError("an identity without an owner")
    return aor


def _contact(uri: str, expires: str, user_agent: str, via: str) -> Contact:
    if not uri or not expires.isascii() or not expires.isdigit() or len(expires) > len(str(_LAST_SECOND)):
        raise ValueError("a contact without URI or expiry")
    return Contact(
        uri=clean(uri),
        source=clean(via) or None,
        transport=_transport(uri),
        user_agent=clean(user_agent) or None,
        # 0 stands in contacts of the configuration, which no phone registered: they have ended by any clock.
        expires_at=datetime.fromtimestamp(min(int(expires), _LAST_SECOND), UTC),
    )


def _address(host: str, port: str) -> str:
    if not host:
        return ""
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{shown}:{port}" if port and port != "0" else shown


def _transport(uri: str) -> str | None:
    """What the URI says; Asterisk says nothing of it elsewhere."""
    for parameter in uri.lower().split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name == "transport" and value in _TRANSPORTS:
            return value
    return "tls" if uri.lower().startswith("sips:") else None


@dataclass(slots=True, repr=False)
class Listed:
    """The contacts of a whole list, and the records that could not be read. Not shown by repr, like `Block`."""

    bound: list[Bound] = field(default_factory=list)
    unread: list[bytes] = field(default_factory=list)

    def unread_of(self, aor: str) -> bool:
        """Whether a record that could not be read may be of this line."""
        user = aor.partition("@")[0]
        return any(user in raw.decode("utf-8", "replace").lower() for raw in self.unread)

    def lines(self, now: datetime) -> dict[str, Registration]:
        """The lines that have a contact at `now`, each once."""
        contacts: dict[str, list[Contact]] = {}
        for item in self.bound:
            if item.contact.current(now):
                contacts.setdefault(item.aor, []).append(item.contact)
        return {aor: Registration(aor, tuple(of_line)) for aor, of_line in contacts.items()}

    def aliases(self, home: str) -> dict[str, frozenset[str]]:
        """The lines of each endpoint that is not named like its line."""
        found: dict[str, set[str]] = {}
        for item in self.bound:
            endpoint = key_or_none(item.endpoint, home)
            if endpoint is not None:
                found.setdefault(endpoint, set()).add(item.aor)
        return {endpoint: frozenset(aors) for endpoint, aors in found.items() if aors != {endpoint}}


def key_or_none(text: str, home: str) -> str | None:
    """The line's key, None where `text` names no line."""
    try:
        return aor_key(text, home)
    except ValueError:
        return None


def read_list(raws: Iterable[bytes], home: str) -> Listed:
    """The contacts in the messages of a list; one broken message spoils no other."""
    listed = Listed()
    for raw in raws:
        block = Block.of(raw)
        try:
            listed.bound.append(READERS[block.once("Event")](block, home))
        except (ValueError, KeyError, RecursionError):
            listed.unread.append(raw)
    return listed


def has_aor(raws: Iterable[bytes], aor: str, home: str) -> bool:
    """Whether the answer to PJSIPShowEndpoint names this line among the endpoint's."""
    blocks = (Block.of(raw) for raw in raws if is_event(raw, "AorDetail"))
    return any(key_or_none(block.get("ObjectName"), home) == aor for block in blocks)
