"""A stand-in for OpenSIPS's management interface: recorded answers over the real transports, byte for byte."""

import contextlib
import json
import socket
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

from tests.support.replay_stream import Manner, Wire
from tests.support.serve import Peer, ScriptedServer

PAYLOADS = Path(__file__).parents[1] / "payloads" / "opensips"
_SHORT = 0.1


def recorded(name: str) -> bytes:
    """A recorded HTTP answer, status line and all."""
    return (PAYLOADS / f"{name}.response.http").read_bytes()


def body(name: str) -> bytes:
    """The body of a recorded answer."""
    return recorded(name).partition(b"\r\n\r\n")[2]


def http(answer: object) -> bytes:
    """`answer` as OpenSIPS sends it over HTTP; bytes are a body as it is."""
    text = answer if isinstance(answer, bytes) else json.dumps(answer, separators=(",", ":")).encode()
    head = "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 05:50:32 GMT\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text


def result(value: object) -> bytes:
    """A whole answer with this result."""
    return http({"jsonrpc": "2.0", "result": value, "id": 1})


def uptime(seconds: int, now: str = "Mon Nov 23 05:50:48 2026") -> bytes:
    """The answer to `uptime`."""
    return result({"Now": now, "Up since": "Mon Nov 23 05:50:24 2026", "Up time": f"{seconds} [sec]"})


def statistics(users: int, contacts: int | None = None, *, accepted: int = 0, expired: int = 0) -> bytes:
    """The answer to `get_statistics` with these counts."""
    return result(
        {
            "usrloc:registered_users": users,
            "usrloc:location-users": users,
            "usrloc:location-contacts": users if contacts is None else contacts,
            "usrloc:location-expires": expired,
            "registrar:accepted_regs": accepted,
        }
    )


@dataclass
class Book:
    """What the server says: answers by command, the last of them again and again, and lines by AoR."""

    answers: dict[str, list[bytes]] = field(default_factory=dict)
    lines: dict[str, bytes] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def usual(cls) -> Self:
        """The answers of a healthy OpenSIPS 3.6.8 with no line."""
        book = cls()
        book.say("uptime", recorded("mi/55-uptime"))
        book.say("get_statistics", recorded("mi/03-get_statistics-usrloc"))
        book.say("version", recorded("mi/42-version"))
        book.say("which", recorded("mi/01-which"))
        book.say("events_list", recorded("mi/44-events_list"))
        book.say("event_subscribe", recorded("events/mi/01-event_subscribe-udp-E_UL_AOR_INSERT"))
        book.say("ul_dump", recorded("mi/02-ul_dump-empty"))
        book.say("cache_fetch_chunk", result({"keys": []}))
        return book

    def say(self, method: str, *responses: bytes) -> None:
        """From now on answer `method` with these, one after the other."""
        self.answers[method] = list(responses)

    def hold(self, name: str, aor: str | None = None) -> None:
        """Let the line of a recorded `ul_show_contact` be registered, under its own AoR or another."""
        response = recorded(name)
        self.lines[aor or json.loads(body(name).decode(errors="replace"))["result"]["AOR"]] = response

    def reply(self, call: dict[str, Any]) -> bytes:
        """The HTTP answer to a call."""
        self.asked.append(call)
        method = call["method"]
        if method == "ul_show_contact" and method not in self.answers:
            return self.lines.get(call["params"]["aor"]) or recorded("mi/12-ul_show_contact-aor-notfound")
        responses = self.answers.get(method) or [recorded("mi/19-unknown-method")]
        return responses.pop(0) if len(responses) > 1 else responses[0]

    def methods(self) -> list[str]:
        """The commands that were asked for so far."""
        return [call["method"] for call in self.asked]


@cache
def _endless(head: bytes) -> bool:
    """Every answer in chunks has a body that never comes."""
    return b"Transfer-Encoding: chunked" in head


class MiHttp:
    """mi_http: keep-alive, and an answer other than 200 hangs as recorded."""

    def __init__(self, book: Book, manner: Manner | None = None) -> None:
        self.book = book
        self.manner = manner or Manner()
        self._server = ScriptedServer(self._serve)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.port}/mi"

    @property
    def accepted(self) -> int:
        """Connections so far."""
        return self._server.accepted

    def _serve(self, peer: Peer) -> None:
        wire = Wire(peer, self.manner)
        while request := peer.request():
            if b"application/json" not in request:
                return
            answer = self.book.reply(json.loads(request.partition(b"\r\n\r\n")[2]))
            if not answer:
                return
            wire.write(answer)
            if _endless(answer.partition(b"\r\n\r\n")[0]):
                peer.hang()

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()


@dataclass
class Losses:
    """What goes wrong with datagrams, by the number of the answer, from 1."""

    lost: frozenset[int] = frozenset()
    twice: frozenset[int] = frozenset()
    held: frozenset[int] = frozenset()
    """Sent only after the next one."""
    silent: bool = False


class MiDatagram:
    """mi_datagram: answers come from another socket than the one that it listens on, as OpenSIPS does it.

    An AoR in `too_large` gets the recorded error that carries no id.
    """

    def __init__(self, book: Book, *, path: Path | None = None, losses: Losses | None = None) -> None:
        self.book = book
        self.too_large: set[str] = set()
        self._path = path
        self._losses = losses or Losses()
        self._sent = 0
        self._held: list[tuple[bytes, Any]] = []
        self.clients: list[Any] = []
        family = socket.AF_INET if path is None else socket.AF_UNIX
        self._rx = socket.socket(family, socket.SOCK_DGRAM)
        self._tx = socket.socket(family, socket.SOCK_DGRAM)
        self._rx.bind(("127.0.0.1", 0) if path is None else str(path))
        self._rx.settimeout(_SHORT)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"unix://{self._path}" if self._path else f"udp://127.0.0.1:{self._rx.getsockname()[1]}"

    def _serve(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                datagram, client = self._rx.recvfrom(65536)
                self.clients.append(client)
                call = json.loads(datagram)
                answer = self.book.reply(call)
                if not self._losses.silent:
                    self._answer(call, answer, client)

    def _answer(self, call: dict[str, Any], answer: bytes, client: Any) -> None:
        text = answer.partition(b"\r\n\r\n")[2].replace(b'"id":1}', b'"id":' + json.dumps(call["id"]).encode() + b"}")
        if (call.get("params") or {}).get("aor") in self.too_large:
            text = (PAYLOADS / "other-transports" / "mi_datagram-ul_dump-too-big.response").read_bytes()
        self._sent += 1
        if self._sent in self._losses.held:
            self._held.append((text, client))
            return
        if self._sent not in self._losses.lost:
            self._tx.sendto(text, client)
        if self._sent in self._losses.twice:
            self._tx.sendto(text, client)
        for late, of_whom in self._held:
            self._tx.sendto(late, of_whom)
        self._held.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5)
        self._rx.close()
        self._tx.close()
