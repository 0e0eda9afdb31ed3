"""JSON-RPC by datagrams: a call is one datagram and so is its answer, which may get lost or come twice."""

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from workers.sip.base import Endpoint, Problem, SipError

WINDOW = 8
"""Calls in flight. The server works through them one at a time, and a unix socket may queue no more than ten."""
_RESENDS = 3
_LARGEST = 65536
# Linux tells an unconnected socket of "port unreachable" only when asked (IP_RECVERR, IPV6_RECVERR).
_TELL_ERRORS = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}

_LAST_ID = re.compile(rb',"id":"([0-9a-f-]+)"\}\s*\Z')

Tag = TypeVar("Tag")
Body = Callable[[str], bytes]


class DatagramClient:
    """A socket to udp://host:port or unix:///path.

    The server answers from another socket than the one that it listens on, and so maybe from another address: what
    proves an answer is the unguessable id that it repeats, not its sender.
    Raises SipError: CONFIGURATION, NO_ROUTE, REFUSED, PERMISSION.
    """

    def __init__(self, endpoint: Endpoint, *, window: int = WINDOW) -> None:
        self._window = window
        self._timeout = endpoint.timeout
        self._turn = endpoint.timeout / _RESENDS
        """Seconds after which what has no answer is sent again."""
        self._token = secrets.token_hex(8)
        self._calls = 0
        self._home: str | None = None
        url = urlsplit(endpoint.url)
        self._server: tuple[object, ...] | str
        if url.scheme == "unix":
            self._server = url.path
            self._sock = self._unix(endpoint.options.get("socket_dir"))
        else:
            self._sock, self._server = _udp(url)
        # The kernel minds the time: Python would ask it two questions more for each datagram.
        self._sock.settimeout(None)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(self._turn))
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(self._timeout))

    def each(self, bodies: Iterable[Body], wait: Callable[[int], None]) -> Iterator[bytes | None]:
        """The answer to each call, in their order; None for a call that the server could not answer as one.

        `bodies` make a call's datagram from its id. `wait` is told how many calls come next.
        Raises SipError: TIMEOUT, REFUSED, NO_ROUTE, PERMISSION.
        """
        calls = iter(bodies)
        while window := list(islice(calls, self._window)):
            answers = dict(self.stream(enumerate(window), wait))
            yield from (answers[index] for index in range(len(window)))

    def stream(
        self, calls: Iterable[tuple[Tag, Body]], wait: Callable[[int], None]
    ) -> Iterator[tuple[Tag, bytes | None]]:
        """The same in the order in which the answers come, each with its call's tag; the window is always full."""
        waiting: dict[bytes, tuple[Tag, bytes]] = {}
        rest, nameless = iter(calls), 0
        while True:
            # After an answer that names no call those under way are awaited: it is one of theirs.
            room = 0 if nameless else self._window - len(waiting)
            if 2 * room >= self._window:
                self._begin(list(islice(rest, room)), waiting, wait)
            if not waiting:
                return
            if nameless >= len(waiting):
                yield from self._alone(waiting)
                waiting.clear()
                nameless = 0
                continue
            answer, named = self._await(waiting)
            if named is None:
                nameless += 1
            elif named in waiting:
                yield waiting.pop(named)[0], answer

    def _begin(
        self, calls: list[tuple[Tag, Body]], waiting: dict[bytes, tuple[Tag, bytes]], wait: Callable[[int], None]
    ) -> None:
        """Send some calls, when that may be done."""
        if calls:
            wait(len(calls))
        for tag, body in calls:
            name = self._name()
            datagram = body(name)
            waiting[name.encode()] = tag, datagram
            self._send((datagram,))

    def _await(self, waiting: Mapping[bytes, tuple[object, bytes]]) -> tuple[bytes, bytes | None]:
        """The next datagram of the server, and the id in it. What has no answer by then is sent again, twice."""
        for attempt in range(1, _RESENDS + 1):
            answer = self._receive()
            if answer is not None:
                return answer
            if attempt < _RESENDS:
                self._send(datagram for _, datagram in waiting.values())
        raise SipError(Problem.TIMEOUT, f"{len(waiting)} calls were not answered in time")

    def _alone(self, waiting: Mapping[bytes, tuple[Tag, bytes]]) -> Iterator[tuple[Tag, bytes | None]]:
        """Each call asked alone: an answer without an id is then its own."""
        for name, (tag, datagram) in waiting.items():
            self._send((datagram,))
            answer, named = self._await({name: (tag, datagram)})
            while named not in (None, name):
                answer, named = self._await({name: (tag, datagram)})
            yield tag, None if named is None else answer

    def close(self) -> None:
        """End the socket."""
        self._sock.close()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)

    def _name(self) -> str:
        self._calls += 1
        return f"{self._token}-{self._calls}"

    def _send(self, datagrams: Iterable[bytes]) -> None:
        try:
            for datagram in datagrams:
                self._sock.sendto(datagram, self._server)
        except OSError as error:
            raise _problem(error) from None

    def _receive(self) -> tuple[bytes, bytes | None] | None:
        """The next datagram from the server's host and the id in it, None when there is none in its turn."""
        until = 0.0
        while True:
            try:
                datagram, sender = self._sock.recvfrom(_LARGEST)
            except BlockingIOError:
                return None
            except OSError as error:
                raise _problem(error) from None
            named = _id_of(datagram)
            if named is not None or not isinstance(sender, tuple) or sender[0] == self._server[0]:
                return datagram, named
            # A stranger's: however many come, the turn ends.
            now = time.monotonic()
            until = until or now + self._turn
            if now > until:
                return None

    def _unix(self, folder: str | None) -> socket.socket:
        """A socket that the server can write to: it has another user than we."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._home = tempfile.mkdtemp(prefix="tsunagari-", dir=folder)
            path = Path(self._home) / "mi"
            sock.bind(os.fspath(path))
            Path(self._home).chmod(0o711)
            path.chmod(0o622)
        except OSError as error:
            sock.close()
            raise _problem(error) from None
        return sock


def _timeval(seconds: float) -> bytes:
    """The same as the kernel's structure; nothing at all would mean for ever."""
    whole, rest = divmod(max(seconds, 0.001), 1)
    return struct.pack("ll", int(whole), int(rest * 1_000_000))


