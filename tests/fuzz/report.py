"""What a run of the fuzzer amounts to, a table a family."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from tests.fuzz.run import Result

_HEAD = (
    "| parser | recordings | mutations | refused | isolated | crashes, hangs | against the rules | slowest |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def tables(results: Iterable[Result]) -> str:
    """A table for each family, a row for each of its parsers and one for all, as Markdown."""
    ordered = sorted(results, key=lambda result: (result.family, result.parser))
    return "\n\n".join(_table(family, list(of)) for family, of in groupby(ordered, key=lambda result: result.family))


def _table(family: str, results: list[Result]) -> str:
    parsers = [_row(parser, list(of)) for parser, of in groupby(results, key=lambda result: result.parser)]
    return "\n".join((f"### {family}", "", _HEAD, *parsers, _row("**all**", results)))


def _row(name: str, results: Sequence[Result]) -> str:
    mutations = sum(result.mutations for result in results)
    faults = sum(result.crashes + result.hangs for result in results)
    return (
        "| "
        + " | ".join(
            (
                name,
                str(len({path for result in results for path in (result.recording, *result.also)})),
                f"{mutations:,}",
                _share(sum(result.refused for result in results), mutations),
                _share(sum(result.isolated for result in results), mutations),
                str(faults),
                str(sum(result.unlawful for result in results)),
                f"{max(result.slowest for result in results) * 1000:.0f} ms",
            )
        )
        + " |"
    )


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.1f} %" if count else "–"
