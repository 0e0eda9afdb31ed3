"""Every measurement still runs: small, with a report whose ratios are numbers."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.measured import report_of
from tests.support.process import ROOT

BENCHES = {
    "pages": {"rows", "worst_ratio", "html"},
    "login": {"rows", "slower_by_ms"},
    "ingest": {"rows", "worst_ratio_to_floor"},
    "steady": {"rows", "worst_write_ratio"},
    "polite": {"rows", "duty", "stretched_interval", "median_ratio", "p99_ratio"},
    "lookup": {"rows", "p95_ms", "lookups_of_all_people"},
    "poll": {"rows", "unchanged_ratio", "us_per_changed_cell"},
    "audience": {"rows", "lines", "goal_p99_ms"},
    "farm": {"rows", "taken_over_s"},
}
"""Each script and what its report must hold beside the machine."""
ELSEWHERE = {"truth"}
"""Those whose run takes a minute have a test of their own."""
_SECONDS = 120
"""Far more than a small run takes: it is to end, and this is no measurement."""


def ratios(report: Any, name: str = "") -> Iterator[Any]:
    """Every value of a report whose name speaks of a ratio."""
    if isinstance(report, dict):
        for key, value in report.items():
            yield from ratios(value, key)
    elif isinstance(report, list):
        for value in report:
            yield from ratios(value, name)
    elif "ratio" in name:
        yield report


def test_all_of_them_are_run() -> None:
    modules = {path.stem for path in (ROOT / "bench").glob("*.py") if "__main__" in path.read_text(encoding="utf-8")}
    assert modules == BENCHES.keys() | ELSEWHERE


@pytest.mark.parametrize("name", BENCHES)
def test_a_small_run_writes_its_report(name: str, tmp_path: Path) -> None:
    report = report_of(name, tmp_path / "report.json", "--small", seconds=_SECONDS)
    assert report.keys() >= {"bench", "small", "machine", *BENCHES[name]}
    assert report["machine"].keys() >= {"cores", "python", "versions", "date"}
    assert (report["bench"], report["small"]) == (name, True)
    found = list(ratios(report))
    assert all(isinstance(ratio, float | int) and math.isfinite(ratio) and ratio > 0 for ratio in found)
