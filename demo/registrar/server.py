"""The registrar's sockets: SIP over UDP, and a family's management interface over TCP."""

import asyncio
import contextlib
import errno
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from demo.registrar.bindings import Bindings
from demo.registrar.contacts import Address
from demo.registrar.digest import Authenticator, Kept, Nonces
from demo.registrar.fronts import FRONTS, SHARED_PORT
from demo.registrar.fronts.base import Clock, Front, Site
from demo.registrar.registrar import Registrar
from demo.registrar.replies import reply_address
from demo.registrar.sip import Request, SipParseError, parse, serialise
from demo.registrar.subscribers import Subscribers

MAX_HEAD = 16_384
MAX_CONNECTIONS = 128
EXPIRY_INTERVAL = 20.0
"""Seconds between two clearings of what has expired, as usrloc's timer_interval."""
_RECEIVE_BUFFER = 4 * 1024 * 1024
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Management:
    """Which family's interface is served, and where: Kamailio's on the SIP port's number, the others at `port`."""

    family: str = "kamailio"
    host: str = "127.0.0.1"
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)


class Server:
    """One listening registrar; made by `serving`."""

    def __init__(self, registrar: Registrar, front: Front, clock: Clock) -> None:
        self.registrar = registrar
        self._front = front
        self._clock = clock
        self._connections: set[asyncio.Task[None]] = set()

    def datagram(self, data: bytes, source: Address) -> tuple[bytes, Address] | None:
        """What goes where in answer to one datagram; None for rubbish, keep-alives and responses."""
        try:
            message = parse(data)
            if not isinstance(message, Request):
                return None
            response = self.registrar.answer(message, source, self._clock())
            return None if response is None else (serialise(response), reply_address(message, source))
        except SipParseError:
            return None

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One management connection until its end."""
        task = asyncio.current_task()
        if task is None or len(self._connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._connections.add(task)
        try:
            await self._front.converse(reader, writer)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # gone, silent for too long, or another protocol: the connection ends, that is all
        finally:
            self._connections.discard(task)
            writer.close()

    async def end_connections(self) -> None:
        """End what is still open."""
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def clear_expired(self) -> None:
        """Clear away expired bindings for ever."""
        while True:
            await asyncio.sleep(EXPIRY_INTERVAL)
            self.registrar.expire(self._clock())


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._server.datagram(data, addr[:2])
        if answer is not None and self._transport is not None:
            self._transport.sendto(*answer)


@asynccontextmanager
async def serving(
    users: dict[str, str],
    realm: str,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    management: Management | None = None,
    subscribers: Path | None = None,
    clock: Clock = time.time,
) -> AsyncIterator[tuple[Server, int]]:
    """A registrar that listens at `port`, or at a free one for 0; yields it and the port. Raises OSError if taken.

    Passwords in the file of `subscribers` go before those of `users`.
    """
    manage = management or Management()
    udp, tcp = bind(host, port, manage)
    bound = int(udp.getsockname()[1])
    started = clock()
    bindings = Bindings(f"uloc-{int(started):x}-{os.getpid():x}")
    kept: Kept = Subscribers(subscribers, realm).ha1 if subscribers else lambda _user: None
    registrar = Registrar(Authenticator(realm, users, Nonces(os.urandom(32)), kept), bindings)
    site = Site(realm, host, bound, started, clock, manage.user, manage.password)
    front = FRONTS[manage.family](registrar, site)
    registrar.listeners.append(front.tell)
    server = Server(registrar, front, clock)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(server), sock=udp)
    listener = await asyncio.start_server(server.connection, sock=tcp, limit=MAX_HEAD)
    expiry = asyncio.create_task(server.clear_expired())
    try:
        yield server, bound
    finally:
        expiry.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await expiry
        transport.close()
        listener.close()
        await server.end_connections()
        await listener.wait_closed()
        front.close()


def bind(host: str, port: int, management: Management) -> tuple[socket.socket, socket.socket]:
    """The UDP socket for SIP and the TCP socket for the management interface. Raises OSError."""
    shared = management.family in SHARED_PORT
    for _ in range(_TRIES if port == 0 else 1):
        udp = _bound(socket.SOCK_DGRAM, host, port)
        beside = (host, int(udp.getsockname()[1])) if shared else (management.host, management.port)
        try:
            return udp, _bound(socket.SOCK_STREAM, *beside)
        except OSError as error:
            udp.close()
            if port != 0 or not shared or error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "no port is free for both UDP and TCP")


def _bound(kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, kind)
    try:
        if kind == socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        opened.settimeout(0)
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    return opened
