"""FreeSWITCH 1.11's api commands over the registrar's state: the same texts, columns and refusals.

Phones choose some of the bytes, and FreeSWITCH lets a Call-ID through as it came; so does this.
"""

import json
import time
from collections.abc import Callable
from html import escape
from urllib.parse import quote

from demo.registrar.bindings import Binding
from demo.registrar.happenings import sender
from demo.registrar.registrar import Registrar

VERSION = "1.11.1-release"
HOSTNAME = "fs-demo"
PROFILE = "internal"
LATE_MARGIN = 60
"""Seconds that FreeSWITCH adds to every expiry without saying so (sip-expires-late-margin)."""
_COLUMNS = ("reg_user", "realm", "token", "url", "expires", "network_ip", "network_port", "network_proto", "hostname")
_XML = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
_INFO = (
    *(("domain-name", "N/A"), ("auto-nat", "false"), ("db-name", f"sofia_reg_{PROFILE}"), ("pres-hosts", "")),
    *(("dialplan", "XML"), ("context", "default"), ("challenge-realm", "auto_to")),
)
_COUNTERS = ("calls-in", "calls-out", "failed-calls-in", "failed-calls-out")

Line = tuple[str, Binding]


class Api:
    """The api commands of one FreeSWITCH with one profile, whose domain is `realm` and whose SIP socket `address`."""

    def __init__(self, registrar: Registrar, realm: str, address: str, started: float) -> None:
        self._registrar = registrar
        self._realm = realm
        self._address = address
        self._started = started
        self._commands: dict[str, Callable[[list[str], float], str]] = {
            "show": self._show,
            "sofia": self._sofia,
            "status": self._status,
            "strepoch": lambda _words, now: str(int(now)),
            "uptime": lambda _words, now: f"{int(now - self._started)}\n",
            "version": lambda _words, _now: f"FreeSWITCH Version {VERSION}~64bit ( 64bit)\n",
        }

    def answer(self, command: str, now: float) -> bytes:
        """The body of the answer; a refusal is one too."""
        verb, *words = command.split(" ") or [""]
        called = self._commands.get(verb.lower())
        text = f"-ERR {verb} Command not found!\n" if called is None else called(words, now)
        return text.encode("utf-8", "surrogateescape")

    def _status(self, _words: list[str], now: float) -> str:
        up = int(now - self._started)
        days, hours, minutes, seconds = up // 86_400, up // 3600 % 24, up // 60 % 60, up % 60
        since = f"UP 0 years, {days} days, {hours} hours, {minutes} minutes, {seconds} seconds, 0 milliseconds, "
        return f"{since}0 microseconds\nFreeSWITCH (Version {VERSION}  64bit) is ready\n0 session(s) since startup\n"

    def _show(self, words: list[str], _now: float) -> str:
        what, *rest = words or [""]
        if what.lower() != "registrations":
            return "-USAGE: codec|endpoint|application|api|registrations\n"
        lines = self._lines()
        if rest[:1] == ["count"]:
            return f"\n{len(lines)} total.\n"
        rows = [self._row(line) for line in lines]
        match rest:
            case ["as", "json"]:
                return _compact({"row_count": len(rows), "rows": rows}) if rows else '{"row_count": 0}\n'
            case ["as", "delim", delimiter]:
                return _delimited(rows, delimiter.replace("\\t", "\t"))
            case ["as", "csv"] | []:
                return _delimited(rows, ",")
            case ["as", kind, *_]:
                return f"-ERR Cannot find format {kind}\n"
        return _delimited(rows, ",")

    def _row(self, line: Line) -> dict[str, str]:
        user, binding = line
        host, port = sender(binding)
        values = (
            *(user, self._realm, binding.origin.call_id, f"sofia/{PROFILE}/{reachable(user, binding)}"),
            *(str(binding.expires_at + LATE_MARGIN), host, str(port), transport(binding).lower(), HOSTNAME),
        )
        return dict(zip(_COLUMNS, values, strict=True)) | {"metadata": ""}

    def _sofia(self, words: list[str], now: float) -> str:
        match words:
            case ["xmlstatus"]:
                kind = f"<type>profile</type>\n<data>sip:mod_sofia@{self._address}</data>\n<state>RUNNING (0)</state>"
                return f"{_XML}<profiles>\n<profile>\n<name>{PROFILE}</name>\n{kind}\n</profile>\n</profiles>\n"
            case ["xmlstatus", "profile", name, *_] if name != PROFILE:
                return "Invalid Profile!\n"
            case ["xmlstatus", "profile", _]:
                return self._profile()
            case ["xmlstatus", "profile", _, "reg", *text]:
                return self._registrations(lambda line: "".join(text[:1]) in reachable(*line), now)
            case ["xmlstatus", "profile", _, "user", address]:
                user, at, domain = address.partition("@")
                if not at:
                    user, domain = "", address
                return self._registrations(lambda line: user in ("", line[0]) and domain in ("", self._realm), now)
        return "Invalid Syntax!\n"

    def _profile(self) -> str:
        host = self._address.rpartition(":")[0]
        url = f"sip:mod_sofia@{self._address}"
        fields = [
            *(("name", PROFILE), *_INFO, ("rtp-ip", host), ("sip-ip", host), ("url", url)),
            *(("bind-url", f"{url};transport=udp,tcp"), *((name, "0") for name in _COUNTERS)),
            ("registrations", str(len(self._lines()))),
        ]
        info = "".join(f"    <{name}>{value}</{name}>\n" for name, value in fields)
        return f"{_XML}<profile>\n  <profile-info>\n{info}  </profile-info>\n</profile>\n"

    def _registrations(self, wanted: Callable[[Line], bool], now: float) -> str:
        records = "".join(self._record(line, int(now)) for line in self._lines() if wanted(line))
        return f"{_XML}<profile>\n  <registrations>\n{records}  </registrations>\n</profile>\n"

    def _record(self, line: Line, now: int) -> str:
        user, binding = line
        host, port = sender(binding)
        ends = binding.expires_at + LATE_MARGIN
        kind = f"{transport(binding)}-NAT" if behind_nat(binding) else transport(binding)
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ends))
        agent = binding.origin.user_agent
        fields = (
            *(("call-id", binding.origin.call_id), ("user", f"{user}@{self._realm}")),
            *(("contact", escape(contact(user, binding))), ("agent", "unknown" if agent is None else escape(agent))),
            ("status", f"Registered({kind})(unknown) exp({when}) expsecs({ends - now})"),
            *(("ping-status", "Reachable"), ("ping-time", "0.00"), ("host", HOSTNAME)),
            *(("network-ip", host), ("network-port", str(port)), ("sip-auth-user", user)),
            *(("sip-auth-realm", self._realm), ("mwi-account", f"{user}@{self._realm}")),
        )
        told = "".join(f"        <{name}>{value}</{name}>\n" for name, value in fields)
        return f"    <registration>\n{told}    </registration>\n"

    def _lines(self) -> list[Line]:
        """All bindings; expired ones stay listed until they are cleared away."""
        return [(user, binding) for user, found in self._registrar.bindings.lines() for binding in found]