def _udp(url: SplitResult) -> tuple[socket.socket, tuple[object, ...]]:
    try:
        port = url.port
    except ValueError:
        port = None
    if url.scheme != "udp" or not url.hostname or port is None:
        raise SipError(Problem.CONFIGURATION, "the URL must be udp://host:port or unix:///path", permanent=True)
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(url.hostname, port, type=socket.SOCK_DGRAM)[0]
    except (OSError, UnicodeError):
        raise SipError(Problem.NO_ROUTE, f"no address for {url.hostname}") from None
    sock = socket.socket(family, kind, protocol)
    with contextlib.suppress(OSError, KeyError):
        sock.setsockopt(*_TELL_ERRORS[family], 1)
    return sock, address


def _id_of(datagram: bytes) -> bytes | None:
    """The id that an answer repeats; None where it is no answer to one call, such as ``500 Internal error``."""
    # Quotes within strings are escaped: what looks like an id at the very end is one.
    if last := _LAST_ID.search(datagram):
        return last[1]
    try:
        answer = json.loads(datagram.decode("utf-8", errors="replace"), strict=False)
    except (ValueError, RecursionError):
        return None
    name = answer.get("id") if isinstance(answer, dict) else None
    return name.encode("utf-8", "replace") if isinstance(name, str) else None


def _problem(error: OSError) -> SipError:
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return SipError(Problem.REFUSED, "nobody listens there")
    if isinstance(error, PermissionError):
        return SipError(Problem.PERMISSION, "the socket is not ours to write to", permanent=True)
    if isinstance(error, TimeoutError | BlockingIOError):
        return SipError(Problem.TIMEOUT, "the server does not read")
    return SipError(Problem.NO_ROUTE, error.strerror or type(error).__name__)
