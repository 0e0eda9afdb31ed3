"""One HTTP connection to a management port: one deadline an exchange, and every mishap a SipError."""

import base64
import contextlib
import http.client
import io
import socket
import ssl
from types import TracebackType
from typing import IO, TYPE_CHECKING, NamedTuple, Self, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError, ProtocolError, ReadTimeoutError
from urllib3.exceptions import SSLError as ReadTlsError
from urllib3.response import HTTPResponse
from urllib3.util import Url, parse_url

from app.domain.text import clean
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.dial import dial, no_handshake, tls_context
from workers.sip.stream import Deadline

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PORTS = {"http": 80, "https": 443}
_CHUNK = 256 * 1024
_HEAD = 64 * 1024
# Kamailio tells its errors in the body of a 500 or 404.
_ANSWERS = frozenset((200, 404, 500))
_REFUSALS = {401: "the server asks for other credentials", 403: "the server forbids it"}


class HttpClient:
    """Posts JSON to the URL of `endpoint`, which is http or https; the connection is kept from one call to the next.

    Neither redirects nor proxies are followed. Not for use by several threads.
    Raises SipError(CONFIGURATION) where the endpoint makes no sense.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        url = _target(endpoint.url)
        self._timeout = endpoint.timeout
        self._size_limit = endpoint.size_limit
        self._path = url.request_uri
        self._headers = {"Content-Type": "application/json", "User-Agent": "tsunagari", **_authorization(endpoint)}
        host, port = (url.host or "").strip("[]"), url.port or _PORTS[url.scheme or ""]
        self._connection: _Connection | _TlsConnection = (
            _TlsConnection(host, port, ssl_context=_tls_context(endpoint.options.get("ca_file")))
            if url.scheme == "https"
            else _Connection(host, port)
        )

    def post(
        self, body: bytes, *, body_of: frozenset[int] = _ANSWERS, into: IO[bytes] | None = None
    ) -> tuple[int, bytes]:
        """The status and the whole body of the answer; the body of a status that is not in `body_of` stays unread.

        `into` gets the body of a 200 piece by piece instead; what it got counts only if nothing is raised.
        Raises SipError: NO_ROUTE, REFUSED, TIMEOUT, TLS, CREDENTIALS, TRUNCATED, TOO_LARGE, GARBAGE or FAULT.
        """
        question = _Question(body, body_of, into)
        deadline = Deadline(self._timeout)
        if self._connection.sock is not None:
            with contextlib.suppress(_StaleError):
                return self._exchange(question, deadline)
        return self._exchange(question, deadline)

    def close(self) -> None:
        """End the connection; the next `post` makes a new one."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _exchange(self, question: "_Question", deadline: Deadline) -> tuple[int, bytes]:
        kept = self._connection.sock is not None
        wire = self._connection.begin(deadline, self._size_limit + _HEAD)
        whole = False
        try:
            response = self._ask(question.body)
            into = question.into if response.status == 200 else None
            answer = self._read(response, into) if response.status in question.body_of else b""
            whole = response.status in question.body_of
        except (OSError, ValueError, http.client.HTTPException, HTTPError) as error:
            if kept and not wire.received and not isinstance(error, TimeoutError):
                raise _StaleError from None
            raise _broken(error) from None
        finally:
            if not whole:
                self.close()
                wire.drop()
        return response.status, answer

    def _ask(self, body: bytes) -> HTTPResponse:
        self._connection.request("POST", self._path, body, self._headers, preload_content=False, decode_content=False)
        response = self._connection.getresponse()
        if response.status in _REFUSALS:
            raise SipError(Problem.CREDENTIALS, _REFUSALS[response.status], permanent=True)
        return response

    def _read(self, response: HTTPResponse, into: IO[bytes] | None) -> bytes:
        if (response.length_remaining or 0) > self._size_limit:
            raise SipError(Problem.TOO_LARGE, f"{response.length_remaining} bytes announced")
        memory = io.BytesIO()
        came = 0
        while piece := response.read(_CHUNK):
            came += (memory if into is None else into).write(piece)
        if not came and response.length_remaining is None:
            # http.client takes an end within the head for the end of the head.
            raise SipError(Problem.TRUNCATED, "an answer without a body")
        return memory.getvalue()


