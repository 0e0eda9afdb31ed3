"""OpenSIPS 4's management interface (MI) over the registrar's state: its methods, key order, numbers and errors."""

import json
import time
import zlib
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from demo.registrar.bindings import DEFAULT_EXPIRES, MAX_CONTACTS, Binding
from demo.registrar.contacts import Address
from demo.registrar.registrar import Registrar
from demo.registrar.sip import SipParseError, split_host_port

VERSION = "OpenSIPS (4.0.1 (x86_64/linux))"
TABLE = "location"
LONG_AGENT = 255
"""A user agent of so many bytes counts as none."""
EVENTS = (
    *("E_UL_AOR_INSERT", "E_UL_AOR_DELETE", "E_UL_CONTACT_INSERT", "E_UL_CONTACT_UPDATE", "E_UL_CONTACT_DELETE"),
    "E_SIP_AUTH_FAILED",
)
SUBSCRIBED = 3600
"""Seconds that a subscription holds where none are asked for."""
_HASH_SIZE = 512
_LARGEST_ID = 2**31 - 1
_OLD_NAMES = {
    "get_statistics": "statistics:get",
    "uptime": "core:uptime",
    "version": "core:version",
    "which": "core:which",
    "event_subscribe": "evi:subscribe",
    "events_list": "evi:list",
    "cache_fetch_chunk": "cachedb_local:fetch_chunk",
    "ul_dump": "usrloc:dump",
    "ul_show_contact": "usrloc:show_contact",
}

Params = dict[str, Any]
Subscribe = Callable[[str, Address, int], None]
"""Let the address have the events of this name for so many seconds, or no longer for 0."""


class RefusedError(Exception):
    """A JSON-RPC error; over HTTP its status is 200 all the same."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.error: dict[str, Any] = {"code": code, "message": message} | ({"data": data} if data else {})


class Mi:
    """The commands over one registrar of the domain `realm`, which uses domains, listening at `socket`."""

    def __init__(self, registrar: Registrar, realm: str, socket: str, started: float, subscribe: Subscribe) -> None:
        self._registrar = registrar
        self._realm = realm
        self._socket = socket
        self._started = int(started)
        self._subscribe = subscribe
        self._commands: dict[str, tuple[tuple[str, ...], Callable[[Params, int], Any]]] = {
            "statistics:get": (("statistics",), self._statistics),
            "core:uptime": ((), self._uptime),
            "core:version": ((), lambda _params, _now: {"Server": VERSION}),
            "core:which": ((), lambda _params, _now: list(self._commands)),
            "evi:subscribe": (("event", "socket", "expire"), self._event_subscribe),
            "evi:list": ((), lambda _params, _now: _events()),
            "cachedb_local:fetch_chunk": (("glob",), self._fetch_chunk),
            "usrloc:dump": (("brief",), self._dump),
            "usrloc:show_contact": (("table_name", "aor"), self._show_contact),
        }

    def answer(self, body: bytes, now: float) -> bytes | None:
        """The body of the answer; None for a call without an id, which gets none."""
        identity: Any = None
        try:
            try:
                asked = json.loads(body.decode("utf-8", "surrogateescape"))
            except (ValueError, RecursionError):
                raise RefusedError(-32700, "Parse error") from None
            if isinstance(asked, dict) and "id" not in asked:
                return None
            identity = _identity(asked)
            outcome = {"result": self._call(asked, int(now))}
        except RefusedError as refused:
            outcome = {"error": refused.error}
        return encode({"jsonrpc": "2.0"} | outcome | {"id": identity})

    def _call(self, asked: Any, now: int) -> Any:
        if not isinstance(asked, dict) or asked.get("jsonrpc") != "2.0":
            raise RefusedError(-32600, "Invalid Request")
        method = asked.get("method")
        command = self._commands.get(_OLD_NAMES.get(method, method)) if isinstance(method, str) else None
        if command is None:
            raise RefusedError(-32601, "Method not found")
        names, call = command
        return call(_named(asked.get("params"), names), now)

    def _uptime(self, _params: Params, now: int) -> Any:
        return {
            "Now": time.ctime(now),
            "Up since": time.ctime(self._started),
            "Up time": f"{now - self._started} [sec]",
        }

    def _statistics(self, params: Params, _now: int) -> Any:
        asked = params.get("statistics")
        if not isinstance(asked, list):
            raise RefusedError(-32602, "Invalid params", "Too few or too many parameters")
        known = self._known_statistics()
        wanted = [name for name in asked if isinstance(name, str)]
        return {name: count for one in wanted for name, count in known.items() if _is_asked(name, one)}

    def _known_statistics(self) -> dict[str, int]:
        lines = list(self._registrar.bindings.lines())
        return {
            "usrloc:registered_users": len(lines),
            f"usrloc:{TABLE}-users": len(lines),
            f"usrloc:{TABLE}-contacts": sum(len(found) for _, found in lines),
            f"usrloc:{TABLE}-expires": self._registrar.bindings.expired,
            "registrar:max_expires": 0,
            "registrar:max_contacts": MAX_CONTACTS,
            "registrar:default_expire": DEFAULT_EXPIRES,
            "registrar:accepted_regs": self._registrar.accepted,
            "registrar:rejected_regs": self._registrar.rejected,
        }

    def _dump(self, params: Params, now: int) -> Any:
        brief = params.get("brief", 0)
        if not isinstance(brief, int):
            raise RefusedError(-32602, "Invalid params", "Bad type for parameter 'brief'")
        aors = [self._line(user, [] if brief else found, now) for user, found in self._registrar.bindings.lines()]
        listed = [{"AOR": line["AOR"]} for line in aors] if brief else aors
        return {"Domains": [{"name": TABLE, "hash_size": _HASH_SIZE, "AORs": listed}]}

    def _show_contact(self, params: Params, now: int) -> Any:
        if len(params) < 2:
            raise RefusedError(-32602, "Invalid params", "Too few or too many parameters")
        user, at, domain = str(params["aor"]).partition("@")
        if params["table_name"] != TABLE:
            raise RefusedError(404, "Table not found")
        if not at:
            raise RefusedError(400, "Domain missing in AOR")
        found = dict(self._registrar.bindings.lines()).get(user) if domain == self._realm else None
        if found is None:
            raise RefusedError(404, "AOR not found")
        return self._line(user, found, now)

    def _line(self, user: str, found: list[Binding], now: int) -> dict[str, Any]:
        contacts = [_contact(binding, self._socket, now) for binding in found]
        return {"AOR": f"{user}@{self._realm}", "Contacts": contacts}

    def _event_subscribe(self, params: Params, _now: int) -> Any:
        name, socket = params.get("event"), str(params.get("socket"))
        transport, _, place = socket.partition(":")
        try:
            host, port = split_host_port(place, 0)
        except SipParseError:
            host, port = "", 0
        expire = params.get("expire", SUBSCRIBED)
        if name not in EVENTS or transport != "udp" or not host or not port or not isinstance(expire, int):
            raise RefusedError(400, "Bad parameter value")
        self._subscribe(str(name), (host, port), expire)
        return "OK"

    def _fetch_chunk(self, params: Params, _now: int) -> Any:
        entries = _cache({name: table.items for name, table in self._registrar.tables.items()})
        wanted = str(params.get("glob", ""))
        return {"keys": [{"name": key, "value": value} for key, value in entries.items() if fnmatchcase(key, wanted)]}


def encode(value: Any) -> bytes:
    """JSON as OpenSIPS writes it: no blanks, and a phone's bytes as they came."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")


