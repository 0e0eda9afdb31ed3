"""`flask` with one more server family: Kamailio's adapter, which also notes when which process pulls which server.

Started as `python -m bench.hands.worker workers run`. `FARM_NOTES` is the file for the notes, `FARM_PIECE` the number
of lines that a worker sweeps at a time.
"""

import os
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.record import Row
from app.domain.registration import PullReport
from workers import spread
from workers.sip import registry
from workers.sip.base import Pull
from workers.sip.kamailio.client import KamailioAdapter

FAMILY = "noted"
NOTES, PIECE = "FARM_NOTES", "FARM_PIECE"


@dataclass(frozen=True, slots=True)
class Note:
    """One pull, or one piece of a sweep."""

    server: str
    """Its host name."""
    process: int
    begin: float
    end: float | None
    """None while it goes on, or when its process was killed."""
    rows: int


class NotingAdapter(KamailioAdapter):
    """Writes a line at the beginning and at the end of each pull."""

    def snapshot(self) -> Pull:
        """See base.Adapter."""
        return Pull(self._noted(super().snapshot()))

    def _noted(self, pull: Pull) -> Generator[list[Row], None, PullReport]:
        name, count = self._site.endpoint.hostname, 0
        _write(f"begin {name}")
        for rows in pull.rows():
            count += len(rows)
            yield rows
        _write(f"end {name} {count}")
        return pull.report


def _write(words: str) -> None:
    # One write to a file that is only appended to: the lines of several processes do not mix.
    descriptor = os.open(os.environ[NOTES], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{time.time():.6f} {os.getpid()} {words}\n".encode())
    os.close(descriptor)


def notes(file: Path) -> Sequence[Note]:
    """What was written so far, in the order of the beginnings."""
    found: list[Note] = []
    current: dict[tuple[int, str], int] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        at, process, what, server, *rows = line.split()
        who = (int(process), server)
        if what == "begin":
            current[who] = len(found)
            found.append(Note(server, int(process), float(at), None, 0))
        else:
            begun = current.pop(who)
            found[begun] = Note(server, int(process), found[begun].begin, float(at), int(rows[0]))
    return found


def main() -> None:
    """Run `flask`."""
    # Whoever imports this module as a program would have a class that the registry can't import.
    registry.FAMILIES[FAMILY] = "bench.hands.worker:NotingAdapter"
    spread._PIECE = int(os.environ[PIECE])  # noqa: SLF001 - small runs need small pieces
    from flask.cli import main as flask  # noqa: PLC0415 - the family is there before anything asks for it

    sys.argv[:1] = ["flask", "--app", "wsgi"]
    flask()


if __name__ == "__main__":
    main()
