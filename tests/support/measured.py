"""A measurement of bench/, run as a person would."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.process import ROOT, environment, python


def report_of(name: str, file: Path, *arguments: str, seconds: float) -> Any:
    """Run `bench/{name}.py`, which is to end well within so many seconds, and return the report that it wrote."""
    done = subprocess.run(
        python("-m", f"bench.{name}", "--json", str(file), *arguments),
        cwd=ROOT,
        env=environment({}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return json.loads(file.read_text(encoding="utf-8"))
