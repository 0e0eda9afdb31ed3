"""Mutations: one change of some bytes at one place, as a wire, a phone or a stranger could make it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

# What means something to one of the parsers, or to something below them.
_ENDS = (b"\r\n", b"\r\n\r\n", b"\n", b"\n\n", b"\r", b"%0D%0A")
_SPICE = (
    *(b"\t", b" ", b": ", b":", b",", b"|", b"::", b";@", b"@", b";", b"=", b"%", b"%00"),
    *(b'"', b'\\"', b"\\", b"\\N", b"'"),
    *(b"{", b"}", b"[", b"]", b"<", b">", b"&", b"&#0;", b"null", b"true", b"NaN", b"\\ud800", b"\\u0000", b"expired"),
    *(b"permanent", b"[not set]", b"<null>", b'"error":{"code":500},', b'{"AOR":', b'"AORs":[', b']},{"entry":'),
    *(b"</registration>", b"</row>", b"<user>9@h</user>", b"\r\nEvent: ", b"\r\nEventList: Complete"),
    *(
        b"\r\nListItems: 0",
        b"\r\nAccountID: 9",
        b"\r\nAOR: 9",
        b"\r\n\r\nEvent: ContactStatus\r\n",
        b"\nContent-Length: 9\n",
    ),
)
_NUL = (b"\x00", b"\x00" * 9)
_NO_UTF8 = (b"\xff", b"\xfe\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf8\x88", b"\x80", b"\xe9\xfc\xdf")
_LARGE = (
    *(b"-1", b"0", b"-0", b"0.5", b"1e999", b"-1e999", b"NaN", b"4294967296"),
    *(b"9" * 19, b"9" * 40, b"9" * 400, b"9" * 5000),
)
_DEEP = (b"[" * 3000, b'{"a":' * 3000, b"A" * 3000, b"(" * 300, b"<" * 300, b"%41" * 300)
_NUMBER = re.compile(rb"\d+(?:\.\d+)?")
_CHUNK = 60

Place = tuple[int, int]
"""Where a mutation may happen: the first byte, and the byte behind the last."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """The bytes from `start` to `end` become `new`."""

    kind: str
    start: int
    end: int
    new: bytes

    def of(self, body: bytes) -> bytes:
        """The mutated body."""
        return body[: self.start] + self.new + body[self.end :]


Make = Callable[[bytes, Place, Random, Sequence[bytes]], tuple[int, int, bytes]]


def _at(place: Place, dice: Random) -> int:
    first, last = place
    return dice.randrange(first, last) if first < last else first


def _piece(place: Place, dice: Random) -> Place:
    start = _at(place, dice)
    return start, min(place[1], start + dice.randrange(1, _CHUNK))


def _flip(body: bytes, place: Place, dice: Random, _pool: Sequence[bytes]) -> tuple[int, int, bytes]:
    start = _at(place, dice)
    end = min(start + 1, place[1])
    return start, end, bytes(byte ^ (1 << dice.randrange(8)) for byte in body[start:end])


def _overwrite(_body: bytes, place: Place, dice: Random, _pool: Sequence[bytes]) -> tuple[int, int, bytes]:
    start, end = _piece(place, dice)
    end = min(end, start + dice.choice((1, 1, 1, 8, _CHUNK)))
    return start, end, dice.randbytes(end - start)


def _delete(_body: bytes, place: Place, dice: Random, _pool: Sequence[bytes]) -> tuple[int, int, bytes]:
    start, end = _piece(place, dice)
    return start, min(end, start + dice.choice((1, 1, _CHUNK))), b""


def _duplicate(body: bytes, place: Place, dice: Random, _pool: Sequence[bytes]) -> tuple[int, int, bytes]:
    start, end = _piece(place, dice)
    return end, end, body[start:end]


def _truncate(_body: bytes, place: Place, dice: Random, _pool: Sequence[bytes]) -> tuple[int, int, bytes]:
    return _at(place, dice), place[1], b""


def _drop(_body: bytes, place: Place, _dice: Random, _pool: Sequence[bytes]) -> tuple[int, int, bytes]:
    return *place, b""


def _splice(_body: bytes, place: Place, dice: Random, pool: Sequence[bytes]) -> tuple[int, int, bytes]:
    """A piece of another recording, here or in the place of as much."""
    other = dice.choice(pool)
    begin = dice.randrange(len(other)) if other else 0
    new = other[begin : begin + dice.randrange(1, 4 * _CHUNK)]
    at = _at(place, dice)
    return at, dice.choice((at, min(place[1], at + len(new)))), new


def _number(body: bytes, place: Place, dice: Random, _pool: Sequence[bytes]) -> tuple[int, int, bytes]:
    """Another number where one is."""
    found = _NUMBER.search(body, _at(place, dice), place[1]) or _NUMBER.search(body, *place)
    start, end = found.span() if found else (place[1], place[1])
    return start, end, dice.choice(_LARGE)


def _put(choice: Sequence[bytes]) -> Make:
    def make(_body: bytes, place: Place, dice: Random, _pool: Sequence[bytes]) -> tuple[int, int, bytes]:
        at = _at(place, dice)
        return at, at, dice.choice(choice)

    return make


MAKERS: dict[str, Make] = {
    "flip": _flip,
    "overwrite": _overwrite,
    "delete": _delete,
    "duplicate": _duplicate,
    "truncate": _truncate,
    "drop": _drop,
    "splice": _splice,
    "number": _number,
    "spice": _put(_SPICE),
    "line ends": _put(_ENDS),
    "no UTF-8": _put(_NO_UTF8),
    "NUL": _put(_NUL),
    "oversize": _put(_DEEP),
}
_KINDS = tuple(MAKERS)
# Deep and long ones cost most and differ least, and there is one way only to have nothing left.
_OFTEN = tuple({"oversize": 1, "drop": 2}.get(kind, 8) for kind in _KINDS)


def mutation(body: bytes, place: Place, dice: Random, pool: Sequence[bytes]) -> Mutation:
    """One change of `body` within `place`; `pool` holds what pieces are spliced in from."""
    (kind,) = dice.choices(_KINDS, _OFTEN)
    return Mutation(kind, *MAKERS[kind](body, place, dice, pool))