class _Question(NamedTuple):
    body: bytes
    body_of: frozenset[int]
    into: IO[bytes] | None


class _StaleError(Exception):
    """A kept connection had been closed by the server before it could answer."""


class _Wire(socket.socket):
    """A socket whose every read ends by the deadline of the whole exchange, so that a dripping server cannot go on."""

    deadline: Deadline
    room = 0
    """Bytes that may still come: what http.client reads of its own accord has no other limit."""
    received = 0

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        """Read what there is. Raises SipError(TIMEOUT) after the deadline, SipError(TOO_LARGE) beyond the limit."""
        self.settimeout(self.deadline.left())
        count = super().recv_into(buffer, nbytes or 0, flags)
        self.received += count
        if self.received > self.room:
            raise SipError(Problem.TOO_LARGE, "an answer larger than the limit")
        return count

    def drop(self) -> None:
        """Give the descriptor back at once, though a reader in a traceback may still hold the socket."""
        if (descriptor := self.detach()) >= 0:
            socket.close(descriptor)


class _TlsWire(_Wire, ssl.SSLSocket):
    """The same over TLS."""


class _Connection(HTTPConnection):
    """A connection whose socket is a `_Wire`."""

    deadline: Deadline

    def begin(self, deadline: Deadline, room: int) -> _Wire:
        """The connected socket, ready for an exchange. Raises SipError: NO_ROUTE, REFUSED, TIMEOUT or TLS."""
        self.deadline = deadline
        if self.sock is None:
            try:
                self.connect()
            except BaseException as error:
                self.close()
                if isinstance(error, OSError | ValueError | HTTPError):
                    raise no_handshake(error) from None
                raise
        wire = cast("_Wire", self.sock)
        wire.deadline, wire.room, wire.received = deadline, room, 0
        self.timeout = deadline.left()
        return wire

    def _new_conn(self) -> socket.socket:
        return dial(self.host, self.port, self.deadline.left, _Wire)


class _TlsConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


def _target(text: str) -> Url:
    try:
        url = parse_url(text)
    except LocationParseError:
        url = Url()
    if url.scheme not in _PORTS or not url.host:
        raise SipError(Problem.CONFIGURATION, "the URL must be http(s)://host[:port]/path", permanent=True)
    if url.auth is not None:
        raise SipError(Problem.CONFIGURATION, "credentials do not belong into the URL", permanent=True)
    return url


def _authorization(endpoint: Endpoint) -> dict[str, str]:
    if endpoint.user is None:
        return {}
    pair = f"{endpoint.user}:{endpoint.password or ''}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode("ascii")}


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    context = tls_context(ca_file)
    context.sslsocket_class = _TlsWire
    return context


def _broken(error: Exception) -> SipError:
    """What an exchange on a connected socket failed of."""
    cause = error.__cause__ if isinstance(error, ProtocolError) and error.__cause__ is not None else error
    if isinstance(cause, TimeoutError | ReadTimeoutError):
        return SipError(Problem.TIMEOUT, "no whole answer in time")
    if isinstance(cause, ssl.SSLError | ReadTlsError):
        return SipError(Problem.TLS, "the TLS stream broke")
    if isinstance(cause, http.client.RemoteDisconnected):
        return SipError(Problem.TRUNCATED, "the server closed the connection without an answer")
    if isinstance(cause, http.client.IncompleteRead | ConnectionError | ProtocolError):
        return SipError(Problem.TRUNCATED, "the server closed the connection within its answer")
    if isinstance(cause, http.client.HTTPException | HTTPError | ValueError):
        return SipError(Problem.GARBAGE, f"no HTTP: {clean(type(cause).__name__)}")
    return SipError(Problem.FAULT, getattr(cause, "strerror", None) or type(cause).__name__)
