"""What measurements share: honest numbers, a table that can be read, JSON that can be compared."""

import json
from pathlib import Path

import pytest

from bench.report import Options, Times, finish, options, side_by_side, table, times


def test_arguments() -> None:
    assert options("x", []) == Options(None, small=False)
    assert options("x", ["--small", "--json", "a.json"]) == Options(Path("a.json"), small=True)


def test_times_are_milliseconds_in_their_order() -> None:
    found = Times.of([at / 1000 for at in range(1, 102)])
    assert found.calls == 101
    assert [found.median, found.p95, found.p99] == pytest.approx([51, 96, 100])
    assert found.row().keys() == {"calls", "median_ms", "p95_ms", "p99_ms"}


def test_calls_take_turns_and_the_first_does_not_count() -> None:
    asked: list[str] = []
    found = side_by_side({"a": lambda: asked.append("a"), "b": lambda: asked.append("b")}, 3)
    assert asked == ["a", "b"] * 4
    assert [each.calls for each in found.values()] == [3, 3]
    assert times(lambda: None, 2).calls == 2


def test_a_table_has_a_column_for_each_name() -> None:
    rows = [{"what": "a", "count": 1000, "flat": True}, {"what": "long", "ratio": 1.234, "flat": False}]
    assert table(rows).splitlines() == [
        "what  count  flat  ratio",
        "a     1,000   yes",
        "long                1.23",
    ]


def test_a_report_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.json"
    finish(Options(file, small=True), "x", [{"ratio": 1.5}], worst_ratio=1.5)
    assert capsys.readouterr().out.splitlines() == ["ratio", " 1.50", "worst_ratio: 1.50"]
    report = json.loads(file.read_text("utf-8"))
    assert report.pop("machine").keys() >= {"cores", "python", "system", "versions", "date"}
    assert report == {"bench": "x", "small": True, "rows": [{"ratio": 1.5}], "worst_ratio": 1.5}


def test_a_ratio_that_is_no_number_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        finish(Options(tmp_path / "x", small=True), "x", [{"ratio": float("nan")}])
