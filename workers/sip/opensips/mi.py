"""OpenSIPS's management interface, over HTTP(S) or datagrams: one call, or the same call for many lines."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.datagram import DatagramClient
from workers.sip.http import HttpClient
from workers.sip.opensips.parse import envelope, result
from workers.sip.pace import Pace

Params = Mapping[str, object]
_OK = frozenset((200,))
_DATAGRAMS = frozenset(("udp", "unix"))


class Mi(Protocol):
    """An open way to one server. Every method raises SipError, and nothing else."""

    def call(self, method: str, params: Params | None = None) -> object:
        """The result of one command. Raises MiError where the server refused it."""

    def whole(self, method: str) -> bytes:
        """The answer to a command as it came, JSON-RPC around it."""

    def each(self, method: str, params: Iterable[Params], pace: Pace) -> Iterator[dict[str, object] | None]:
        """The answer to each of many calls, in their order; None for one that is no answer to anything."""

    def close(self) -> None:
        """End the connection."""


def open_mi(endpoint: Endpoint) -> Mi:
    """The transport that the URL's scheme names. Raises SipError."""
    if urlsplit(endpoint.url).scheme in _DATAGRAMS:
        return DatagramMi(endpoint)
    return HttpMi(endpoint)


class HttpMi:
    """mi_http. An answer other than 200 has a body that never ends, so it is left alone."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._client = HttpClient(endpoint)

    def call(self, method: str, params: Params | None = None) -> object:
        """See Mi."""
        return result(envelope(self._post(method, params)))

    def whole(self, method: str) -> bytes:
        """See Mi."""
        return self._post(method, None)

    def each(self, method: str, params: Iterable[Params], pace: Pace) -> Iterator[dict[str, object] | None]:
        """See Mi."""
        for of_one in params:
            pace.wait()
            try:
                answer = envelope(self._post(method, of_one))
            except SipError as error:
                if error.problem not in {Problem.GARBAGE, Problem.TOO_LARGE}:
                    raise
                yield None
            else:
                yield answer

    def close(self) -> None:
        """See Mi."""
        self._client.close()

    def _post(self, method: str, params: Params | None) -> bytes:
        status, body = self._client.post(request(method, params, 1), body_of=_OK)
        if status == 200:
            return body
        if status == 500:
            raise SipError(Problem.TOO_LARGE, "HTTP status 500: httpd's buf_size is too small", permanent=True)
        if 400 <= status < 500:
            raise SipError(Problem.CONFIGURATION, f"HTTP status {status}: is that mi_http's path?", permanent=True)
        raise SipError(Problem.FAULT, f"HTTP status {status}")


class DatagramMi:
    """mi_datagram over UDP or a unix socket, several calls in flight."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._client = DatagramClient(endpoint)

    def call(self, method: str, params: Params | None = None) -> object:
        """See Mi."""
        return result(envelope(self._ask(method, params)))

    def whole(self, method: str) -> bytes:
        """See Mi."""
        return self._ask(method, None)

    def each(self, method: str, params: Iterable[Params], pace: Pace) -> Iterator[dict[str, object] | None]:
        """See Mi."""
        bodies = (lambda name, of_one=of_one: request(method, of_one, name) for of_one in params)
        for answer in self._client.each(bodies, pace.wait):
            try:
                yield envelope(answer or b"")
            except SipError:
                yield None

    def close(self) -> None:
        """See Mi."""
        self._client.close()

    def _ask(self, method: str, params: Params | None) -> bytes:
        answer = next(self._client.each([lambda name: request(method, params, name)], lambda _calls: None))
        if answer is None:
            raise SipError(Problem.TOO_LARGE, "the answer does not fit into a datagram", permanent=True)
        return answer


def request(method: str, params: Params | None, name: str | int) -> bytes:
    """A JSON-RPC call; the server never answers one without an id."""
    call: dict[str, object] = {"jsonrpc": "2.0", "method": method, "id": name}
    if params is not None:
        call["params"] = params
    return json.dumps(call).encode()
