"""`flask` with one more server family, whose servers are folders: a real worker process does what a test says."""

import json
import os
import sys
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from app.domain.registration import Contact, Lookup, PullReport, Registration
from workers.sip import registry
from workers.sip.base import Capability, Endpoint, Pull


class FolderAdapter:
    """`lines.json` is a list of AoRs; while there is a file `hang`, a snapshot leaves its process's id and hangs."""

    capabilities = frozenset((Capability.SNAPSHOT, Capability.LOOKUP))

    def __init__(self, endpoint: Endpoint, *, known_aors: object) -> None:  # every family is built so
        self._folder = Path(endpoint.url)

    def snapshot(self) -> Pull:
        return Pull.of(self._pull(), lambda: datetime.now(UTC))

    def _pull(self) -> Generator[Registration, None, PullReport]:
        taken_at = datetime.now(UTC)
        for aor in json.loads((self._folder / "lines.json").read_text()):
            yield self._line(aor)
        never = Event()
        while (self._folder / "hang").exists():
            (self._folder / "hanging").write_text(str(os.getpid()))
            never.wait(0.05)
        return PullReport(taken_at)

    def lookup(self, aor: str) -> Lookup:
        return Lookup(self._line(aor), datetime.now(UTC))

    def _line(self, aor: str) -> Registration:
        return Registration(aor, (Contact(f"sip:{aor}@192.0.2.1", expires_at=datetime.now(UTC) + timedelta(hours=1)),))


def main() -> None:
    # Whoever imports this module as a program would have a class that the registry can't import.
    registry.FAMILIES["folder"] = "tests.workers.program:FolderAdapter"
    from flask.cli import main as flask  # noqa: PLC0415 - the family is there before anything asks for it

    sys.argv[:1] = ["flask", "--app", "wsgi"]
    flask()


if __name__ == "__main__":
    main()
