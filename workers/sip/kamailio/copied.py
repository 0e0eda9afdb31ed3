"""The location table as PostgreSQL copies it, read by the block: most rows at once, the rest one by one. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

from app.domain import record
from app.domain.record import Row
from workers.sip.kamailio.contact import ABSENT, line_key, transport_of
from workers.sip.kamailio.location_row import TableRow
from workers.sip.repeats import Repeats

_PIECE = 32 * 1024
# Printable ASCII without a backslash, which begins an escape or stands for NULL as \N; lengths as they are shown.
_PLAIN = re.compile(
    rb"^([0-9]{1,64})\t([!-\[\]-~]{1,253}|\\N|)\t((?:sip|sips):[!-\[\]-~]{1,190})"
    rb"\t(?:(?:sip|sips):([!-:<>A-\[\]-~]{1,190})(?:;[!-\[\]-~]{0,100})?|\\N|)"
    rb"\t([0-9]{8,11})\t([0-9]{8,11})\t((?:[!-\[\]-~][ -\[\]-~]{0,198})?|\\N)\t([a-z]{2,3}):[!-\[\]-~]{1,100}$",
    re.MULTILINE,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_NULL = b"\\N"
_NUMBERS = (4, 5)

Plain = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]
"""User, domain, contact, host:port that it came from, end, last REGISTER, user agent, transport."""


@dataclass(slots=True)
class Block:
    """Some of the rows: `plain` ones as bytes, `odd` ones as the values of COLUMNS."""

    plain: list[Plain] = field(default_factory=list)
    odd: list[TableRow] = field(default_factory=list)


def blocks(file: IO[bytes]) -> Iterator[Block]:
    """All rows in the text of a COPY, from the file's beginning."""
    file.seek(0)
    while piece := file.read(_PIECE):
        piece += file.readline()
        plain = _PLAIN.findall(piece)
        yield Block(plain) if len(plain) == piece.count(b"\n") else _apart(piece)


def names(file: IO[bytes]) -> Iterator[bytes]:
    """The user of each row, as it stands there."""
    file.seek(0)
    return (line[: line.find(b"\t")] for line in file)


def bindings(
    plain: Iterable[Plain], home: str, skew: int, now: int, repeats: Repeats
) -> tuple[list[Row], list[tuple[bytes, bytes]]]:
    """Lines with one binding, and bindings of lines that may have several; without those that have ended by `now`.

    `skew` is what the server's clock is ahead of ours.
    """
    rows, others = [], []
    own = {b"", _NULL, home.encode()}
    for user, domain, uri, source, expires, modified, agent, came in plain:
        if (ends := int(expires) - skew) <= now:
            continue
        key = user if domain in own else line_key(f"{user.decode()}@{domain.decode()}", home).encode()
        transport = came
        if b";transport=" in uri:
            transport = (transport_of(uri.decode(), came.decode()) or "").encode()
        shown = b"" if agent in ABSENT or agent == _NULL else agent.rstrip()
        bound = record.binding(key, uri, source, transport, shown, refreshed=int(modified) - skew, expires=ends)
        if user not in repeats:
            rows.append((key, bound))
        else:
            others.append((key, bound))
    return rows, others


def _apart(piece: bytes) -> Block:
    """Rows of which some are odd, each looked at alone."""
    block = Block()
    for line in piece.removesuffix(b"\n").split(b"\n"):
        if plain := _PLAIN.findall(line):
            block.plain += plain
        else:
            block.odd.append(_values(line))
    return block


def _values(line: bytes) -> TableRow:
    """The values of a row; one that has too few is broken, and read as such by whoever reads it."""
    values: list[object] = [
        None if text == _NULL else _ESCAPED.sub(lambda found: _LETTERS.get(found[1], found[1]), text)
        for text in line.split(b"\t")
    ]
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
    for index in _NUMBERS:
        if index < len(texts) and isinstance(text := texts[index], str) and text.isdigit():
            texts[index] = int(text[:18])
    return tuple((texts + [None] * 8)[:8])
