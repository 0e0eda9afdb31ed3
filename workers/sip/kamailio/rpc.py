"""JSON-RPC as Kamailio speaks it, over HTTP or datagrams."""

import contextlib
import itertools
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import IO, Protocol, Self
from urllib.parse import urlsplit

from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.datagram import Body, DatagramClient, Tag
from workers.sip.http import HttpClient
from workers.sip.kamailio import parse

DATAGRAMS = frozenset(("udp", "unix"))
"""The schemes of a `dgram_socket`."""
REQUEST = 1
"""The id of the question for a table."""

Answer = object | parse.Fault
_ID = "the-id-of-this-call"


class _Way(Protocol):
    def each(self, bodies: Iterable[Body], wait: Callable[[int], None]) -> Iterator[bytes | None]:
        """The answer to each call, in their order; None for one that cannot be told from others."""

    def stream(
        self, calls: Iterable[tuple[Tag, Body]], wait: Callable[[int], None]
    ) -> Iterator[tuple[Tag, bytes | None]]:
        """The same in any order, each with its call's tag."""

    def close(self) -> None:
        """End all connections."""


class Rpc:
    """A way to one server, by its URL's scheme. Raises SipError, and nothing else, for what goes wrong.

    `in_flight` is how many calls of `each` may wait for their answers at the same time.
    """

    def __init__(self, endpoint: Endpoint, *, in_flight: int = 1) -> None:
        self._endpoint = endpoint
        self._way: _Way
        if urlsplit(endpoint.url).scheme in DATAGRAMS:
            self._way = DatagramClient(endpoint, window=in_flight)
        else:
            self._way = _Http(endpoint, in_flight)

    def call(self, method: str, *params: str) -> object:
        """The result of `method`. Raises SipError: a fault of the server's too is one."""
        answer = self.ask(method, *params)
        if isinstance(answer, parse.Fault):
            raise answer.error()
        return answer

    def ask(self, method: str, *params: str) -> Answer:
        """The result of `method`, or the server's fault, which may be the answer that was asked for."""
        (answer,) = self.each(method, [params], lambda _calls: None)
        if answer is None:
            raise SipError(Problem.GARBAGE, "an answer that nobody can read")
        return answer

    def each(
        self, method: str, questions: Iterable[tuple[str, ...]], wait: Callable[[int], None]
    ) -> Iterator[Answer | None]:
        """The answer to the same method with each of many parameters, in their order; None for an unreadable one.

        `wait` is told how many calls come next, and comes back when they may be made.
        """
        names: deque[str] = deque()

        def body(params: tuple[str, ...], name: str) -> bytes:
            names.append(name)
            return _request(method, params, name)

        for answer in self._way.each((partial(body, params) for params in questions), wait):
            yield _read(answer, names.popleft())

    def sweep(
        self, questions: Iterable[tuple[Tag, bytes]], wait: Callable[[int], None]
    ) -> Iterator[tuple[Tag, bytes | None]]:
        """The answers to many calls in any order, each with its call's tag; None for one that names no call.

        `told` reads them: which call an answer belongs to has been looked at.

        A question is a call of `asking` with ``%b`` where its id stands.
        """
        return self._way.stream(((tag, partial(_named, body)) for tag, body in questions), wait)

    def table(self, file: IO[bytes], method: str, *params: str) -> float:
        """Take the answer with a table that may be too large to be in memory; for how many seconds it was awaited.

        It is taken at once and read later: a server that is kept waiting cuts its answer short. `slots` and `mirror`
        read it. Raises SipError: CONFIGURATION where the URL is one for datagrams, which hold no table.
        """
        if not isinstance(self._way, _Http):
            raise SipError(Problem.CONFIGURATION, "tables are read by an http(s) URL only", permanent=True)
        began = time.monotonic()
        body = self._way.take(_request(method, params, REQUEST), file)
        if body is not None:
            answer = parse.answer(body, REQUEST)
            raise answer.error() if isinstance(answer, parse.Fault) else SipError(Problem.GARBAGE, "no table came")
        return time.monotonic() - began

    def close(self) -> None:
        """End all connections."""
        self._way.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def asking(method: str, *params: str) -> bytes:
    """A call for `Rpc.sweep`, whose id is still to be filled in."""
    return _request(method, params, _ID).replace(b"%", b"%%").replace(_ID.encode(), b"%b")


def _named(body: bytes, name: str) -> bytes:
    return body % name.encode()


def told(answer: bytes | None) -> Answer | None:
    """What an answer of `Rpc.sweep` says; None where nobody can read it."""
    try:
        return None if answer is None else parse.told(answer)
    except SipError:
        return None


class _Http:
    """`POST /RPC` over kept connections, as many as calls may be in flight."""

    def __init__(self, endpoint: Endpoint, in_flight: int) -> None:
        self._clients = [HttpClient(endpoint) for _ in range(in_flight)]
        self._ids = itertools.count(1)

    def each(self, bodies: Iterable[Body], wait: Callable[[int], None]) -> Iterator[bytes | None]:
        """See _Way."""
        calls = (body(str(number)) for body, number in zip(bodies, self._ids, strict=False))
        if len(self._clients) == 1:
            for call in calls:
                wait(1)
                yield _post(self._clients[0], call)
            return
        with ThreadPoolExecutor(len(self._clients)) as pool:
            while window := list(itertools.islice(calls, len(self._clients))):
                wait(len(window))
                yield from pool.map(_post, self._clients, window)

    def stream(
        self, calls: Iterable[tuple[Tag, Body]], wait: Callable[[int], None]
    ) -> Iterator[tuple[Tag, bytes | None]]:
        """See _Way."""
        tags: deque[Tag] = deque()

        def bodies() -> Iterator[Body]:
            for tag, body in calls:
                tags.append(tag)
                yield body

        for answer in self.each(bodies(), wait):
            yield tags.popleft(), answer

    def take(self, body: bytes, file: IO[bytes]) -> bytes | None:
        """Write the answer's body into `file`; the body itself where the server answers with a fault."""
        status, fault = self._clients[0].post(body, into=file)
        return None if status == 200 else _spoken(status, fault)

    def close(self) -> None:
        """See _Way."""
        with contextlib.ExitStack() as stack:
            for client in self._clients:
                stack.callback(client.close)


def _post(client: HttpClient, call: bytes) -> bytes:
    return _spoken(*client.post(call))


def _spoken(status: int, body: bytes) -> bytes:
    if status == 404 and not body.startswith(b"{"):
        raise SipError(Problem.CONFIGURATION, "nothing speaks JSON-RPC at this path", permanent=True)
    if not body:
        raise SipError(Problem.FAULT, f"HTTP {status}")
    return body


def _read(body: bytes | None, name: str) -> Answer | None:
    try:
        return None if body is None else parse.answer(body, name)
    except SipError:
        return None


def _request(method: str, params: tuple[str, ...], name: str | int) -> bytes:
    request = {"jsonrpc": "2.0", "method": method, "params": params, "id": name}
    return json.dumps(request, ensure_ascii=False).encode(errors="replace")
