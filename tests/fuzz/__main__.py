"""`./script/fuzz`: so many mutations of each recording for each parser that can meet it, on all cores."""

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.fuzz.report import tables
from tests.fuzz.run import Result, run
from tests.fuzz.table import FAMILIES, cases, pool

Task = tuple[str, int, int, str]
"""Family, number of the case, mutations, seed."""


def main() -> int:
    """Run what was asked for; 1 where something was found."""
    asked = _arguments()
    began = time.monotonic()
    results = list(_results(asked))
    found = [result for result in results if not result.clean]
    sys.stdout.write(tables(results) + "\n\n")
    for result in found:
        sys.stdout.write(f"{result.family}/{result.parser}/{result.recording}\n")
        sys.stdout.writelines(f"  {finding}\n" for finding in result.findings)
    total = sum(result.mutations for result in results)
    took = time.monotonic() - began
    counts = f"{len(found)} of {len(results)} cases failed"
    sys.stdout.write(f"{total:,} mutations, seed {asked.seed}, {took:.0f} s: {counts}\n")
    if asked.json:
        _write(asked, results, took)
    return 1 if found or not results else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/fuzz", description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000, help="of each recording for each parser")
    parser.add_argument("--seed", default="1", help="the same seed makes the same mutations")
    parser.add_argument("--family", choices=tuple(FAMILIES), action="append", help="only this one; may be repeated")
    parser.add_argument("--only", default="", help="only cases whose family/parser/recording holds this text")
    parser.add_argument("--json", type=Path, help="write what came of each case into this file")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at the same time")
    return parser.parse_args()


def _results(asked: argparse.Namespace) -> Iterator[Result]:
    tasks = [
        (family, number, asked.mutations, asked.seed)
        for family in asked.family or FAMILIES
        for number, case in enumerate(cases(family))
        if asked.only in case.name
    ]
    with ProcessPoolExecutor(asked.jobs) as executor:
        for number, result in enumerate(executor.map(_run, tasks), 1):
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{number} of {len(tasks)} cases\033[K")
            yield result
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")


def _run(task: Task) -> Result:
    family, number, mutations, seed = task
    case = cases(family)[number]
    # What has been loaded stays: the collector need not look at it again and again.
    gc.freeze()
    return run(case, mutations, seed, pool(family))


def _write(asked: argparse.Namespace, results: list[Result], took: float) -> None:
    told = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": sys.version.split()[0],
        "mutations": asked.mutations,
        "seed": asked.seed,
        "seconds": round(took, 1),
        "cases": [asdict(result) for result in results],
    }
    asked.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