def user_agent(binding: Binding) -> str:
    """What a phone calls itself, as OpenSIPS keeps it."""
    agent = binding.origin.user_agent or ""
    return agent if 0 < len(agent.encode("utf-8", "surrogateescape")) < LONG_AGENT else "n/a"


def _named(params: Any, names: tuple[str, ...]) -> Params:
    """Parameters by name, whether they came by name or in order. Raises RefusedError for others."""
    if params is None:
        return {}
    if isinstance(params, list) and len(params) <= len(names):
        return dict(zip(names, params, strict=False))
    if not isinstance(params, dict):
        raise RefusedError(-32602, "Invalid params", "Too few or too many parameters")
    if not set(params) <= set(names):
        raise RefusedError(-32602, "Invalid params", "Named parameters do not match")
    return params


def _is_asked(name: str, asked: str) -> bool:
    """A group as in ``usrloc:``, or one statistic without its group."""
    return name.startswith(asked) if asked.endswith(":") else name.partition(":")[2] == asked


def _identity(asked: Any) -> Any:
    identity = asked.get("id") if isinstance(asked, dict) else None
    if isinstance(identity, int):
        return min(identity, _LARGEST_ID)
    return identity if isinstance(identity, str) else None


def _events() -> dict[str, Any]:
    return {"Events": [{"name": name, "id": number} for number, name in enumerate(EVENTS)]}


def _cache(tables: dict[str, Any]) -> dict[str, str]:
    """The failures and successes as the script of an OpenSIPS keeps them in its cache."""
    entries = {}
    for source, value in tables["authscan"].items():
        at, reason, _, key, agent = value.split("|", 4)
        entries[f"authscan_{source}"] = f"{at}|{reason}|{key}|{agent}"
    for name in ("authfail", "authok"):
        for key, value in tables[name].items():
            entries[f"{name}_{key}"] = value.replace("|udp:", "|", 1)
    return entries


def _contact(binding: Binding, socket: str, now: int) -> dict[str, Any]:
    contact, origin = binding.contact, binding.origin
    received = {"Received": origin.received} if origin.received else {}
    path = {"Path": origin.path} if origin.path else {}
    instance = {"SIP_instance": contact.instance} if contact.instance else {}
    return {
        "Contact": contact.uri,
        "ContactID": str(zlib.crc32(binding.ruid.encode()) << 20),
        "Expires": binding.expires_at - now if binding.current(now) else "expired",
        "Q": "" if contact.q is None else f"{contact.q:g}",
        "Callid": origin.call_id,
        "Cseq": origin.cseq,
        "User-agent": user_agent(binding),
        **received,
        **path,
        "State": "CS_NEW",
        "Flags": 0,
        "Cflags": "",
        "Socket": socket,
        "Methods": origin.methods,
        **instance,
    }
