"""script/demo on machines that lack something: a copy of it among stand-ins for Python and pip."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.process import ROOT

TOOLS = ("bash", "env", "dirname", "mkdir", "grep", "sha256sum", "flock", "cat")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "script").mkdir(parents=True)
    (folder / "bin").mkdir()
    shutil.copy(ROOT / "script" / "demo", folder / "script" / "demo")
    (folder / "requirements.txt").write_text("flask\n", encoding="utf-8")
    for tool in TOOLS:
        (folder / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    return folder


def program(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


def run(project: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(project / "script" / "demo")],
        env={"PATH": str(project / "bin")} | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def refusal(project: Path, **settings: str) -> str:
    ended = run(project, **settings)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    return ended.stderr


def test_no_python(project: Path) -> None:
    assert "Python 3.11 or newer is missing" in refusal(project)


def test_an_old_python(project: Path) -> None:
    program(project / "bin" / "python3", "exit 1")
    assert "Python 3.11 or newer is missing" in refusal(project)


def test_no_venv_module(project: Path) -> None:
    program(project / "bin" / "python3", 'case "$2" in *version_info*) exit 0;; esac; exit 1')
    assert "sudo apt install python3-venv" in refusal(project)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Failed to establish a new connection: Temporary failure in name resolution", "is there a network?"),
        ("error: command 'gcc' failed: No such file or directory", "build-essential"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES", "could not be installed"),
    ],
)
def test_an_installation_that_fails(project: Path, said: str, expected: str) -> None:
    program(project / ".venv" / "bin" / "python", f'case "$*" in *pip\\ install*) echo "{said}"; exit 1;; esac')
    assert expected in refusal(project)


def test_a_folder_that_cannot_be_written(project: Path) -> None:
    (project / "file").touch()
    assert "can't be written to" in refusal(project, VAR_DIR="file/var")


def test_requirements_are_installed_once(project: Path) -> None:
    program(project / ".venv" / "bin" / "python", 'echo "$*" >>calls')
    assert run(project).returncode == 0
    assert run(project).returncode == 0
    (project / "requirements.txt").write_text("flask\nredis\n", encoding="utf-8")
    assert run(project).returncode == 0
    calls = (project / "calls").read_text(encoding="utf-8").splitlines()
    assert sum("--require-hashes" in call for call in calls) == 2
    assert calls.count("-m demo") == 3
