"""Kamailio 5.6.3's JSON-RPC over the registrar's state: the same methods, key order, numbers and errors."""

import json
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from demo.registrar.bindings import DEFAULT_EXPIRES, MAX_CONTACTS, Binding
from demo.registrar.registrar import Registrar

VERSION = "kamailio 5.6.3 (x86_64/linux) "
_SLOTS = 16_384
_TABLE_SLOTS = 4096
_NOT_SET = "[not set]"
_KEPT = 86_400
"""Seconds that Kamailio's include file keeps an entry of an htable."""


class FaultError(Exception):
    """An RPC error: at Kamailio the HTTP status and reason are the same."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Answer:
    """The HTTP status line and the body."""

    status: int
    reason: str
    body: bytes


class Rpc:
    """The management interface of one registrar listening at `socket` (``udp:host:port``) since `started`."""

    def __init__(self, registrar: Registrar, socket: str, started: float) -> None:
        self._registrar = registrar
        self._socket = socket
        self._started = int(started)
        self._methods: dict[str, Callable[[list[Any], int], Any]] = {
            "core.uptime": self._uptime,
            "core.version": lambda _params, _now: VERSION,
            "htable.dump": self._htable_dump,
            "htable.get": self._htable_get,
            "htable.stats": self._htable_stats,
            "stats.get_statistics": self._statistics,
            "system.listMethods": lambda _params, _now: sorted(self._methods),
            "ul.dump": self._dump,
            "ul.lookup": self._lookup,
        }

    def answer(self, body: bytes, now: float) -> Answer | None:
        """What a POST gets; None, as at Kamailio, for a body that is no JSON: the client waits in vain."""
        try:
            asked = json.loads(body.decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            return None
        if not isinstance(asked, dict):
            return _answer(200, "OK", {"jsonrpc": "2.0", "result": {}})
        identity = _identity(asked)
        if asked.get("jsonrpc") != "2.0":
            return _answer(200, "OK", {"jsonrpc": "2.0", "result": {}} | identity)
        try:
            result = self._call(asked.get("method"), asked.get("params"), int(now))
        except FaultError as fault:
            error = {"code": fault.code, "message": fault.message}
            return _answer(fault.code, fault.message, {"jsonrpc": "2.0", "error": error} | identity)
        return _answer(200, "OK", {"jsonrpc": "2.0", "result": result} | identity)

    def _call(self, method: Any, params: Any, now: int) -> Any:
        called = self._methods.get(method) if isinstance(method, str) else None
        if called is None:
            raise FaultError(500, "Method Not Found")
        if isinstance(params, dict):  # Kamailio ignores the names: the order counts
            params = list(params.values())
        return called(params if isinstance(params, list) else [], now)

    def _uptime(self, _params: list[Any], now: int) -> Any:
        return {"now": _ctime(now), "up_since": _ctime(self._started), "uptime": now - self._started}

    def _dump(self, params: list[Any], now: int) -> Any:
        lines = list(self._registrar.bindings.lines())
        if params[:1] == ["brief"]:
            aors: list[Any] = [{"AoR": aor} for aor, _ in lines]
        else:
            aors = [{"Info": {"AoR": aor, "HashID": _hash(aor)} | self._contacts(found, now)} for aor, found in lines]
        slots = Counter(_hash(aor) % _SLOTS for aor, _ in lines)
        stats = {"Records": len(lines), "Max-Slots": max(slots.values(), default=0)}
        return {"Domains": [{"Domain": {"Domain": "location", "Size": _SLOTS, "AoRs": aors, "Stats": stats}}]}

    def _lookup(self, params: list[Any], now: int) -> Any:
        table, aor = _strings(params, 2, "Not enough parameters (table and AOR to lookup)")
        if table != "location":
            raise FaultError(500, "Domain table not found")
        user = aor.partition("@")[0].lower()
        if not self._registrar.bindings.knows(user):
            raise FaultError(500, "AOR not found in location table")
        found = self._registrar.bindings.current(user, now)
        if not found:
            raise FaultError(500, "AOR has no contacts")
        return {"AoR": user} | self._contacts(found, now)

    def _contacts(self, found: list[Binding], now: int) -> dict[str, Any]:
        return {"Contacts": [{"Contact": _contact(binding, self._socket, now)} for binding in found]}

    def _statistics(self, params: list[Any], now: int) -> Any:
        wanted = [param for param in params if isinstance(param, str)]
        if not wanted:
            raise FaultError(400, "Please provide which stats to retrieve")
        known = self._known_statistics(now)
        return [f"{name} = {value}" for asked in wanted for name, value in known.items() if _is_asked(name, asked)]

    def _known_statistics(self, now: int) -> dict[str, int]:
        lines = list(self._registrar.bindings.lines())
        return {
            "registrar:accepted_regs": self._registrar.accepted,
            "registrar:default_expire": DEFAULT_EXPIRES,
            "registrar:default_expires_range": 0,
            "registrar:expires_range": 0,
            "registrar:max_contacts": MAX_CONTACTS,
            "registrar:max_expires": 0,
            "registrar:rejected_regs": self._registrar.rejected,
            "usrloc:location_contacts": sum(binding.current(now) for _, found in lines for binding in found),
            "usrloc:location_expires": self._registrar.bindings.expired,
            "usrloc:location_users": len(lines),
            "usrloc:registered_users": len(lines),
        }

    def _htable_dump(self, params: list[Any], _now: int) -> Any:
        (name,) = _strings(params, 1, "No htable name given")
        slots: dict[int, list[dict[str, str]]] = {}
        for key, value in self._table(name).items():
            slot = slots.setdefault(_hash(key) % _TABLE_SLOTS, [])
            slot.append({"name": key, "value": value, "type": "str"})
        return [{"entry": entry, "size": len(slot), "slot": slot} for entry, slot in sorted(slots.items())]

    def _htable_get(self, params: list[Any], _now: int) -> Any:
        name, key = _strings(params, 2, "Not enough parameters (htable name and key name)")
        value = self._table(name).get(key)
        if value is None:
            raise FaultError(500, "Key name doesn't exist in htable.")
        ends = time.localtime(int(value.partition("|")[0]) + _KEPT)
        return {"item": {"name": key, "value": value, "flags": 2, "expire": time.strftime("%Y-%m-%d %H:%M:%S", ends)}}

    def _htable_stats(self, _params: list[Any], _now: int) -> Any:
        told = []
        for name, table in self._registrar.tables.items():
            slots = Counter(_hash(key) % _TABLE_SLOTS for key in table.items)
            least = min(slots.values(), default=0) if len(slots) == _TABLE_SLOTS else 0
            most = max(slots.values(), default=0)
            told.append({"name": name, "slots": _TABLE_SLOTS, "all": len(table.items), "min": least, "max": most})
        return told

    def _table(self, name: str) -> dict[str, str]:
        table = self._registrar.tables.get(name)
        if table is None:
            raise FaultError(500, "No such htable")
        return table.items


def encode(value: Any) -> str:
    """JSON as Kamailio writes it: no blanks, raw characters, six decimals for what is no whole number."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode(key)}:{encode(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(encode(item) for item in value) + "]"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.6f}"
    return json.dumps(value, ensure_ascii=False)


