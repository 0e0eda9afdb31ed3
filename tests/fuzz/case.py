"""What is fuzzed: a parser, the recordings that it can meet, and what it promises of them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.mutate import Mutation, Place
from workers.sip.base import SipError

PAYLOADS = Path(__file__).parents[1] / "payloads"

Pair = tuple[str, object]
"""A line's key and one thing that was told of it: a contact, a failure, a change."""


@dataclass(slots=True)
class Reading:
    """What a parser made of some bytes."""

    pairs: list[Pair] = field(default_factory=list)
    broken: int = 0
    """Records that it could not read and counted."""
    told: object = None
    """Whatever else it read."""

    @property
    def keys(self) -> set[str]:
        """The lines of which something was told."""
        return {key for key, _ in self.pairs}


def _never(_body: bytes, _mutation: Mutation) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Case:
    """A parser and one recording. What raises other than `errors` has crashed."""

    family: str
    parser: str
    recording: str
    """Its path under tests/payloads."""
    samples: tuple[bytes, ...]
    """The answers in the recording that this parser can meet; each mutation is of one of them."""
    read: Callable[[bytes], Reading]
    errors: tuple[type[Exception], ...] = (SipError,)
    records: Callable[[bytes], Iterable[Place]] | None = None
    """Where each record lies, in a parser of lists."""
    alone: Callable[[bytes], bytes] | None = None
    """The whole answer that a server with this record only would give."""
    spares: Callable[[bytes, Mutation], bool] = _never
    """Whether a mutation within a record may cost that record only; any other may have the whole answer refused."""
    leaning: bool = False
    """Whether what one record tells may depend on others before it: then what it tells alone must stay."""
    framed: bool = False
    """Whether records are told apart by their lengths: only what keeps a length is a mutation within one record."""
    counted: bool = False
    """Whether a record that is spared the others, and got lost, is counted as broken unless it has ended."""
    announced: bool = False
    """The same of whatever mutation costs records: the server says how many there are."""
    ended: re.Pattern[bytes] | None = None
    """What says in a record that it has ended."""
    injected: int = 0
    """How many bytes with line ends a stranger can put into a record: it may then tell what it told, or nothing."""
    whole: bool = False
    """Whether an answer that is cut is refused."""
    also: tuple[str, ...] = ()
    """Other recordings that differ from this one in nothing that a parser looks at."""

    @property
    def name(self) -> str:
        """Says which of all cases it is."""
        return f"{self.family}/{self.parser}/{self.recording}"


def spans(pattern: bytes) -> Callable[[bytes], list[Place]]:
    """Finds records by a pattern."""
    compiled = re.compile(pattern, re.DOTALL)
    return lambda body: [match.span() for match in compiled.finditer(body)]


def keeps_lines(body: bytes, mutation: Mutation) -> bool:
    """Whether a mutation neither adds nor takes a line's end."""
    return b"\n" not in body[mutation.start : mutation.end] + mutation.new


_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def within_string(body: bytes, mutation: Mutation) -> bool:
    """Whether a mutation changes nothing but the inside of one JSON string, as what a phone writes does."""
    before = body[max(0, mutation.start - 1) : mutation.start]
    if any(mark in before + body[mutation.start : mutation.end] + mutation.new for mark in (b"\\",)):
        return False
    if b'"' in mutation.new:
        return False
    found = (match.span(1) for match in _STRING.finditer(body))
    return any(first <= mutation.start and mutation.end <= last for first, last in found)


def distinct(bodies: Iterable[bytes]) -> tuple[bytes, ...]:
    """Each body once, in their order."""
    return tuple(dict.fromkeys(bodies))
