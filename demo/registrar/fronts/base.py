"""What the management interfaces of all families have in common."""

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from demo.registrar.happenings import Happening

BACKLOG = 4 * 1024 * 1024
"""Bytes that may wait for somebody who hears events; a slower one is let go."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Site:
    """One registrar: its realm, where it speaks SIP, since when, and who may manage it."""

    realm: str
    host: str
    port: int
    started: float
    clock: Clock
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def socket(self) -> str:
        """The SIP socket as Kamailio and OpenSIPS write it."""
        return f"udp:{self.host}:{self.port}"

    def admits(self, password: str) -> bool:
        """Whether this is the password of the management interface."""
        return hmac.compare_digest(password.encode("utf-8", "replace"), self.password.encode())


class Front(Protocol):
    """One family's management interface over the state of a registrar."""

    def tell(self, happening: Happening) -> None:
        """Let whoever hears events know."""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until its end. Raises OSError, EOFError or ValueError where the client ends it."""

    def close(self) -> None:
        """Give back what it holds."""


def push(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write an event to a connection, or end it if its client does not read."""
    if writer.transport.get_write_buffer_size() > BACKLOG:
        writer.transport.abort()
    else:
        writer.write(data)
