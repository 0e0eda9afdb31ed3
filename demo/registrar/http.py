"""As much of HTTP/1.1 as the management interfaces need."""

import asyncio
from dataclasses import dataclass

MAX_BODY = 65_535
IDLE = 120.0
"""Seconds that a silent connection is kept."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


async def read_request(reader: asyncio.StreamReader) -> HttpRequest:
    """The next request. Raises EOFError at the end, TimeoutError in silence, ValueError for what is none."""
    async with asyncio.timeout(IDLE):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ", 2)
        parted = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in parted}
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= MAX_BODY:
            raise ValueError("the body is too large")
        return HttpRequest(method, path, headers, await reader.readexactly(length))
