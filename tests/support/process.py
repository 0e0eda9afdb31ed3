"""Child processes of tests: ended for certain, with their words at hand when one of them fails."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a child inherits: just enough to find its programs, and `extra`; nothing of the developer's own settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if os.environ.get(name)}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"} | dict(extra)


def python(*arguments: str) -> list[str]:
    """The command that runs a module of ours with the interpreter of the tests."""
    return [sys.executable, *arguments]


class Child:
    """A program that runs in the background until the test is over, in a process group of its own."""

    def __init__(
        self, command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, fds: Sequence[int] = ()
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=None if env is None else environment(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=fds,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the program itself; also its process group's."""
        return self._process.pid

    def children(self) -> list[int]:
        """The ids of the processes that it has started itself."""
        return [int(word) for word in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    @property
    def running(self) -> bool:
        """Whether it has not ended. Raises AssertionError with its last words if it ended by itself with an error."""
        code = self._process.poll()
        if code:
            raise AssertionError(f"{self.log.stem} ended with {code}: {self.words()}")
        return code is None

    def words(self) -> str:
        """The end of what it wrote."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def send(self, number: signal.Signals) -> None:
        """A signal to the program alone."""
        self._process.send_signal(number)

    def stop(self, seconds: float = 15) -> int:
        """End it as a supervisor would, and return its exit code; what is left of its group afterwards is killed."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the program and every child that it left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def flask(environ: Mapping[str, str], *arguments: str) -> str:
    """What a command of `flask --app wsgi` prints. Raises AssertionError with its words when it fails."""
    done = subprocess.run(
        python("-m", "flask", "--app", "wsgi", *arguments),
        cwd=ROOT,
        env=environment(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"flask {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
