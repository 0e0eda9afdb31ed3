"""FreeSWITCH: its event socket (ESL) over TCP."""

import asyncio
import re

from demo.registrar.esl import Api
from demo.registrar.fronts.base import Site, push
from demo.registrar.happenings import Happening
from demo.registrar.registrar import Registrar
from demo.registrar.sofia import Sofia

LOGIN = 25.0
"""Seconds within which a connection must have logged in."""
_GREETING = b"Content-Type: auth/request\n\n"
_GOODBYE = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
_SUBSCRIPTION = re.compile(r"event json CUSTOM((?: sofia::\w+)+)", re.IGNORECASE)


class FreeswitchFront:
    """base.Front. The event socket knows a password and no user."""

    def __init__(self, registrar: Registrar, site: Site) -> None:
        self._site = site
        self._api = Api(registrar, site.realm, f"{site.host}:{site.port}", site.started)
        self._sofia = Sofia(site.realm)
        self._hearing: dict[asyncio.StreamWriter, frozenset[str]] = {}

    def tell(self, happening: Happening) -> None:
        """See base.Front."""
        told = self._sofia.events(happening) if self._hearing else []
        for writer, subclasses in self._hearing.items():
            for subclass, body in told:
                if subclass in subclasses:
                    head = f"Content-Length: {len(body)}\nContent-Type: text/event-json\n\n"
                    push(writer, head.encode() + body)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """See base.Front."""
        writer.write(_GREETING)
        async with asyncio.timeout(LOGIN):
            while not await self._log_in(await _command(reader), writer):
                pass
        try:
            while True:
                await self._obey(await _command(reader), writer)
        finally:
            self._hearing.pop(writer, None)

    def close(self) -> None:
        """See base.Front."""

    async def _log_in(self, command: str, writer: asyncio.StreamWriter) -> bool:
        verb, _, password = command.partition(" ")
        if verb != "auth":
            await _reply(writer, "-ERR command not found")
            return False
        if not self._site.admits(password):
            await _reply(writer, "-ERR invalid")
            await _leave(writer)
        await _reply(writer, "+OK accepted")
        return True

    async def _obey(self, command: str, writer: asyncio.StreamWriter) -> None:
        verb, _, argument = command.partition(" ")
        if verb == "api" and argument:
            body = self._api.answer(argument, self._site.clock())
            writer.write(f"Content-Type: api/response\nContent-Length: {len(body)}\n\n".encode() + body)
            await writer.drain()
        elif subscription := _SUBSCRIPTION.fullmatch(command):
            self._hearing[writer] = frozenset(subscription[1].split())
            await _reply(writer, "+OK event listener enabled json")
        elif verb == "exit":
            await _reply(writer, "+OK bye")
            await _leave(writer)
        else:
            await _reply(writer, "-ERR command not found")


async def _command(reader: asyncio.StreamReader) -> str:
    """The next command, whose end is an empty line."""
    return (await reader.readuntil(b"\n\n")).decode("utf-8", "replace").strip("\n")


async def _reply(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())
    await writer.drain()


async def _leave(writer: asyncio.StreamWriter) -> None:
    """Say goodbye. Raises EOFError, so that the connection ends."""
    writer.write(f"Content-Type: text/disconnect-notice\nContent-Length: {len(_GOODBYE)}\n\n".encode() + _GOODBYE)
    await writer.drain()
    raise EOFError
