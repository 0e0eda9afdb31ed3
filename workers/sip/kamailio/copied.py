"""The location table as PostgreSQL copies it, read by the block: most rows at once, the rest one by one. Pure.

The columns come in the order of `record`, so that most rows need not be put together: what stands between the line's
domain and the address of the server's socket is the binding as Redis keeps it.
"""

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import IO

from app.domain import record
from app.domain.record import Row
from workers.sip.kamailio.contact import ABSENT, BrokenError, line_key, transport_of
from workers.sip.kamailio.location_row import TableRow
from workers.sip.repeats import Repeats, apart

_PIECE = 128 * 1024
_COLUMNS = 8
# Printable ASCII without a backslash, which begins an escape; lengths as they are shown.
_PLAIN = re.compile(
    rb"^([0-9]{1,64})\t([A-Za-z0-9.-]{0,253})\t([1-9][0-9]{7,10})\t([1-9][0-9]{7,10})\t((?:sip|sips):[!-\[\]-~]{1,190})"
    rb"\t(?:(?:sip|sips):([!-:<>A-\[\]-~]{1,190})(?:;[!-\[\]-~]{0,100})?)?"
    rb"\t((?:[!-\[\]-~][ -\[\]-~]{0,198})?)\t(udp|tcp|tls|wss?):[!-\[\]-~]{1,100}$",
    re.MULTILINE,
)
# Most of them are simpler still: a line that is a number, at an address without parameters, shown as it stands there.
_NUMBER = (
    rb"^([0-9]{1,32})\t(?:%b|)\t([1-9][0-9]{9}\t[1-9][0-9]{9}\tsip:\1@[!-:<-\[\]-~]{1,150}"
    rb"\t(?:sip:[!-:<->A-\[\]-~]{1,100}(?:;[!-\[\]-~]{0,100}|)|)"
    rb"\t(?! |n/a\t|\[not set\]\t|<null>\t)[ -\[\]-~]{0,200}(?<! )\t(?:udp|tcp|tls|wss?)):.*\n"
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_USER = re.compile(rb"^([^\t\n]*)\t.*\n", re.MULTILINE)
_NUMBERS = (2, 3)

Plain = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]
"""User, domain, last REGISTER, end, contact, host:port that it came from, user agent, transport."""


@dataclass(slots=True)
class Block:
    """Some of the rows: `numbered` and `plain` ones as bytes, `odd` ones as the values of COLUMNS."""

    numbered: list[Row] = field(default_factory=list)
    """Line and binding."""
    plain: list[Plain] = field(default_factory=list)
    odd: list[TableRow] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbered) + len(self.plain) + len(self.odd)


class Copy:
    """Takes the rows of a COPY as they come, and notes which lines have several."""

    def __init__(self, file: IO[bytes], home: str) -> None:
        self.file = file
        self.repeats = Repeats()
        self._home = home

    def take(self, piece: bytes) -> None:
        """Some whole rows."""
        self.file.write(piece)
        users = _USER.findall(piece)
        if len(users) < piece.count(b"\n"):
            # A row without a second column ran into the next.
            users = [row.partition(b"\t")[0] for row in piece.split(b"\n")[:-1]]
        if not b"".join(users).isdigit():
            users = [user if user.isdigit() else self._named(user) for user in users]
        self.repeats.note(users)

    def _named(self, user: bytes) -> bytes:
        """The user in the key of a line that is written in another way than as a number."""
        try:
            return line_key(_text(user), self._home).partition("@")[0].encode()
        except BrokenError:
            return user


def blocks(file: IO[bytes], home: str) -> Iterator[Block]:
    """All rows in the text of a COPY, from the file's beginning; `home` is the server's own domain."""
    number = re.compile(_NUMBER % re.escape(home.encode()), re.MULTILINE)
    for piece in _pieces(file):
        block = Block(number.findall(piece))
        if len(block.numbered) < piece.count(b"\n"):
            _others(number.sub(b"", piece), block)
        yield block


def _others(rest: bytes, block: Block) -> None:
    """Rows that are not of the simplest kind."""
    plain = _PLAIN.findall(rest)
    if len(plain) == rest.count(b"\n"):
        block.plain = plain
    else:
        _apart(rest, block)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Whole lines, many at a time."""
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece + file.readline()


def numbered(found: list[Row], skew: int, now: int, repeated: Set[bytes]) -> tuple[list[Row], list[Row]]:
    """The same as `bindings` of rows that are bindings already."""
    # Both have ten digits, and are as quickly compared as they are.
    latest = b"%010d" % (now + skew)
    rows = [row for row in found if row[1][11:21] > latest]
    if skew:
        rows = [
            (user, b"%d\t%d%b" % (int(bound[:10]) - skew, int(bound[11:21]) - skew, bound[21:])) for user, bound in rows
        ]
    return apart(rows, repeated)


def _shown(agent: bytes) -> bytes:
    return b"" if agent in ABSENT else agent.rstrip()


def bindings(
    plain: Iterable[Plain], home: str, skew: int, now: int, repeated: Set[bytes]
) -> tuple[list[Row], list[Row]]:
    """Lines with one binding, and bindings of lines that may have several; without those that have ended by `now`.

    `skew` is what the server's clock is ahead of ours.
    """
    rows, others = [], []
    own = {b"", home.encode()}
    for user, domain, modified, expires, uri, source, agent, came in plain:
        if (ends := int(expires) - skew) <= now:
            continue
        key = user if domain in own else line_key(f"{user.decode()}@{domain.decode()}", home).encode()
        transport = came
        if b";transport=" in uri.lower():
            transport = (transport_of(uri.decode(), came.decode()) or "").encode()
        bound = record.binding(uri, source, transport, _shown(agent), refreshed=int(modified) - skew, expires=ends)
        if user not in repeated:
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


def _text(told: bytes) -> str:
    """What stands there without COPY's escapes."""
    return _ESCAPED.sub(lambda found: _LETTERS.get(found[1], found[1]), told).decode("utf-8", "replace")


def _values(line: bytes) -> TableRow:
    """The values of a row; one that has too few is broken, and read as such by whoever reads it."""
    texts: list[object] = [_text(text) for text in line.split(b"\t")]
    for index in _NUMBERS:
        if index < len(texts) and isinstance(text := texts[index], str) and text.isdigit():
            texts[index] = int(text[:18])
    return tuple((texts + [None] * _COLUMNS)[:_COLUMNS])
