"""The answer to `htable.dump` of the mirror, read slot by slot: most of them at once, odd ones as JSON. Pure.

Kamailio writes JSON without a space, one array a slot. In a slot of plain ASCII without a backslash no string holds a
quote, so it can be cut at the marks between its entries; any other slot is parsed. The mark between two slots has a
quote behind a brace, which within a string would have a backslash before it: no phone can write it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from workers.sip.base import Problem, SipError
from workers.sip.kamailio import slots
from workers.sip.kamailio.contact import BrokenError, line_key
from workers.sip.kamailio.slots import Entry
from workers.sip.kamailio.values import mirrored

_PIECE = 128 * 1024
_BETWEEN = b']},{"entry":'
_HEAD = b'{"jsonrpc":"2.0","result":[{"entry":'
_TAIL = re.compile(rb'\]\}\](,"id":[^}]{1,80}\})\s*\Z')
_SLOT = re.compile(rb'[0-9]+,"size":([0-9]{1,9}),"slot":\[')
_SIZE = re.compile(rb'"size":([0-9]{1,9}),"slot":\[')
# Within a plain slot a quote ends a string: what goes on to the next quote is the quickest that a pattern can do.
_ENTRY = re.compile(
    rb'\{"name":"([^:"]*)::(sip[^"]*)","value":"([^|"]*)\|([^|"]*)\|([^:"]*):([^|"]*)\|[^|"]*\|([^"]*)","type":"str"\}'
)
# Most of them are simpler still: a line that is a number, at an address without parameters.
_NUMBER = (
    rb'\{"name":"([0-9]{1,32})(?:@%b|)::(sip:\1@[!#-:<-~]{1,150})",'
    rb'"value":"([1-7][0-9]{9})\|([1-9][0-9]{0,8})\|(udp|tcp|tls|wss?):((?!sip:)[!#-{}~]{0,99})\|[ !#-{}~]*\|'
    rb'([^"]*)","type":"str"\}'
)
_NAMED = re.compile(rb'"name":"([^:"]*)')
_NAME, _ENDS, _VALUE = b'"name":"', b"::sip:", b'","value"'
# Printable ASCII without a backslash.
_PLAIN = bytes(range(0x20, 0x7F)).replace(b"\\", b"")

Plain = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]
"""AoR, contact, time of the REGISTER, seconds that it holds, transport, host:port that it came from, user agent."""
Numbered = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]
"""The AoR's user, and then as above."""


@dataclass(slots=True)
class Block:
    """Some of the entries: `numbered` and `plain` ones in printable ASCII, the others as name and value."""

    numbered: list[Numbered] = field(default_factory=list)
    plain: list[Plain] = field(default_factory=list)
    odd: list[Entry] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbered) + len(self.plain) + len(self.odd)


def names(file: IO[bytes], home: str) -> Iterator[list[bytes]]:
    """The key of each entry's line, many at a time; much quicker than `blocks`. Other things may be among them."""
    suffix = b"@" + home.encode()
    for text in _pieces(file):
        found = _NAMED.findall(text)
        if suffix in text:
            # Most servers name no line with their domain.
            found = [name.removesuffix(suffix) for name in found]
        if not b"".join(found).isdigit():
            found = [_key(entry, suffix, home) for entry in text.split(_NAME)[1:]]
        yield found


def _key(entry: bytes, suffix: bytes, home: str) -> bytes:
    """The line's key in an entry that begins with its name; the name itself where it has none."""
    if (usual := entry[: entry.find(_ENDS)].removesuffix(suffix)).isdigit():
        return usual
    name = entry[: entry.find(_VALUE)]
    try:
        read = json.loads(f'"{name.decode("utf-8", "replace")}"', strict=False)
        return line_key(mirrored(read)[0], home).encode()
    except (ValueError, BrokenError):
        return name


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The file by whole slots, many at a time; the last piece ends as the file does."""
    file.seek(0)
    rest, size = b"", _PIECE
    while piece := file.read(size):
        whole, between, rest = (rest + piece).rpartition(_BETWEEN)
        # A slot that is longer than a piece would be put together again and again.
        size = _PIECE if between else 2 * size
        if between:
            yield whole
    yield rest


def blocks(file: IO[bytes], request_id: int | str, home: str) -> Iterator[Block]:
    """All entries of the table in the answer that `file` holds, from its beginning; `home` is the server's own domain.

    Raises SipError: GARBAGE for what is no such answer, TRUNCATED where a slot holds other than it announces.
    """
    file.seek(0)
    if file.read(len(_HEAD)) != _HEAD:
        # Another version writes spaces, or there is no entry at all.
        file.seek(0)
        yield Block(odd=list(slots.entries(iter(lambda: file.read(_PIECE), b""), request_id)))
        return
    number, pieces = re.compile(_NUMBER % re.escape(home.encode())), _pieces(file)
    held = next(pieces).removeprefix(_HEAD)
    for piece in pieces:
        yield _block(held, number)
        held = piece
    yield _block(_last(held, request_id), number)


def _last(text: bytes, request_id: int | str) -> bytes:
    """The last slots, without the answer's end."""
    tail = _TAIL.search(text, max(0, len(text) - 200))
    try:
        told = json.loads(b'{"r":1' + tail[1]) if tail else {}
    except ValueError:
        told = {}
    if tail is None:
        raise SipError(Problem.GARBAGE, "the answer is no table")
    if told.get("id") != request_id:
        raise SipError(Problem.GARBAGE, "the answer belongs to no question of ours")
    return text[: tail.start()]


def _block(text: bytes, number: re.Pattern[bytes]) -> Block:
    """The entries of whole slots: the text begins behind the head of the first and ends before the last bracket."""
    # Nearly always all of it is plain, and one look at the whole costs less than one at each slot.
    whole = not text.translate(None, _PLAIN)
    if whole:
        numbered, sizes = number.findall(text), _SIZE.findall(text)
        # All that the slots announce is there and nothing else: entries end with a brace, and slots but the last.
        if sum(map(int, sizes)) == len(numbered) and text.count(b"}") == len(numbered) + len(sizes) - 1:
            return Block(numbered)
    block = Block()
    for slot in text.split(_BETWEEN):
        _add(block, slot, number, plain=whole or not slot.translate(None, _PLAIN))
    return block


def _add(block: Block, slot: bytes, number: re.Pattern[bytes], *, plain: bool) -> None:
    """The entries of one slot, from behind its head on."""
    head = _SLOT.match(slot)
    size = int(head[1]) if head and plain else -1
    numbered = number.findall(slot) if size > 0 else []
    others = _ENTRY.findall(number.sub(b"", slot)) if len(numbered) < size else []
    if len(numbered) + len(others) == size == slot.count(_NAME):
        block.numbered += numbered
        block.plain += others
    else:
        body = b'{"jsonrpc":"2.0","result":[{"entry":%b]}],"id":1}' % slot
        block.odd += slots.entries([body], 1)
