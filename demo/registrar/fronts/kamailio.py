"""Kamailio: JSON-RPC over HTTP."""

import asyncio

from demo.registrar.fronts.base import Site
from demo.registrar.happenings import Happening
from demo.registrar.http import read_request
from demo.registrar.registrar import Registrar
from demo.registrar.replies import SERVER
from demo.registrar.rpc import Answer, Rpc


class KamailioFront:
    """base.Front. It is only asked: what it tells of its own accord needs a script that the demo has not."""

    def __init__(self, registrar: Registrar, site: Site) -> None:
        self._rpc = Rpc(registrar, site.socket, site.started)
        self._clock = site.clock

    def tell(self, happening: Happening) -> None:
        """See base.Front."""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """See base.Front."""
        host, port = writer.get_extra_info("peername")[:2]
        while True:
            request = await read_request(reader)
            if request.path.startswith("/RPC"):
                answer, kind = self._rpc.answer(request.body, self._clock()), "application/json"
            else:
                answer, kind = Answer(404, "Not Found", b"no"), "text/html"
            if answer is not None:
                writer.write(_http(answer, kind, f"{host}:{port}"))
                await writer.drain()

    def close(self) -> None:
        """See base.Front."""


def _http(answer: Answer, kind: str, peer: str) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status} {answer.reason}\r\nSia: SIP/2.0/TCP {peer}\r\nContent-Type: {kind}\r\n"
        f"Server: {SERVER}\r\nContent-Length: {len(answer.body)}\r\n\r\n"
    )
    return head.encode() + answer.body
