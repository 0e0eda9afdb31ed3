"""Runs one case: so many mutations, each under a watch of its CPU time, each judged by the laws."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from types import FrameType

from tests.fuzz.case import Case, Reading
from tests.fuzz.laws import Sample, broken_by, is_spared
from tests.fuzz.mutate import Mutation, mutation

# A parser that takes so many times what it takes for the recording, or its share by length, hangs; below so many
# seconds nothing is told from the collector of garbage.
_PATIENCE = 50
_LEAST = 0.5
_KEPT = 3
_READINGS = 3


class HangError(BaseException):
    """A parser's time is over. No parser can catch it by mistake."""


@dataclass(slots=True)
class Result:
    """What came of one case."""

    family: str
    parser: str
    recording: str
    also: tuple[str, ...] = ()
    """Other recordings that are the same to this parser."""
    mutations: int = 0
    refused: int = 0
    """Mutations for which the whole answer was refused by the adapter's own error."""
    isolated: int = 0
    """Mutations that cost one or more records, counted, while the rest of the answer was read."""
    crashes: int = 0
    hangs: int = 0
    unlawful: int = 0
    slowest: float = 0.0
    """CPU seconds of the mutation that took most."""
    usual: float = 0.0
    """CPU seconds for the recording as it is."""
    findings: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.crashes or self.hangs or self.unlawful)

    def note(self, what: str, sample: Sample, mutated: Mutation) -> None:
        """Keep what was found, with all that makes it again."""
        if len(self.findings) < _KEPT:
            near = sample.body[max(0, mutated.start - 40) : mutated.end + 40]
            self.findings.append(f"{what}\n    {mutated!r:.300}\n    near {near!r:.300}")


@contextmanager
def watched() -> Iterator[None]:
    """Within it `_read` can end a parser that hangs. For the main thread only, as signals are."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGVTALRM, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def run(case: Case, mutations: int, seed: str, pool: Sequence[bytes] = (b"",)) -> Result:
    """So many mutations of a case, pieces spliced in from `pool`. The same seed makes the same ones."""
    result = Result(case.family, case.parser, case.recording, case.also)
    dice = Random(f"{seed}/{case.name}")
    with watched():
        samples = [_sample(case, body) for body in case.samples]
        result.usual = max(sample.seconds for sample in samples)
        for _ in range(mutations):
            _try(case, dice.choice(samples), dice, pool, result)
    return result


def _sample(case: Case, body: bytes) -> Sample:
    """A sample with what it is read as."""
    reading: Reading | None = None
    began = time.process_time()
    for _ in range(_READINGS):
        try:
            reading = case.read(body)
        except case.errors:
            reading = None
    return Sample.of(case, body, reading, (time.process_time() - began) / _READINGS)


def _try(case: Case, sample: Sample, dice: Random, pool: Sequence[bytes], result: Result) -> None:
    record = dice.randrange(len(sample.records)) if sample.records and dice.random() < 0.5 else None
    place = (0, len(sample.body)) if record is None else sample.records[record][0]
    mutated = mutation(sample.body, place, dice, pool)
    body = mutated.of(sample.body)
    if case.framed and len(body) != len(sample.body):
        record = None
    limit = max(_LEAST, _PATIENCE * sample.seconds * max(1.0, len(body) / max(1, len(sample.body))))
    result.mutations += 1
    began = time.process_time()
    try:
        reading = _read(case, body, limit)
    except case.errors:
        result.refused += 1
        if is_spared(case, sample, mutated, record):
            result.unlawful += 1
            result.note("refused: a mutation within one record cost all", sample, mutated)
        return
    except HangError:
        result.hangs += 1
        result.note(f"hang: more than {limit:.2f} s", sample, mutated)
        return
    except Exception as error:
        result.crashes += 1
        result.note(f"crash: {error!r:.200}", sample, mutated)
        return
    finally:
        result.slowest = max(result.slowest, time.process_time() - began)
    _judge(case, sample, mutated, record, reading, result)


def _read(case: Case, body: bytes, limit: float) -> Reading:
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    try:
        return case.read(body)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _judge(case: Case, sample: Sample, mutated: Mutation, record: int | None, reading: Reading, result: Result) -> None:
    if reading.broken > (sample.reading.broken if sample.reading else 0):
        result.isolated += 1
    broken = list(broken_by(case, sample, mutated, record, reading))
    result.unlawful += bool(broken)
    for law in broken:
        result.note(law, sample, mutated)
