"""What must hold of every mutation that a parser did not refuse, and of some that it did."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote_to_bytes

from app.domain.registration import AuthFailure, Contact
from app.domain.text import clean
from tests.fuzz.case import Case, Pair, Reading
from tests.fuzz.mutate import Mutation, Place

_ESCAPED = re.compile(rb"\\u00([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer, and what the parser makes of it unmutated."""

    body: bytes
    reading: Reading | None
    """None where the answer is refused as it is."""
    pairs: frozenset[Pair]
    records: tuple[tuple[Place, frozenset[Pair]], ...]
    seconds: float
    """CPU time that reading it takes."""

    @classmethod
    def of(cls, case: Case, body: bytes, reading: Reading | None, seconds: float) -> "Sample":
        """Raises AssertionError where the records alone are not what the whole is."""
        pairs = frozenset(reading.pairs if reading else ())
        places = tuple(case.records(body)) if case.records and reading else ()
        records = tuple((place, _pairs_of(case, body, place)) for place in places)
        together: frozenset[Pair] = frozenset().union(*(alone for _place, alone in records))
        assert not records or together == pairs or (case.leaning and together < pairs), (case.name, together ^ pairs)
        return cls(body, reading, pairs, records, seconds)


def _pairs_of(case: Case, body: bytes, place: Place) -> frozenset[Pair]:
    assert case.alone is not None
    return frozenset(case.read(case.alone(body[slice(*place)])).pairs)


def broken_by(case: Case, sample: Sample, mutation: Mutation, record: int | None, reading: Reading) -> Iterator[str]:
    """The laws that a reading breaks, each with its evidence. `record` is the one that was mutated, if only one was."""
    found = frozenset(reading.pairs)
    if record is not None and (lost := _beside(sample, record) - found):
        yield f"lost: {sorted(lost, key=repr)[:3]}"
    if (case.announced or (case.counted and is_spared(case, sample, mutation, record))) and _uncounted(
        case, sample, mutation, reading
    ):
        yield f"uncounted: {sorted(sample.pairs - found, key=repr)[:3]}"
    place = (0, len(sample.body)) if record is None else sample.records[record][0]
    invented = [key for key in reading.keys - _known(sample) if not _written(key, sample.body, mutation, place)]
    if invented:
        yield f"invented: {sorted(invented)[:3]}"
    if record is not None and _injects(case, sample, mutation, record) and (forged := found - sample.pairs):
        yield f"forged: {sorted(forged, key=repr)[:3]}"
    if unfit := [pair for pair in found if not _fit(pair)]:
        yield f"unfit: {unfit[:2]}"
    if case.whole and mutation.end == len(sample.body) and not mutation.new and not _same(sample, reading):
        yield f"short: {len(found)} of {len(sample.pairs)}"


def is_spared(case: Case, sample: Sample, mutation: Mutation, record: int | None) -> bool:
    """Whether a mutation may cost one record only, which it leaves something of."""
    if record is None or (not mutation.new and (mutation.start, mutation.end) == sample.records[record][0]):
        return False
    return case.spares(sample.body, mutation)


def _beside(sample: Sample, record: int) -> frozenset[Pair]:
    """What all records but one tell."""
    return frozenset().union(*(pairs for number, (_, pairs) in enumerate(sample.records) if number != record))


def _uncounted(case: Case, sample: Sample, mutation: Mutation, reading: Reading) -> bool:
    before = sample.reading.broken if sample.reading else 0
    if len(frozenset(reading.pairs)) >= len(sample.pairs) or reading.broken > before:
        return False
    return case.ended is None or not case.ended.search(mutation.of(sample.body))


def _injects(case: Case, sample: Sample, mutation: Mutation, record: int) -> bool:
    """Whether a stranger can have done it: what he writes is never the last that an event tells."""
    rest = sample.body[mutation.end : sample.records[record][0][1]]
    short = mutation.start == mutation.end and len(mutation.new) <= case.injected
    return short and b"\n" in mutation.new and b"\n" in rest


def _fit(pair: Pair) -> bool:
    """Whether a line's name and what is shown of a contact can be stored and shown."""
    key, told = pair
    shown = (told.uri, told.source, told.user_agent) if isinstance(told, Contact) else _shown(told)
    return bool(key) and _is_text(key) and all(text is None or clean(text) == text for text in shown)


def _shown(told: object) -> tuple[str | None, ...]:
    return (told.source, told.user_agent) if isinstance(told, AuthFailure) else ()


def _is_text(key: str) -> bool:
    return all(character > " " and character != "\x7f" and not "\ud800" <= character <= "\udfff" for character in key)


def _known(sample: Sample) -> set[str]:
    return sample.reading.keys if sample.reading else set()


def _same(sample: Sample, reading: Reading) -> bool:
    before = sample.reading
    return before is not None and (reading.pairs, reading.told) == (before.pairs, before.told)


def _written(key: str, body: bytes, mutation: Mutation, place: Place) -> bool:
    """Whether a line's name stands in what was mutated, the record or the whole answer, however it may be written."""
    first, last = place
    text = mutation.of(body)[first : last + len(mutation.new) - (mutation.end - mutation.start)]
    plain = (_ESCAPED.sub(_unescaped, text).replace(b"\\", b""), text.replace(b"\\", b""))
    texts = (text, *plain, *map(unquote_to_bytes, plain))
    variants = [text.decode(coding, "replace").lower() for text in texts for coding in ("utf-8", "latin-1")]
    variants += map(unescape, tuple(variants))
    return any(all(part.strip("[]") in variant for part in key.split("@")) for variant in variants)


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode())
