"""The blocks that Asterisk 22's manager interface (AMI) is made of: one function a shape, headers in their order."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from demo.registrar.bindings import DEFAULT_EXPIRES, MAX_CONTACTS, Binding
from demo.registrar.contacts import Address
from demo.registrar.happenings import sender

END = b"\r\n\r\n"
FAMILY = "registrar/contact"
"""Where Asterisk's own database keeps contacts."""
_LINE_ENDS = str.maketrans("\r\n", "  ")
_STRAY = b"\n"

Headers = Sequence[tuple[str, str]]
Fields = dict[str, str]
"""An action as it was sent."""


def block(headers: Headers) -> bytes:
    """One message. Nobody who chooses a value begins another header with it."""
    lines = (f"{name}: {value}".translate(_LINE_ENDS) for name, value in headers)
    return "\r\n".join(lines).encode("utf-8", "replace") + END


def response(fields: Fields, headers: Headers) -> bytes:
    """An action that succeeded with this one block."""
    return block([("Response", "Success"), *_action_id(fields), *headers])


def error(fields: Fields, message: str, *, stray: bool = False) -> bytes:
    """An action that failed; some of Asterisk's messages end with a line feed of their own."""
    whole = block([("Response", "Error"), *_action_id(fields), ("Message", message)])
    return whole.removesuffix(END) + _STRAY + END if stray else whole


def event(name: str, kind: str, headers: Headers) -> bytes:
    """An event of the class `kind`."""
    return block([("Event", name), ("Privilege", f"{kind},all"), *headers])


def listing(fields: Fields, words: str, items: Iterable[tuple[str, Headers]], complete: str) -> bytes:
    """An action that answers with a list: its beginning, each item as an event, and its end with their number."""
    start = response(fields, [("EventList", "start"), ("Message", words)])
    blocks = [_item(fields, name, headers) for name, headers in items]
    end = [("EventList", "Complete"), ("ListItems", str(len(blocks)))]
    return start + b"".join(blocks) + block([("Event", f"{complete}Complete"), *_action_id(fields), *end])


def _item(fields: Fields, name: str, headers: Headers) -> bytes:
    if name == "DBGetTreeResponse":  # the one kind whose ActionID comes last
        return block([("Event", name), *headers, *_action_id(fields)])
    return block([("Event", name), *_action_id(fields), *headers])


def _action_id(fields: Fields) -> Headers:
    return [("ActionID", fields["ActionID"])] if "ActionID" in fields else []


def local_time(now: float) -> str:
    """The server's local time with its offset, as EventTV has it."""
    local = datetime.fromtimestamp(now).astimezone()
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"


def address(transport: str, peer: Address) -> str:
    """A socket address as the security events have it."""
    return f"{'IPV6' if ':' in peer[0] else 'IPV4'}/{transport}/{peer[0]}/{peer[1]}"


def identity(aor: str, binding: Binding) -> str:
    """What Asterisk calls a contact."""
    uri = binding.contact.uri.encode("utf-8", "surrogateescape")
    return f"{aor};@{hashlib.md5(uri, usedforsecurity=False).hexdigest()}"


def tree_item(aor: str, binding: Binding) -> tuple[str, Headers]:
    """A contact in Asterisk's own database."""
    host, port = sender(binding)
    stored = {
        "via_addr": host,
        "qualify_timeout": "3.000000",
        "qualify_2xx_only": "false",
        "call_id": binding.origin.call_id,
        "reg_server": "",
        "prune_on_boot": "no",
        "path": binding.origin.path or "",
        "endpoint": aor,
        "via_port": str(port),
        "authenticate_qualify": "no",
        "uri": binding.contact.uri,
        "qualify_frequency": "0",
        "user_agent": _agent(binding),
        "expiration_time": str(binding.expires_at),
        "outbound_proxy": "",
    }
    value = json.dumps(stored, ensure_ascii=False, separators=(",", ":"))
    return "DBGetTreeResponse", [("Key", f"/{FAMILY}/{identity(aor, binding)}"), ("Val", value)]


def contact_item(aor: str, binding: Binding) -> tuple[str, Headers]:
    """A contact as PJSIPShowContacts lists it."""
    host, port = sender(binding)
    return "ContactList", [
        *(("ObjectType", "contact"), ("ObjectName", identity(aor, binding)), ("ViaAddr", host)),
        *(("QualifyTimeout", "3.000000"), ("Qualify2xxOnly", "false"), ("CallId", binding.origin.call_id)),
        *(("RegServer", ""), ("PruneOnBoot", "no"), ("Path", binding.origin.path or ""), ("Endpoint", aor)),
        *(("ViaPort", str(port)), ("AuthenticateQualify", "no"), ("Uri", binding.contact.uri)),
        *(("QualifyFrequency", "0"), ("UserAgent", _agent(binding)), ("ExpirationTime", str(binding.expires_at))),
        *(("OutboundProxy", ""), ("Status", "NonQualified"), ("RoundtripUsec", "N/A")),
    ]


def status_item(aor: str, binding: Binding) -> tuple[str, Headers]:
    """A contact with its status, in a list or of one endpoint."""
    host, port = sender(binding)
    return "ContactStatusDetail", [
        *(("AOR", aor), ("URI", binding.contact.uri), ("UserAgent", _agent(binding))),
        *(("RegExpire", str(binding.expires_at)), ("ViaAddress", f"{host}:{port}")),
        *(("CallID", binding.origin.call_id), ("Status", "NonQualified"), ("RoundtripUsec", "N/A")),
        *(("EndpointName", aor), ("ID", identity(aor, binding)), ("AuthenticateQualify", "0"), ("OutboundProxy", "")),
        *(("Path", binding.origin.path or ""), ("QualifyFrequency", "0"), ("QualifyTimeout", "3.000")),
        ("Qualify2xxOnly", "0"),
    ]


def endpoint_item(name: str, state: str) -> tuple[str, Headers]:
    """An endpoint, with the few of its many settings that mean something here."""
    return "EndpointDetail", [
        *(("ObjectType", "endpoint"), ("ObjectName", name), ("Webrtc", "no"), ("Aors", name)),
        *(("IdentifyBy", "username,ip"), ("Context", "default"), ("Transport", ""), ("Auth", name)),
        *(("DeviceState", state), ("ActiveChannels", "0")),
    ]


def aor_item(name: str, found: list[Binding]) -> tuple[str, Headers]:
    """The address-of-record of an endpoint."""
    count = str(len(found))
    return "AorDetail", [
        *(("ObjectType", "aor"), ("ObjectName", name), ("MinimumExpiration", "60")),
        *(("DefaultExpiration", str(DEFAULT_EXPIRES)), ("QualifyTimeout", "3.000000"), ("Qualify2xxOnly", "false")),
        *(("Mailboxes", ""), ("SupportPath", "false"), ("RemoveUnavailable", "false"), ("VoicemailExtension", "")),
        *(("MaxContacts", str(MAX_CONTACTS)), ("AuthenticateQualify", "false")),
        ("Contacts", ",".join(f"{name}/{binding.contact.uri}" for binding in found)),
        *(("MaximumExpiration", "7200"), ("QualifyFrequency", "0"), ("RemoveExisting", "false")),
        *(("OutboundProxy", ""), ("TotalContacts", count), ("ContactsRegistered", count), ("EndpointName", name)),
    ]


def _agent(binding: Binding) -> str:
    """The user agent; Asterisk keeps none that is not UTF-8."""
    agent = binding.origin.user_agent or ""
    return "" if any("\ud800" <= character <= "\udfff" for character in agent) else agent
