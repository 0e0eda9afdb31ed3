"""A worker that dies, or loses its lease, at any of its commands to Redis: readers see one whole snapshot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from redis.exceptions import RedisError

from app.domain.registration import PullReport
from app.domain.sign import Mode
from app.store import intake, keys, lines, overlay, places, servers
from app.store.lines import Line
from tests.support.customers import LINE_NUMBERS, Customers
from tests.support.mortal import DiedError, Life, Moment, mortal
from tests.workers.fakes import FakeAdapter, registration
from workers import pulling
from workers.pulling import pull_lease, run_pull
from workers.runtime import Runtime

OURS = tuple(LINE_NUMBERS[name] for name in ("live", "phone", "stranger"))
OTHERS = tuple(f"u{number:02}" for number in range(16))
EVERY = (*OURS, *OTHERS)
# Half of them stay, some go, some come.
OLD, NEW, LATER = (OURS[0], *OTHERS[:10]), (*OURS[1:], *OTHERS[4:13]), (OURS[0], OURS[2], *OTHERS[3:])
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Seen:
    """What readers see of a server."""

    answered_at: datetime | None
    registered: frozenset[str]
    counts: tuple[int, ...] | None
    """Of each circle; None where nobody has counted."""


@dataclass
class Pulls:
    """Pulls of one server by one worker after the other."""

    runtime: Runtime
    adapter: FakeAdapter
    redis: "Redis"
    server_id: int
    circles: dict[str, int]
    url: str

    def answers(self, aors: Sequence[str], seconds: int) -> None:
        """What the server is going to answer."""
        self.adapter.lines = [registration(aor) for aor in aors]
        self.adapter.report = PullReport(NOW + timedelta(seconds=seconds))

    def survives(self, life: Life) -> bool:
        """Whether a worker that lives this life came to the end of its pull."""
        with mortal(self.url, life) as client:
            try:
                run_pull(replace(self.runtime, redis=client), self.server_id)
            except (DiedError, RedisError):
                assert life.over
                # It lets go within seconds.
                self.redis.delete(pull_lease(self.redis, self.server_id).key)
                return False
        return True

    def seen(self) -> Seen:
        state = servers.read_one(self.redis, self.server_id)
        facts = lines.read(self.redis, [Line(n, self.server_id, aor, Mode.LIVE) for n, aor in enumerate(EVERY)])
        found = places.read(self.redis, {self.server_id: list(self.circles.values())})[self.server_id].circles
        return Seen(
            state.answered_at,
            frozenset(fact.line.aor for fact in facts.values() if fact.registration().contacts),
            None if found is None else tuple(found[circle].registered for circle in self.circles.values()),
        )

    def expected(self, aors: Sequence[str], seconds: int) -> Seen:
        """What they are to see of an answer."""
        tokyo, stranger = sum(aor in aors for aor in OURS[:2]), int(OURS[2] in aors)
        return Seen(NOW + timedelta(seconds=seconds), frozenset(aors), (tokyo, stranger))


@pytest.fixture
def pulls(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int, customers: Customers, redis_url: str
) -> Pulls:
    circles = {name: customers.circles[name] for name in ("tokyo", "stranger")}
    return Pulls(runtime, adapter, redis, server_id, circles, redis_url)


@pytest.fixture(params=["small", "large"])
def size(request: pytest.FixtureRequest, redis: "Redis", monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """How many lines are many: with few even these take the way of a million."""
    # However slow the machine is: who dies here dies when the test says so.
    monkeypatch.setattr(pulling, "LEASE_SECONDS", 60.0)
    name = "hash-max-listpack-entries"
    usual = str(redis.config_get(name)[name])
    if request.param == "large":
        monkeypatch.setattr(intake, "SPILL", 4)
        monkeypatch.setattr(intake, "MOST_TURNED", 4)
        for module in (intake, overlay):
            monkeypatch.setattr(module, "PIECE", 5)
        # A hash that is not packed is scanned piece by piece.
        redis.config_set(name, 1)
    yield str(request.param)
    redis.config_set(name, usual)


def kept(redis: "Redis") -> dict[bytes, bytes]:
    return {key: redis.dump(key) or b"" for key in redis.scan_iter()}


def restore(redis: "Redis", stored: dict[bytes, bytes]) -> None:
    redis.flushall()
    for key, value in stored.items():
        redis.restore(key, 0, value)


@pytest.mark.parametrize(("moment", "first"), [*((moment, False) for moment in Moment), (Moment.AFTER, True)])
def test_readers_see_one_whole_snapshot_wherever_the_writer_dies(
    pulls: Pulls, redis: "Redis", size: str, moment: Moment, first: bool
) -> None:
    if not first:
        pulls.answers(OLD, 0)
        assert pulls.survives(Life())
    stored, old, new = kept(redis), pulls.seen(), pulls.expected(NEW, 1)
    assert first or old == pulls.expected(OLD, 0)
    at, views = 0, set()
    while True:
        restore(redis, stored)
        pulls.answers(NEW, 1)
        if pulls.survives(Life(at, moment)):
            break
        seen = pulls.seen()
        # Counts come with their snapshot, or are not there until a census has been taken.
        assert replace(seen, counts=None) in (replace(old, counts=None), replace(new, counts=None)), at
        assert seen.counts in (None, old.counts if seen.answered_at == old.answered_at else new.counts), at
        # What nobody will ever publish goes by itself.
        assert all(redis.ttl(key) > 0 for key in redis.keys(keys.incoming(pulls.server_id, "*"))), at
        views.add(seen.answered_at)
        pulls.answers(LATER, 2)
        assert pulls.survives(Life())
        assert pulls.seen() == pulls.expected(LATER, 2), at
        assert not redis.exists(keys.overlay(pulls.server_id)), at
        at += 1
    assert pulls.seen() == new
    assert views == {old.answered_at, new.answered_at}
    assert at > 20


def test_who_was_stopped_for_a_while_writes_nothing_over_what_a_later_one_wrote(
    pulls: Pulls, redis: "Redis", size: str
) -> None:
    """At each of its commands in turn another worker takes the lease, and pulls meanwhile."""
    pulls.answers(OLD, 0)
    assert pulls.survives(Life())
    stored, at = kept(redis), 0
    life = Life()

    def overtaken(sent: int) -> None:
        if sent == at:
            redis.delete(pull_lease(redis, pulls.server_id).key)
            pulls.answers(LATER, 2)
            assert pulls.survives(Life())
            pulls.answers(NEW, 1)

    while life.sent >= at:
        restore(redis, stored)
        pulls.answers(NEW, 1)
        life = Life(meanwhile=overtaken)
        assert pulls.survives(life)
        if life.sent > at:
            assert pulls.seen() == pulls.expected(LATER, 2), at
        at += 1
    assert pulls.seen() == pulls.expected(NEW, 1)
    assert at > 20
