"""Asterisk: AMI over TCP, with a login by challenge."""

import asyncio
import hashlib
import hmac
import secrets

from demo.registrar import ami_blocks as blocks
from demo.registrar.ami import GREETING, Ami
from demo.registrar.ami_blocks import END, Fields
from demo.registrar.fronts.base import Site, push
from demo.registrar.happenings import Happening
from demo.registrar.registrar import Registrar

LOGIN = 30.0
"""Seconds within which a connection must have logged in."""
_EVERYTHING = frozenset(("system", "security"))


class AsteriskFront:
    """base.Front."""

    def __init__(self, registrar: Registrar, site: Site) -> None:
        self.site = site
        self.ami = Ami(registrar, (site.host, site.port), site.started)
        self.hearing: dict[asyncio.StreamWriter, frozenset[str]] = {}
        """The classes of events that each session wants."""

    def tell(self, happening: Happening) -> None:
        """See base.Front."""
        if not self.hearing:
            return
        told = self.ami.events(happening)
        for writer, classes in self.hearing.items():
            push(writer, b"".join(event for kind, event in told if kind in classes))

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """See base.Front."""
        session = _Session(self, writer)
        writer.write(GREETING)
        try:
            async with asyncio.timeout(LOGIN):
                while not session.user:
                    await session.take(await reader.readuntil(END))
            while True:
                await session.take(await reader.readuntil(END))
        finally:
            self.hearing.pop(writer, None)

    def close(self) -> None:
        """See base.Front."""


class _Session:
    """One connection. `user` is empty until it has logged in."""

    def __init__(self, front: AsteriskFront, writer: asyncio.StreamWriter) -> None:
        self.user = ""
        self._front = front
        self._writer = writer
        self._challenge = ""

    async def take(self, raw: bytes) -> None:
        """Do one action. Raises EOFError where Asterisk would close."""
        lines = (line.partition(":") for line in raw.decode("utf-8", "replace").strip().split("\r\n"))
        fields: Fields = {name.strip(): value.strip() for name, _, value in lines}
        action = fields.get("Action", "").lower()
        if action == "challenge":
            self._challenge = str(secrets.randbelow(10**9))
            self._writer.write(blocks.response(fields, [("Challenge", self._challenge)]))
        elif action == "login":
            await self._log_in(fields)
        elif action == "logoff":
            goodbye = {"Response": "Goodbye"} | {name: fields[name] for name in ("ActionID",) if name in fields}
            self._writer.write(blocks.block([*goodbye.items(), ("Message", "Thanks for all the fish.")]))
            raise EOFError
        elif not self.user:
            self._writer.write(blocks.error(fields, "Permission denied"))
        elif action == "events":
            self._writer.write(blocks.response(fields, [("Events", "On" if self._hear(fields) else "Off")]))
        else:
            self._writer.write(self._front.ami.answer(fields, self._front.site.clock()))
        await self._writer.drain()

    async def _log_in(self, fields: Fields) -> None:
        site = self._front.site
        user = fields.get("Username", "")
        if user != site.user or not self._proven(fields):
            self._writer.write(blocks.error(fields, "Authentication failed"))
            await self._writer.drain()
            raise EOFError
        self.user = user
        self._writer.write(blocks.response(fields, [("Message", "Authentication accepted")]))
        classes = self._hear(fields)
        peer, local = (self._writer.get_extra_info(end)[:2] for end in ("peername", "sockname"))
        told = self._front.ami.booted(user, peer, local, site.clock())
        self._writer.write(b"".join(event for kind, event in told if kind in classes))

    def _proven(self, fields: Fields) -> bool:
        password = self._front.site.password
        if fields.get("AuthType", "").upper() != "MD5":
            return self._front.site.admits(fields.get("Secret", ""))
        key = hashlib.md5((self._challenge + password).encode(), usedforsecurity=False).hexdigest()
        return bool(self._challenge) and hmac.compare_digest(fields.get("Key", "").encode(), key.encode())

    def _hear(self, fields: Fields) -> frozenset[str]:
        """The classes of events that this session has from now on."""
        mask = fields.get("EventMask", fields.get("Events", "on")).lower()
        classes = _EVERYTHING if mask in ("on", "all") else _EVERYTHING & {name.strip() for name in mask.split(",")}
        self._front.hearing.pop(self._writer, None)
        if classes:
            self._front.hearing[self._writer] = classes
        return classes
