"""The location table as PostgreSQL copies it, read by the block: most rows at once, the rest one by one. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import IO

from app.domain import record
from app.domain.record import Row
from workers.sip.kamailio.contact import ABSENT, line_key, transport_of
from workers.sip.kamailio.location_row import TableRow
from workers.sip.repeats import Repeats

_PIECE = 32 * 1024
# Printable ASCII without a backslash, which begins an escape or stands for NULL as \N; lengths as they are shown.
_PLAIN = re.compile(
    rb"^([0-9]{1,64})\t([A-Za-z0-9.-]{1,253}|\\N|)\t((?:sip|sips):[!-\[\]-~]{1,190})"
    rb"\t(?:(?:sip|sips):([!-:<>A-\[\]-~]{1,190})(?:;[!-\[\]-~]{0,100})?|\\N|)"
    rb"\t([0-9]{8,11})\t([0-9]{8,11})\t((?:[!-\[\]-~][ -\[\]-~]{0,198})?|\\N)\t(udp|tcp|tls|wss?):[!-\[\]-~]{1,100}$",
    re.MULTILINE,
)
# Most of them are simpler still: a line that is a number, at an address without parameters.
_NUMBER = (
    rb"^([0-9]{1,32})\t(?:%b|\\N|)\tsip:\1@([!-:<-?A-\[\]-~]{1,150})"
    rb"\t(?:sip:([!-:<>A-\[\]-~]{1,100})(?:;[!-\[\]-~]{0,100})?|\\N|)"
    rb"\t([1-9][0-9]{9})\t([1-9][0-9]{9})\t((?:[!-\[\]-~][ -\[\]-~]{0,198})?|\\N)"
    rb"\t(udp|tcp|tls|wss?):[!-\[\]-~]{1,100}\n"
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_USER = re.compile(rb"([^\t\n]+)[^\n]*\n")
_NULL = b"\\N"
_NUMBERS = (4, 5)

Plain = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]
"""User, domain, contact, host:port that it came from, end, last REGISTER, user agent, transport."""
Numbered = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]
"""User, the contact's host:port, and then as above."""


@dataclass(slots=True)
class Block:
    """Some of the rows: `numbered` and `plain` ones as bytes, `odd` ones as the values of COLUMNS."""

    numbered: list[Numbered] = field(default_factory=list)
    plain: list[Plain] = field(default_factory=list)
    odd: list[TableRow] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbered) + len(self.plain) + len(self.odd)


def blocks(file: IO[bytes], home: str) -> Iterator[Block]:
    """All rows in the text of a COPY, from the file's beginning; `home` is the server's own domain."""
    number = re.compile(_NUMBER % re.escape(home.encode()), re.MULTILINE)
    for piece in _pieces(file):
        block = Block(number.findall(piece))
        if rest := len(block.numbered) < piece.count(b"\n") and number.sub(b"", piece):
            _apart(rest, block)
        yield block


def names(file: IO[bytes]) -> Iterator[bytes]:
    """The user of each row, as it stands there."""
    return chain.from_iterable(map(_USER.findall, _pieces(file)))


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Whole lines, many at a time."""
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece + file.readline()


def numbered(
    found: Iterable[Numbered], skew: int, now: int, repeats: Repeats
) -> tuple[list[Row], list[tuple[bytes, bytes]]]:
    """The same as `bindings` of rows whose form is known already."""
    single, others = list[Row](), list[tuple[bytes, bytes]]()
    agents = {_NULL: b""} | dict.fromkeys(ABSENT, b"")
    for user, host, source, expires, modified, agent, transport in found:
        if (ends := int(expires)) - skew <= now:
            continue
        begun, came = int(modified), record.SAME if host == source else source
        shown = agents[agent] if agent in agents else agents.setdefault(agent, agent.rstrip())
        times = b"%d\t%d" % (begun - skew, ends - begun)
        row = user, b"\t".join((times, record.SAME + host, came, transport, shown))
        (others if user in repeats else single).append(row)
    return single, others


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


def _apart(piece: bytes, block: Block) -> None:
    """Rows of which some are odd, each looked at alone."""
    for line in piece.removesuffix(b"\n").split(b"\n"):
        if plain := _PLAIN.findall(line):
            block.plain += plain
        else:
            block.odd.append(_values(line))


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
