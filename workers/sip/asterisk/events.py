"""Asterisk's events that concern registrations, believed only in the exact shape that Asterisk gives them.

Any stranger can write line ends into these events: the user of a From header is copied into them as it is, 36 bytes of
it. A message that has a header too many or too few, or in another place, is therefore not believed at all.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from app.domain.registration import AuthFailure, FailureReason
from app.domain.text import clean
from workers.sip.asterisk.parse import Block, key_or_none
from workers.sip.base import Event, LineChanged

_PREAMBLE = ("Event", "Privilege")
# manager.conf and asterisk.conf can add these, each group as a whole and in this order.
_ADDITIONS = (("Timestamp",), ("SequenceNumber", "File", "Line", "Func"), ("SystemName",))
_SECURITY = (
    "EventTV",
    "Severity",
    "Service",
    "EventVersion",
    "AccountID",
    "SessionID",
    "LocalAddress",
    "RemoteAddress",
)
_SHAPES = {
    "ContactStatus": ("URI", "ContactStatus", "AOR", "EndpointName", "RoundtripUsec"),
    "SuccessfulAuth": (*_SECURITY, "UsingPassword"),
    "ChallengeResponseFailed": (*_SECURITY, "Challenge", "Response", "ExpectedResponse"),
    "InvalidAccountID": _SECURITY,
    "FailedACL": (*_SECURITY, "ACLName"),
    "RequestNotSupported": (*_SECURITY, "RequestType"),
}
_REGISTRAR = "registrar_"
_TOO_MANY = "registrar_attempt_exceeds_maximum_configured_contacts"
_OTHER_AOR = "registrar_requested_aor_not_found"
# What an OPTIONS of Asterisk found out is about the way to the phone, not about its registration.
_REACHABILITY = frozenset(("Reachable", "Unreachable"))
# Logins to the manager are told by the same events.
_SERVICE = "PJSIP"
# Stands for whoever Asterisk could not identify; InvalidAccountID or FailedACL names him.
_NOBODY = "<unknown>"

Aliases = Mapping[str, frozenset[str]]
"""The lines of endpoints that are not named like their line, by the endpoint's key."""


class ForgedError(ValueError):
    """A message that Asterisk did not write like this."""


def read_event(block: Block, *, home: str, aliases: Aliases, now: datetime) -> list[Event]:
    """What an event says of lines; nothing where it says nothing of them. Raises ForgedError."""
    name = block.get("Event")
    shape = _SHAPES.get(name)
    if block.names[: len(_PREAMBLE)] != _PREAMBLE:
        raise ForgedError("no event, but a piece of one")
    if shape is None or (name != "ContactStatus" and block.get("Service") != _SERVICE):
        return []
    _refuse_other_shape(block, shape)
    if name == "ContactStatus":
        if block.get("ContactStatus") in _REACHABILITY:
            return []
        return [LineChanged(_line(block.get("AOR"), home), now)]
    return _security(name, block, home, aliases)


def _refuse_other_shape(block: Block, shape: tuple[str, ...]) -> None:
    names = block.names[len(_PREAMBLE) :]
    for addition in _ADDITIONS:
        if names[: len(addition)] == addition:
            names = names[len(addition) :]
    if names != shape:
        raise ForgedError("an event in another shape")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for _name, value in block.headers for character in value):
        raise ForgedError("an event with control characters")


def _security(name: str, block: Block, home: str, aliases: Aliases) -> list[Event]:
    account = block.get("AccountID")
    if account == _NOBODY:
        return []
    key = _line(account, home)
    lines = sorted(aliases.get(key, frozenset((key,))))
    at = _time(block.get("EventTV"))
    if name == "SuccessfulAuth":
        return [LineChanged(line, at) for line in lines]
    reason, source = _reason(name, block), _source(block.get("RemoteAddress"))
    return [AuthFailure(line, reason, at, source) for line in lines]


def _reason(name: str, block: Block) -> FailureReason:
    if name == "ChallengeResponseFailed":
        return FailureReason.WRONG_PASSWORD
    if name == "InvalidAccountID":
        return FailureReason.UNKNOWN_USER
    if name == "FailedACL":
        return _reason_of_list(block.get("ACLName"))
    return FailureReason.USER_MISMATCH if block.get("RequestType") == _OTHER_AOR else FailureReason.OTHER


def _reason_of_list(name: str) -> FailureReason:
    """The registrar gives its own refusals, with which no access list has to do, the name of one."""
    if name == _TOO_MANY:
        return FailureReason.TOO_MANY_CONTACTS
    return FailureReason.OTHER if name.startswith(_REGISTRAR) else FailureReason.ADDRESS_REFUSED


def _line(text: str, home: str) -> str:
    key = key_or_none(text, home)
    if key is None:
        raise ForgedError("no address-of-record")
    return key


def _time(text: str) -> datetime:
    """The server's local time; its offset is written behind it."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ForgedError("an event without its time") from None


def _source(address: str) -> str | None:
    """host:port of ``IPV4/UDP/127.0.0.1/5301``."""
    parts = address.split("/")
    if len(parts) != 4:
        return None
    _family, _transport, host, port = parts
    return clean(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
