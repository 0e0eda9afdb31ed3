"""Many simulated registrars in one process: the demo's own, managed over HTTP and, for sweeps, by datagrams."""

import asyncio
import json
import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Self

from demo.registrar.bindings import Bindings, Origin, Wanted
from demo.registrar.digest import Authenticator, Nonces
from demo.registrar.registrar import Registrar
from demo.registrar.rpc import Rpc

HOST = "127.0.0.1"
_EXPIRES = 86_400
_STARTED = 86_400.0
"""Seconds for which they have been running."""
_READY = "ready"


class Registrars:
    """A process with one registrar for each name, whose lines are all registered; each answers after `delay` seconds.

    `swept` names those that are asked by datagrams and count who was asked for.
    """

    def __init__(self, lines: Mapping[str, Sequence[str]], swept: Sequence[str], delay: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        arguments = ({name: list(held) for name, held in lines.items()}, list(swept), delay, theirs)
        self._process = context.Process(target=_run, args=arguments, daemon=True)
        self.urls: Mapping[str, str] = {}
        """Where each is managed."""

    def counts(self, name: str) -> Counter[str]:
        """How often each line of a swept server has been asked for since the last time."""
        self._ours.send(name)
        found: Counter[str] = self._ours.recv()
        return found

    def __enter__(self) -> Self:
        self._process.start()
        if not self._ours.poll(120):
            raise RuntimeError("the registrars do not start")
        self.urls = self._ours.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join(10)


def _run(lines: Mapping[str, Sequence[str]], swept: Sequence[str], delay: float, ours: Connection) -> None:
    asyncio.run(_serve(lines, swept, delay, ours))


async def _serve(lines: Mapping[str, Sequence[str]], swept: Sequence[str], delay: float, ours: Connection) -> None:
    loop, urls, counted = asyncio.get_running_loop(), dict[str, str](), {name: Counter[str]() for name in swept}
    for name, held in lines.items():
        rpc = _rpc(name, held)
        if name in counted:
            answering = _Datagrams(rpc, counted[name])
            transport, _ = await loop.create_datagram_endpoint(lambda each=answering: each, (HOST, 0))  # type: ignore[misc] # the loop's variable is bound
            urls[name] = f"udp://{HOST}:{transport.get_extra_info('sockname')[1]}"
        else:
            server = await asyncio.start_server(_Calls(rpc, delay).answer, HOST, 0)
            urls[name] = f"http://{HOST}:{server.sockets[0].getsockname()[1]}/RPC"
    ours.send(urls)
    threading.Thread(target=_tell, args=(ours, counted), daemon=True).start()
    await asyncio.Event().wait()


def _tell(ours: Connection, counted: dict[str, Counter[str]]) -> None:
    while True:
        name = ours.recv()
        ours.send(Counter(counted[name]))
        counted[name].clear()


def _rpc(name: str, held: Sequence[str]) -> Rpc:
    now, bindings = int(time.time()), Bindings()
    for at, user in enumerate(held):
        contact = Wanted(f"sip:{user}@192.0.2.{at % 250 + 1}:5060", _EXPIRES)
        bindings.register(user, [contact], Origin(f"{user}@{name}", 1, "Yealink SIP-T46S 66.86.0.15"), now)
    return Rpc(Registrar(Authenticator(name, {}, Nonces(os.urandom(32))), bindings), f"udp:{HOST}:5060", now - _STARTED)


class _Calls:
    """HTTP as far as a client of ours speaks it."""

    def __init__(self, rpc: Rpc, delay: float) -> None:
        self._rpc = rpc
        self._delay = delay

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All calls of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
                body = await reader.readexactly(length)
                await asyncio.sleep(self._delay)
                found = self._rpc.answer(body, time.time())
                if found is None:
                    break
                start = f"HTTP/1.1 {found.status} {found.reason}\r\nContent-Type: application/json\r\n"
                writer.write(f"{start}Content-Length: {len(found.body)}\r\n\r\n".encode() + found.body)
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client has left
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    """JSON-RPC by datagrams; look-ups are counted by line."""

    def __init__(self, rpc: Rpc, counted: Counter[str]) -> None:
        self._rpc = rpc
        self._counted = counted
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = transport  # type: ignore[assignment] # a datagram transport, as asyncio promises

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One call."""
        found = self._rpc.answer(data, time.time())
        if found is None or self._transport is None:
            return
        asked = json.loads(data)
        if asked["method"] == "ul.lookup":
            self._counted[asked["params"][1]] += 1
        self._transport.sendto(found.body, addr)
