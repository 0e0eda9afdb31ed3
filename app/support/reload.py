"""How the reload of one row stands."""

from dataclasses import dataclass
from datetime import datetime

from app.presenter import PROBLEMS, stamp


@dataclass(frozen=True, slots=True)
class Reload:
    """A look-up that support asked for."""

    asked_at: datetime
    problem: str | None = None
    done: bool = False

    @property
    def pending(self) -> bool:
        """Whether the browser should ask again soon."""
        return not self.done and self.problem is None

    @property
    def words(self) -> str:
        """When it was answered, or the problem: for staff its own word where there is no better one."""
        if self.problem is None:
            return stamp(self.asked_at)
        return str(PROBLEMS.get(self.problem, self.problem))
