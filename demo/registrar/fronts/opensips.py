"""OpenSIPS: MI over HTTP, and events as datagrams to whoever subscribed."""

import asyncio
import base64
import contextlib
import socket
from email.utils import formatdate
from typing import Any

from demo.registrar.bindings import Binding
from demo.registrar.contacts import Address
from demo.registrar.digest import FAILURES, Outcome
from demo.registrar.fronts.base import Site
from demo.registrar.happenings import Attempt, Change, Happening
from demo.registrar.http import HttpRequest, read_request
from demo.registrar.mi import TABLE, Mi, encode, user_agent
from demo.registrar.registrar import Registrar

_CONTACT_EVENTS = {
    Change.CAME: "E_UL_CONTACT_INSERT",
    Change.REFRESHED: "E_UL_CONTACT_UPDATE",
    Change.LEFT: "E_UL_CONTACT_DELETE",
    Change.EXPIRED: "E_UL_CONTACT_DELETE",
}
_CODES = {Outcome.UNKNOWN_USER: -1, Outcome.WRONG_PASSWORD: -2, Outcome.ERROR: -5, Outcome.USER_MISMATCH: -10}


class OpensipsFront:
    """base.Front. Whoever manages authenticates by HTTP Basic."""

    def __init__(self, registrar: Registrar, site: Site) -> None:
        self._registrar = registrar
        self._site = site
        self._mi = Mi(registrar, site.realm, site.socket, site.started, self._subscribe)
        self._subscribers: dict[tuple[str, Address], float] = {}
        self._events = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._events.setblocking(False)  # noqa: FBT003 - the method's only argument

    def tell(self, happening: Happening) -> None:
        """See base.Front."""
        if isinstance(happening, Attempt):
            if happening.verdict.outcome in FAILURES:
                self._send("E_SIP_AUTH_FAILED", _failure(happening, self._site.realm), happening.at)
            return
        bindings = self._registrar.bindings
        line = {"domain": TABLE, "aor": f"{happening.aor}@{self._site.realm}"}
        if happening.change is Change.CAME and bindings.current(happening.aor, int(happening.at)) == [
            happening.binding
        ]:
            self._send("E_UL_AOR_INSERT", line, happening.at)
        self._send(
            _CONTACT_EVENTS[happening.change], line | _binding(happening.binding, self._site.socket), happening.at
        )
        if happening.change in (Change.LEFT, Change.EXPIRED) and not bindings.knows(happening.aor):
            self._send("E_UL_AOR_DELETE", line, happening.at)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """See base.Front. An answer other than 200 has no end, as at OpenSIPS."""
        while True:
            request = await read_request(reader)
            if not request.headers.get("content-type", "").startswith("application/json"):
                return
            writer.write(self._response(request))
            await writer.drain()

    def close(self) -> None:
        """See base.Front."""
        self._events.close()

    def _response(self, request: HttpRequest) -> bytes:
        now = self._site.clock()
        if not self._admitted(request.headers.get("authorization", "")):
            challenge = 'WWW-Authenticate: Basic realm="OpenSIPS MI"\r\n'
            return _http("401 Unauthorized", now, b"", extra=challenge)
        if not request.path.startswith("/mi"):
            return _http("400 Bad Request", now, b"<html><body>Unable to parse URL!</body></html>", kind="text/html")
        if request.method != "POST":
            return _http("405 Method Not Allowed", now, None)
        answer = self._mi.answer(request.body, now)
        return _http("202 Accepted", now, None) if answer is None else _http("200 OK", now, answer)

    def _admitted(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return False
        return scheme.lower() == "basic" and user == self._site.user and self._site.admits(password)

    def _subscribe(self, event: str, address: Address, seconds: int) -> None:
        self._subscribers.pop((event, address), None)
        if seconds > 0:
            self._subscribers[event, address] = self._site.clock() + seconds

    def _send(self, event: str, params: dict[str, Any], now: float) -> None:
        datagram = encode({"jsonrpc": "2.0", "method": event, "params": params})
        for (name, address), until in list(self._subscribers.items()):
            if until <= now:
                del self._subscribers[name, address]
            elif name == event:
                # A datagram that cannot be sent is lost, as it would be on the way.
                with contextlib.suppress(OSError):
                    self._events.sendto(datagram, address)


def _binding(binding: Binding, socket_name: str) -> dict[str, Any]:
    origin = binding.origin
    return {
        "uri": binding.contact.uri,
        "received": origin.received,
        "path": origin.path,
        "qval": -1 if binding.contact.q is None else binding.contact.q,
        "user_agent": user_agent(binding),
        "socket": socket_name,
        "bflags": 0,
        "expires": binding.expires_at,
        "callid": origin.call_id,
        "cseq": origin.cseq,
        "attr": "",
        "latency": 0,
        "shtag": "",
    }


def _failure(attempt: Attempt, realm: str) -> dict[str, Any]:
    """What the script tells of a failure, its last field first."""
    headers, (host, port) = attempt.request.headers, attempt.source
    return {
        "time": int(attempt.at),
        "reason": str(attempt.verdict.outcome),
        "code": _CODES[attempt.verdict.outcome],
        "callid": headers.first("call-id") or "",
        "user_agent": headers.first("user-agent") or "<null>",
        "proto": "udp",
        "source_port": port,
        "source_ip": host,
        "aor": f"{attempt.user}@{realm}",
        "realm": realm,
        "user": attempt.verdict.user,
    }


def _http(status: str, now: float, body: bytes | None, *, kind: str = "application/json", extra: str = "") -> bytes:
    """An answer; one whose body is None promises a body and never sends it."""
    length = "Transfer-Encoding: chunked" if body is None else f"Content-Length: {len(body)}"
    head = (
        f"HTTP/1.1 {status}\r\nDate: {formatdate(now, usegmt=True)}\r\n{extra}Content-Type: {kind}\r\n{length}\r\n\r\n"
    )
    return head.encode() + (body or b"")
