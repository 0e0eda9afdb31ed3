"""A TCP or TLS connection to a management port, read in pieces, within one deadline and one size."""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.dial import dial, no_handshake, tls_context

_CHUNK = 256 * 1024


class Deadline:
    """The moment by which a whole exchange must have come to its end."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds that remain, more than 0. Raises SipError(TIMEOUT) once there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise SipError(Problem.TIMEOUT, "no whole answer in time")
        return left


class Stream:
    """A connected socket with a buffer. Every method raises SipError, and nothing else, for what the network does.

    A read that ends with TIMEOUT has lost nothing: after `begin` the next one goes on where it stood.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline, size_limit: int) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self.heard_at = time.monotonic()
        """When the peer last sent something, by the monotonic clock."""
        self.begin(deadline, size_limit)

    @classmethod
    def open(
        cls,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None,
        deadline: Deadline,
        size_limit: int = 512 * 1024 * 1024,
    ) -> Self:
        """A connection to `host`:`port`, with the TLS handshake done if `tls` is given.

        Raises SipError: NO_ROUTE, REFUSED, TIMEOUT or TLS.
        """
        sock = dial(host, port, deadline.left, socket.socket)
        if tls is not None:
            sock = _handshake(sock, tls, host, deadline)
        return cls(sock, deadline, size_limit)

    def begin(self, deadline: Deadline, size_limit: int) -> None:
        """Start a new exchange: from now on `deadline` holds, and `size_limit` bytes may come from the peer."""
        self._deadline = deadline
        self._room = size_limit

    def send(self, data: bytes) -> None:
        """Write all of `data`. Raises SipError: TIMEOUT, or TRUNCATED if the peer is gone."""
        try:
            self._sock.settimeout(self._deadline.left())
            self._sock.sendall(data)
        except TimeoutError:
            raise SipError(Problem.TIMEOUT, "the server does not read") from None
        except OSError as error:
            raise _broken(error) from None

    def read_until(self, delimiter: bytes, limit: int) -> bytes:
        """The bytes before the next `delimiter`, which is taken away too.

        Raises SipError: TOO_LARGE when it is not within `limit` bytes, TIMEOUT, or TRUNCATED if the peer closes first.
        """
        searched = 0
        while (end := self._buffer.find(delimiter, searched, limit + len(delimiter))) < 0:
            if len(self._buffer) >= limit + len(delimiter):
                raise SipError(Problem.TOO_LARGE, f"a record of more than {limit} bytes")
            searched = max(0, len(self._buffer) - len(delimiter) + 1)
            self._fill()
        found = bytes(memoryview(self._buffer)[:end])
        # Cutting a bytearray at its front moves no bytes.
        del self._buffer[: end + len(delimiter)]
        return found

    def read_exactly(self, count: int) -> bytes:
        """The next `count` bytes. Raises SipError: TOO_LARGE, TIMEOUT, or TRUNCATED when the peer closes first."""
        if count - len(self._buffer) > self._room:
            raise SipError(Problem.TOO_LARGE, f"{count} bytes announced")
        while len(self._buffer) < count:
            self._fill()
        found = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return found

    @property
    def pending(self) -> int:
        """Bytes that have come and have not been read."""
        return len(self._buffer)

    def _fill(self) -> None:
        """Wait for more bytes and take what there is."""
        try:
            self._sock.settimeout(self._deadline.left())
            chunk = self._sock.recv(_CHUNK)
        except TimeoutError:
            raise SipError(Problem.TIMEOUT, "no whole answer in time") from None
        except OSError as error:
            raise _broken(error) from None
        if not chunk:
            raise SipError(Problem.TRUNCATED, "the server closed the connection")
        self.heard_at = time.monotonic()
        self._room -= len(chunk)
        if self._room < 0:
            raise SipError(Problem.TOO_LARGE, "an answer larger than the limit")
        self._buffer += chunk

    def close(self) -> None:
        """End the connection; a second time does nothing."""
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_endpoint(endpoint: Endpoint, ports: dict[str, int], deadline: Deadline) -> Stream:
    """A connection to an endpoint whose URL is tcp://host[:port] or tls://host[:port].

    `ports` holds the default port of each scheme that the family knows. options["ca_file"] names the authority that a
    server's certificate must come from; without it the system's hold. Raises SipError(CONFIGURATION), and what
    `Stream.open` raises.
    """
    try:
        url = urlsplit(endpoint.url)
        host, port = url.hostname, url.port
    except ValueError:
        host, port = None, None
    if host is None or url.scheme not in ports:
        raise SipError(Problem.CONFIGURATION, f"the URL must be {' or '.join(ports)}://host:port", permanent=True)
    tls = tls_context(endpoint.options.get("ca_file")) if url.scheme == "tls" else None
    return Stream.open(host, port or ports[url.scheme], tls=tls, deadline=deadline, size_limit=endpoint.size_limit)


def _handshake(sock: socket.socket, tls: ssl.SSLContext, host: str, deadline: Deadline) -> socket.socket:
    try:
        sock.settimeout(deadline.left())
        return tls.wrap_socket(sock, server_hostname=host)
    except BaseException as error:
        with contextlib.suppress(OSError):
            sock.close()
        if isinstance(error, OSError | ValueError):
            raise no_handshake(error) from None
        raise


def _broken(error: OSError) -> SipError:
    if isinstance(error, ssl.SSLError):
        return SipError(Problem.TLS, error.reason or "the TLS stream broke")
    return SipError(Problem.TRUNCATED, "the server broke the connection")
