"""What every measurement has in common: its arguments, times of many calls, a table for people, JSON for machines."""

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

_LIBRARIES = ("flask", "sqlalchemy", "redis", "gunicorn")
Row = Mapping[str, Any]
"""One line of a report: JSON values by their names. A name with `ratio` in it holds a number above 0."""


@dataclass(frozen=True, slots=True)
class Options:
    """How one run was asked for."""

    json: Path | None
    small: bool
    """Sizes and counts that take seconds: for CI, where it only must not rot."""


def options(what: str, arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; `what` says what is measured."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there too")
    parser.add_argument("--small", action="store_true", help="small sizes, within seconds")
    found = parser.parse_args(arguments)
    return Options(found.json, found.small)


@dataclass(frozen=True, slots=True)
class Times:
    """How long many calls of one thing took, in milliseconds."""

    calls: int
    median: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times":
        """Of at least two calls."""
        cuts = quantiles(seconds, n=100, method="inclusive")
        return cls(len(seconds), 1000 * median(seconds), 1000 * cuts[94], 1000 * cuts[98])

    def row(self) -> dict[str, float]:
        """For a report."""
        return {"calls": self.calls, "median_ms": self.median, "p95_ms": self.p95, "p99_ms": self.p99}


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    began = perf_counter()
    call()
    return perf_counter() - began


def times(call: Callable[[], object], rounds: int) -> Times:
    """`rounds` calls, at least two, after one that does not count."""
    return side_by_side({"": call}, rounds)[""]


def side_by_side(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Each of some calls `rounds` times, in turns: what else the machine does is shared by all of them alike."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            found[name].append(seconds(call))
    return {name: Times.of(taken) for name, taken in found.items()}


def machine() -> dict[str, object]:
    """What the figures were measured on, and when."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in _LIBRARIES},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def table(rows: Iterable[Row]) -> str:
    """The rows under their names, numbers to the right."""
    kept = list(rows)
    names = list(dict.fromkeys(name for row in kept for name in row))
    cells = [names, *([_text(row.get(name)) for name in names] for row in kept)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    numbers = [all(isinstance(row.get(name, 0), int | float) for row in kept) for name in names]
    aligned = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numbers, strict=True)
        )
        for line in cells
    ]
    return "\n".join(line.rstrip() for line in aligned)


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def finish(asked: Options, bench: str, rows: Sequence[Row], **facts: object) -> None:
    """Print the rows and `facts`, and write them where the command line says; `bench` is the script's name."""
    print(table(rows))
    for name, value in facts.items():
        print(f"{name}: {_text(value)}")
    if asked.json is not None:
        report = {"bench": bench, "small": asked.small, "machine": machine(), "rows": list(rows), **facts}
        asked.json.write_text(json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False) + "\n", "utf-8")
