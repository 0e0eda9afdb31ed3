"""A page's look at Redis, again and again: how long it waits while somebody writes."""

import threading
import time
from collections.abc import Sequence
from typing import Self

from app.domain.sign import Mode
from app.store import lines
from app.store.connection import connect
from app.store.lines import Line


class Readers:
    """Reads some lines of a server for as long as the block runs."""

    def __init__(self, url: str, server_id: int, aors: Sequence[str]) -> None:
        self._redis = connect(url, patience=10)
        self._lines = [Line(index, server_id, aor, Mode.LIVE) for index, aor in enumerate(aors)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.taken: list[float] = []
        """Seconds of each look."""
        self.counts: set[int] = set()
        """How many of the lines were registered at each look."""

    @property
    def worst(self) -> float:
        """Seconds of the look that took longest."""
        return max(self.taken, default=0.0)

    def __enter__(self) -> Self:
        self._look()
        self.taken.clear()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)
        self._redis.close()

    def _run(self) -> None:
        while not self._stop.wait(0.005):
            self._look()

    def _look(self) -> None:
        began = time.perf_counter()
        facts = lines.read(self._redis, self._lines)
        self.taken.append(time.perf_counter() - began)
        self.counts.add(sum(bool(fact.registration().contacts) for fact in facts.values()))
