"""No sign lies for a minute of churn and faults; and a portal that does is found out."""

from pathlib import Path

from tests.support.measured import report_of

_PATIENCE = 240
"""Seconds: far more than such a run takes, its set-up included; it is to end, and this is no measurement."""


def test_a_minute_of_churn_and_faults_without_a_wrong_sign(tmp_path: Path) -> None:
    report = report_of("truth", tmp_path / "report.json", "--seconds", "60", "--lines", "500", seconds=_PATIENCE)
    assert report["wrong"] == 0
    assert report["observations"] > 10_000
    assert 0 < report["lag_p50"] <= report["lag_p99"]
    assert report["unknown_seconds"] > 0
    broken = {row["what"] for row in report["rows"] if "seconds" in row}
    assert len(broken) >= 3, "faults were injected"


def test_a_rule_that_shows_what_is_not_known_as_not_registered_is_found_out(tmp_path: Path) -> None:
    report = report_of(
        "truth", tmp_path / "report.json", "--seconds", "30", "--lines", "100", "--broken-rule", seconds=_PATIENCE
    )
    assert report["wrong"] > 0
