"""No sign lies for a minute of churn and faults; and a portal that does is found out."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.process import ROOT, environment, python

_PATIENCE = 240
"""Seconds: far more than such a run takes, its set-up included; it is to end, and this is no measurement."""


def soak(file: Path, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        python("-m", "bench.truth", "--json", str(file), *arguments),
        cwd=ROOT,
        env=environment({}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return report


def test_a_minute_of_churn_and_faults_without_a_wrong_sign(tmp_path: Path) -> None:
    report = soak(tmp_path / "report.json", "--seconds", "60", "--lines", "500")
    assert report["wrong"] == 0
    assert report["observations"] > 10_000
    assert 0 < report["lag_p50"] <= report["lag_p99"]
    assert report["unknown_seconds"] > 0
    broken = {row["what"] for row in report["rows"] if "seconds" in row}
    assert len(broken) >= 3, "faults were injected"


def test_a_rule_that_shows_what_is_not_known_as_not_registered_is_found_out(tmp_path: Path) -> None:
    report = soak(tmp_path / "report.json", "--seconds", "30", "--lines", "100", "--broken-rule")
    assert report["wrong"] > 0
