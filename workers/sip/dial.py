"""How a TCP connection to a management port begins, with or without TLS; every mishap is a SipError."""

import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from workers.sip.base import Problem, SipError

Socket = TypeVar("Socket", bound=socket.socket)


def dial(host: str, port: int, left: Callable[[], float], make: Callable[[int, int, int], Socket]) -> Socket:
    """A socket, made by `make`, to the first address of `host` that answers.

    `left` tells the seconds that remain, or raises SipError(TIMEOUT). Raises SipError: NO_ROUTE, REFUSED or TIMEOUT.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SipError(Problem.NO_ROUTE, f"no address for {host}") from None
    failure = SipError(Problem.NO_ROUTE, f"no address for {host}")
    for family, kind, protocol, _name, address in addresses:
        sock = make(family, kind, protocol)
        try:
            sock.settimeout(left())
            sock.connect(address)
            sock.settimeout(left())
        except (OSError, SipError) as error:
            sock.close()
            failure = _unreachable(error, f"{host} port {port}")
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise failure


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """What a server's certificate is verified with: the authority in `ca_file`, else the system's.

    Raises SipError(CONFIGURATION).
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError:
        raise SipError(Problem.CONFIGURATION, f"cannot read the CA file {ca_file}", permanent=True) from None


def no_handshake(error: Exception) -> SipError:
    """Why a TLS handshake failed."""
    if isinstance(error, TimeoutError):
        return SipError(Problem.TIMEOUT, "no TLS handshake in time")
    if isinstance(error, ssl.SSLCertVerificationError):
        return SipError(Problem.TLS, error.verify_message, permanent=True)
    return SipError(Problem.TLS, getattr(error, "reason", None) or "no TLS on this port")


def _unreachable(error: OSError | SipError, where: str) -> SipError:
    if isinstance(error, SipError):
        return error
    if isinstance(error, TimeoutError):
        return SipError(Problem.TIMEOUT, f"no connection to {where} in time")
    if isinstance(error, ConnectionRefusedError | ConnectionResetError):
        return SipError(Problem.REFUSED, where)
    return SipError(Problem.NO_ROUTE, f"{where}: {error.strerror}")
