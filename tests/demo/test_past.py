"""The demo's made-up month: written once, and such as the workers could have written it."""

from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.changes import LineState
from app.models import Coverage, LineChange, Unique
from demo import past
from demo.load import load
from demo.phones import Behaviour
from demo.plan import plan
from demo.servers import SERVERS

SECRET = "only tests have this secret, and it is long enough"
ADDRESSES = {server.hostname: f"127.0.0.1:{port}" for port, server in enumerate(SERVERS, 1)}
URLS = {server.hostname: server.url.format(ADDRESSES[server.hostname]) for server in SERVERS}


def histories(session: Session) -> dict[str, list[LineChange]]:
    rows = session.execute(
        select(Unique.number, LineChange).join(Unique, Unique.id == LineChange.unique_id).order_by(LineChange.at)
    )
    found = defaultdict(list)
    for number, row in rows:
        found[number].append(row)
    return found


def test_every_line_has_come_and_gone_in_turn(session: Session) -> None:
    load(session, SECRET, URLS)
    phones = plan(SECRET, ADDRESSES)
    past.load(session, phones)
    found = histories(session)
    behaviours = {phone["user"]: phone["behaviour"] for phone in phones}
    assert len(found) > 100
    for number, rows in found.items():
        assert all(first.after is second.before for first, second in pairwise(rows))
        assert all(first.at < second.at for first, second in pairwise(rows))
        there = behaviours[number] != Behaviour.WRONG_PASSWORD
        assert (rows[-1].after is LineState.REGISTERED) is there
        assert rows[-1].at <= datetime.now(UTC)
    assert max(len(rows) for rows in found.values()) >= 7


def test_it_is_written_once(session: Session) -> None:
    load(session, SECRET, URLS)
    for _ in range(2):
        past.load(session, plan(SECRET, ADDRESSES))
        counts = [session.scalar(select(func.count()).select_from(table)) for table in (LineChange, Coverage)]
    assert counts[1] == len([server for server in SERVERS if server.live]) + 1
    assert counts[0] == sum(len(rows) for rows in histories(session).values())
