"""A server that is asked at the test's own time, and the history that comes of it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.changes import LineState
from app.domain.registration import Lookup, PullReport
from app.domain.standing import Cause
from app.models import LineChange
from app.store.history import Change
from tests.support.customers import Customers
from tests.workers.fakes import FakeAdapter, registration
from workers.jobs import run_lookup
from workers.pulling import run_pull
from workers.runtime import Runtime

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
REG, NOT = LineState.REGISTERED, LineState.NOT_REGISTERED


@dataclass
class Timed(FakeAdapter):
    """It is asked at the test's own time."""

    now: datetime = NOW

    def lookup(self, aor: str) -> Lookup:
        return replace(super().lookup(aor), asked_at=self.now)


class Server:
    """The live server, pulled as often as a test wants, a minute and a half apart."""

    def __init__(self, runtime: Runtime, adapter: Timed, server_id: int) -> None:
        self._adapter = adapter
        self._id = server_id
        self.runtime = replace(runtime, clock=lambda: self.now)

    @property
    def now(self) -> datetime:
        return self._adapter.now

    def tells(self, *aors: str) -> datetime:
        """A pull in which exactly these lines are registered; when it was."""
        self._adapter.now += timedelta(seconds=90)
        self._adapter.lines = [registration(aor) for aor in aors]
        self._adapter.report = PullReport(self.now)
        assert run_pull(self.runtime, self._id)
        return self.now

    def is_asked(self, aor: str, circle_id: int) -> None:
        """A look-up a second later."""
        self._adapter.now += timedelta(seconds=1)
        run_lookup(self.runtime, self._id, aor, circle_id, self.now)


Row = tuple[LineState | None, LineState, datetime, Cause]


def rows(session: Session, unique_id: int) -> list[Row]:
    session.rollback()
    found = session.scalars(select(LineChange).where(LineChange.unique_id == unique_id).order_by(LineChange.id))
    return [(row.before, row.after, row.at, row.cause) for row in found]


def change(line: int, customers: Customers, at: float, after: LineState, before: LineState | None = None) -> Change:
    cause = Cause.REGISTERED if after is REG else Cause.EXPIRED
    return Change(line, customers.circles["tokyo"], int(at), before, after, "192.0.2.1:5060", "phone", cause)