def contact(user: str, binding: Binding) -> str:
    """A Contact as FreeSWITCH stores it, its display name included."""
    return f'"" <{reachable(user, binding)}>'


def reachable(user: str, binding: Binding) -> str:
    """The contact's URI, with the way back that FreeSWITCH adds for a phone behind NAT."""
    uri = binding.contact.uri
    if not behind_nat(binding):
        return uri
    host, port = sender(binding)
    path = quote(f"sip:{user}@{host}:{port}", safe="")
    return f"{uri};fs_nat=yes;fs_path={path}"


def behind_nat(binding: Binding) -> bool:
    """Whether the contact names another host than the one that its REGISTER came from."""
    host = sender(binding)[0]
    shown = f"[{host}]" if ":" in host else host
    authority = binding.contact.uri.partition(":")[2].rpartition("@")[2].partition(";")[0]
    return authority != shown and not authority.startswith(f"{shown}:")


def transport(binding: Binding) -> str:
    """What the Contact says of its transport, which is what FreeSWITCH shows for the real one."""
    lower = binding.contact.uri.lower()
    if lower.startswith("sips:"):
        return "TLS"
    return next((name for name in ("TCP", "TLS") if f";transport={name.lower()}" in lower), "UDP")


def _delimited(rows: list[dict[str, str]], delimiter: str) -> str:
    """Nothing is quoted: a delimiter within a value shifts what follows."""
    lines = [delimiter.join((*_COLUMNS, "metadata")), *(delimiter.join(row.values()) for row in rows)] if rows else []
    return "\n".join((*lines, "", f"{len(rows)} total.", ""))


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
