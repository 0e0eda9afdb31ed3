"""The harness finds what it is there to find: each law is broken here by a parser that is made for it."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import __main__ as command
from tests.fuzz.case import Case, Pair, Reading, keeps_lines, spans
from tests.fuzz.mutate import MAKERS, mutation
from tests.fuzz.run import Result, run
from workers.sip.base import Problem, SipError

LIST = b"1001 a\n1002 b\n1003 c\n1004 d\nend of 4\n"


def read(body: bytes) -> Reading:
    """Lines with one contact each, and how many there are."""
    *rows, last = body.decode("latin-1").removesuffix("\n").split("\n")
    if last != f"end of {len(rows)}":
        raise SipError(Problem.TRUNCATED)
    pairs: list[Pair] = []
    for row in rows:
        user, _, contact = row.partition(" ")
        pairs += [(user, contact)] if user.isascii() and user.isdigit() and contact else []
    return Reading(pairs, broken=len(rows) - len(pairs))


HONEST = Case(
    *("made up", "list", "list", (LIST,), read),
    records=spans(rb"(?m)^\d+ [^\n]*"),
    alone=lambda record: record + b"\nend of 1\n",
    spares=keeps_lines,
    counted=True,
    announced=True,
    whole=True,
)


def fooled(parser: Callable[[bytes], Reading], mutations: int = 400) -> Result:
    return run(replace(HONEST, read=lambda body: read(body) if body in ALONE else parser(body)), mutations, "1")


# What is read to learn what is right; a parser that goes wrong may do so with all else.
ALONE = {LIST, *(line + b"\nend of 1\n" for line in LIST.split(b"\n")[:4])}


def test_an_honest_parser_is_clean() -> None:
    result = run(HONEST, 2000, "1")
    assert result.clean, result.findings
    assert 0 < result.refused < 2000
    assert 0 < result.isolated < 2000 - result.refused


def test_the_same_seed_makes_the_same_mutations() -> None:
    first, second, other = (run(HONEST, 300, seed) for seed in ("1", "1", "2"))
    assert (first.refused, first.isolated) == (second.refused, second.isolated) != (other.refused, other.isolated)


def test_a_crash_is_found() -> None:
    def crashes(body: bytes) -> Reading:
        reading = read(body)
        return Reading(reading.pairs, reading.broken, told=1 // body.count(b"b"))

    result = fooled(crashes)
    assert result.crashes > 0
    assert any("ZeroDivisionError" in finding for finding in result.findings)


def test_a_parser_that_does_not_come_back_is_ended_and_found() -> None:
    calls = itertools.count()

    def hangs(body: bytes) -> Reading:
        while next(calls) >= 0 and b"b" not in body:
            pass
        return read(body)

    result = fooled(hangs, 8)
    assert result.hangs > 0
    assert result.slowest >= 0.4


def test_a_record_that_is_lost_beside_the_mutated_one_is_found() -> None:
    def forgets(body: bytes) -> Reading:
        reading = read(body)
        return Reading(reading.pairs[:-1], reading.broken + 1)

    assert any(finding.startswith("lost") for finding in fooled(forgets).findings)


def test_a_record_that_vanishes_without_being_counted_is_found() -> None:
    assert any(finding.startswith("uncounted") for finding in fooled(lambda body: Reading(read(body).pairs)).findings)


def test_a_line_that_nobody_wrote_is_found() -> None:
    def invents(body: bytes) -> Reading:
        reading = read(body)
        return Reading([*reading.pairs, ("9999", "x")], reading.broken)

    assert any(finding.startswith("invented") for finding in fooled(invents).findings)


def test_a_short_answer_that_is_believed_is_found() -> None:
    def trusts(body: bytes) -> Reading:
        rows = body.count(b"\n")
        return read(body if b"end" in body else body + b"\nend of %d\n" % (rows + 1))

    assert any(finding.startswith("short") for finding in fooled(trusts).findings)


def test_a_line_that_was_injected_and_is_believed_is_found() -> None:
    def believes(body: bytes) -> Reading:
        rows = body.partition(b"end of")[0]
        return read(rows + b"end of %d\n" % rows.count(b"\n"))

    pairs = replace(
        HONEST, injected=9, records=spans(rb"\d+ [^\n]*\n\d+ [^\n]*"), alone=lambda two: two + b"\nend of 2\n"
    )
    assert run(pairs, 2000, "1").clean
    trusting = replace(pairs, read=believes, counted=False, announced=False, whole=False)
    result = run(trusting, 2000, "1")
    assert any(finding.startswith("forged") for finding in result.findings)


def test_one_broken_record_that_costs_all_is_found() -> None:
    def refuses(body: bytes) -> Reading:
        if read(body).broken:
            raise SipError(Problem.GARBAGE)
        return read(body)

    assert any(finding.startswith("refused") for finding in fooled(refuses).findings)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_mutation_stays_in_its_place(kind: str) -> None:
    dice = Random(kind)
    for first, last in ((0, len(LIST)), (7, 13), (7, 7), (0, 0)):
        for _ in range(100):
            start, end, _new = MAKERS[kind](LIST, (first, last), dice, (LIST, b""))
            assert first <= start <= end <= last


def test_nothing_at_all_can_be_mutated() -> None:
    dice = Random(1)
    assert {len(mutation(b"", (0, 0), dice, (b"",)).of(b"")) for _ in range(200)} > {0}


@pytest.mark.parametrize(("only", "status"), [("/core.version/", 0), ("no such case", 1)])
def test_the_command(
    only: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = tmp_path / "told.json"
    words = ["fuzz", "--mutations", "5", "--family", "kamailio", "--only", only, "--jobs", "1", "--json", str(told)]
    monkeypatch.setattr("sys.argv", words)
    assert command.main() == status
    assert ("5 mutations, seed 1" in capsys.readouterr().out) == (status == 0)
    assert told.read_text().count('"recording"') == (1 if status == 0 else 0)
