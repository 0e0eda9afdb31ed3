"""Compares every sign that a page shows with what the registrar itself answers."""

import time
from dataclasses import dataclass, field

from bench.soak.observer import Observer
from bench.soak.pages import Cell, Page

GRACE = 2.0
"""Seconds: registrars tell whole seconds left, so one may say gone where another still says a moment."""
_CLAIMS = {"registered": True, "not-registered": False}
_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Suspect:
    """A sign that contradicts the registrar, to be looked at once more."""

    again_at: float
    page: Page
    unique_id: int
    claim: bool
    as_of: float
    words: str


@dataclass(slots=True)
class Judge:
    """What was seen so far."""

    observer: Observer
    observations: int = 0
    wrong: int = 0
    unknown_seconds: float = 0.0
    shown_seconds: float = 0.0
    lags: list[tuple[float, float]] = field(default_factory=list)
    """When the registrar changed, and when a page showed it."""
    examples: list[str] = field(default_factory=list)
    _suspects: list[Suspect] = field(default_factory=list)
    _looked: dict[str, float] = field(default_factory=dict)
    _awaited: dict[str, tuple[float, bool]] = field(default_factory=dict)
    _heard: int = 0

    def look(self, page: Page) -> None:
        """All signs of a page, as they are shown now."""
        now = time.time()
        self._hear()
        seconds = now - self._looked.get(page.path, now)
        self._looked[page.path] = now
        for unique_id, cell in page.cells.items():
            self.observations += 1
            self.shown_seconds += seconds
            self.unknown_seconds += seconds if cell.kind == "unknown" else 0.0
            self._judge(page, unique_id, cell, now)

    def settle(self, *, all_of_them: bool = False) -> None:
        """Look once more at the signs that contradicted the registrar a while ago."""
        now = time.time()
        due = [suspect for suspect in self._suspects if all_of_them or suspect.again_at <= now]
        self._suspects = [suspect for suspect in self._suspects if suspect not in due]
        for suspect in due:
            truth = self.observer.truth(suspect.page.users[suspect.unique_id])
            # What it contradicted still holds, and did when the sign claimed to be true.
            if truth.registered is not suspect.claim and truth.since < suspect.as_of - GRACE:
                self.wrong += 1
                if len(self.examples) < _EXAMPLES:
                    taken = self.observer.taken.get(suspect.page.users[suspect.unique_id])
                    self.examples.append(f"{suspect.words}; REGISTERs taken: {taken}")

    def _hear(self) -> None:
        """What has changed at the registrar: from then on a page is late."""
        changes, self._heard = self.observer.changes[self._heard :], len(self.observer.changes)
        for at, user, registered in changes:
            self._awaited[user] = (at, registered)

    def _judge(self, page: Page, unique_id: int, cell: Cell, now: float) -> None:
        user, claim = page.users[unique_id], _CLAIMS.get(cell.kind)
        awaited = self._awaited.get(user)
        if awaited is not None and claim is awaited[1]:
            self.lags.append((awaited[0], now))
            del self._awaited[user]
        as_of = page.shown_as_of(cell)
        if claim is None or as_of is None:
            return
        truth = self.observer.truth(user)
        if truth.registered is not claim and truth.since < as_of - GRACE:
            words = (
                f"{user} shown {cell.kind} at {now:.1f} as of {as_of:.0f}, "
                f"but {truth.registered} since {truth.since:.1f} ({page.path}, {page.failures} failures)"
            )
            self._suspects.append(Suspect(now + GRACE, page, unique_id, claim, as_of, words))
