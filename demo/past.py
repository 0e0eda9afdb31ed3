"""A made-up month: the history that the demo's lines have behind them when it is started for the first time."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.domain.changes import LineState
from app.domain.standing import Cause
from app.models import Coverage, CoverageCause, LineChange, SipServer, Unique
from demo.phones import Behaviour
from demo.servers import LIVE, SERVERS

_LIVE = frozenset(server.hostname for server in SERVERS if server.live)
_MONTH = timedelta(days=31)
_SILENT = timedelta(days=5, hours=3), timedelta(days=5, hours=1, minutes=20)
"""When the first login server did not answer."""
_LOST = timedelta(days=2, hours=4)
"""How long ago somebody mistyped a password."""
_CAUSES = (Cause.EXPIRED, Cause.EXPIRED, Cause.UNREGISTERED, Cause.RESTARTED)


def load(session: Session, phones: Sequence[dict[str, Any]]) -> None:
    """Write it, unless there is any history, and commit."""
    if session.scalar(select(Coverage.id).limit(1)) is not None:
        return
    now = datetime.now(UTC).replace(microsecond=0)
    for server in session.scalars(select(SipServer).where(SipServer.hostname.in_(_LIVE))):
        session.add_all(_heard(server, now))
    lines = {
        row.number: row for row in session.scalars(select(Unique).join(SipServer).where(SipServer.hostname.in_(_LIVE)))
    }
    known = [(lines[phone["user"]], phone) for phone in phones if phone["user"] in lines]
    session.execute(insert(LineChange), [row for line, phone in known for row in _changes(line, phone, now)])
    session.commit()


def _heard(server: SipServer, now: datetime) -> list[Coverage]:
    began = Coverage(server_id=server.id, since=now - _MONTH, until=now, cause=CoverageCause.FIRST)
    if server.hostname != LIVE:
        return [began]
    began.until = now - _SILENT[0]
    again = Coverage(server_id=server.id, since=now - _SILENT[1], until=now, cause=CoverageCause.NO_ANSWER)
    again.problem = "timeout"
    return [began, again]


def _changes(line: Unique, phone: dict[str, Any], now: datetime) -> Iterator[dict[str, object]]:
    """A phone that came a month ago and was away now and then; one with a wrong password came no more."""
    dice = random.Random(line.number)
    known = {
        "unique_id": line.id,
        "circle_id": line.circle_id,
        "source": f"192.0.2.{dice.randrange(2, 250)}:{dice.randrange(1024, 65000)}",
        "user_agent": phone["user_agent"],
    }
    lost = phone["behaviour"] == Behaviour.WRONG_PASSWORD
    for at, there in _comings_and_goings(dice, now, now - _LOST if lost else now):
        after, before = (LineState.REGISTERED, LineState.NOT_REGISTERED)[:: 1 if there else -1]
        cause = Cause.REGISTERED if there else dice.choice(_CAUSES)
        yield known | {"at": at, "before": before, "after": after, "cause": cause}


def _comings_and_goings(dice: random.Random, now: datetime, end: datetime) -> Iterator[tuple[datetime, bool]]:
    """When the phone came, and when it went."""
    at = now - _MONTH + timedelta(minutes=dice.randrange(60))
    yield at, True
    for went in sorted(dice.sample(range(2, 30 * 48 - 12), dice.randrange(2, 9))):
        gone = now - timedelta(minutes=30) * (30 * 48 - went)
        back = gone + timedelta(seconds=dice.choice((70, 400, 3000, 9000)))
        if at < gone and back < end - timedelta(hours=1):
            yield gone, False
            yield back, True
            at = back
    if end < now:
        yield end, False
