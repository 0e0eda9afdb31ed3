"""Which of a million keys come more than once."""

from collections import Counter
from collections.abc import Sequence, Set

from app.domain.record import Row


class Repeats:
    """Notes keys, of which it holds each once: some 80 MB for a million."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._repeated: set[bytes] = set()

    def note(self, keys: Sequence[bytes]) -> None:
        """Some keys came."""
        seen = self._seen
        # Nearly always all of them are new, which two looks at the whole tell.
        if not seen.isdisjoint(keys):
            self._repeated.update(key for key in keys if key in seen)
        before = len(seen)
        seen.update(keys)
        if len(seen) - before < len(keys):
            self._repeated.update(key for key, count in Counter(keys).items() if count > 1)

    def end(self) -> Set[bytes]:
        """All have come: those that came more than once, which is all that is held on to."""
        self._seen = set()
        return self._repeated


def apart(rows: list[Row], repeated: Set[bytes]) -> tuple[list[Row], list[Row]]:
    """Those of some rows whose keys came once, and all others."""
    if not repeated or repeated.isdisjoint([key for key, _ in rows]):
        return rows, []
    return [row for row in rows if row[0] not in repeated], [row for row in rows if row[0] in repeated]