def _answer(status: int, reason: str, value: Any) -> Answer:
    return Answer(status, reason, encode(value).encode("utf-8", "surrogateescape"))


def _identity(asked: dict[str, Any]) -> dict[str, Any]:
    """The id to give back, where there is one that can be written."""
    identity = asked.get("id")
    fit = isinstance(identity, int) or (isinstance(identity, str) and identity.isprintable())
    return {"id": identity} if fit else {}


def _contact(binding: Binding, socket: str, now: int) -> dict[str, Any]:
    contact, origin = binding.contact, binding.origin
    return {
        "Address": contact.uri,
        "Expires": binding.expires_at - now if binding.current(now) else "expired",
        "Q": -1 if contact.q is None else contact.q,
        "Call-ID": origin.call_id,
        "CSeq": origin.cseq,
        "User-Agent": origin.user_agent or "n/a",
        "Received": origin.received or _NOT_SET,
        "Path": origin.path or _NOT_SET,
        "State": "CS_NEW",
        "Flags": 0,
        "CFlags": 0,
        "Socket": socket,
        "Methods": origin.methods,
        "Ruid": binding.ruid,
        "Instance": contact.instance or _NOT_SET,
        "Reg-Id": contact.reg_id,
        "Server-Id": 0,
        "Tcpconn-Id": -1,
        "Keepalive": 0,
        "Last-Keepalive": binding.modified_at,
        "KA-Roundtrip": 0,
        "Last-Modified": binding.modified_at,
    }


def _strings(params: list[Any], count: int, complaint: str) -> list[str]:
    strings = params[:count]
    if len(strings) < count or not all(isinstance(param, str) for param in strings):
        raise FaultError(500, complaint)
    return strings


def _is_asked(name: str, asked: str) -> bool:
    """`all`, a group as in ``usrloc:``, or one statistic without its group."""
    return asked == "all" or (name.startswith(asked) if asked.endswith(":") else name.partition(":")[2] == asked)


def _hash(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogateescape"))


def _ctime(epoch: int) -> str:
    return time.ctime(epoch)
