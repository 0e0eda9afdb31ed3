"""Snapshots one after the other, against a model of what they amount to: small and large ones, whole and explicit."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import cast

import pytest
from redis import Redis

from app.domain import record
from app.domain.changes import LineState
from app.domain.sign import Mode, SignKind
from app.domain.standing import Answered
from app.store import ahead, codec, intake, keys, lines, overlay, servers, snapshots
from app.store.connection import StoreError, connect
from app.store.intake import Delta, Intake
from app.store.lease import Lease, LeaseLostError
from app.store.lines import Line
from app.store.places import Places
from app.store.servers import ServerState
from tests.support.wait import until

SERVER = 7
AORS = tuple(f"10{number:02}" for number in range(40))
AT = 1_795_419_198
THERE, GONE, UNREADABLE = LineState.REGISTERED, LineState.NOT_REGISTERED, LineState.UNREADABLE


@pytest.fixture(params=["few", "many"], autouse=True)
def size(request: pytest.FixtureRequest, redis: "Redis", monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """How many lines are many: with few even these take the way of a million."""
    name = "hash-max-listpack-entries"
    usual = str(redis.config_get(name)[name])
    if request.param == "many":
        monkeypatch.setattr(intake, "SPILL", 5)
        for module in (intake, overlay):
            monkeypatch.setattr(module, "PIECE", 4)
        redis.config_set(name, 1)
    yield str(request.param)
    redis.config_set(name, usual)


@pytest.fixture
def lease(redis: "Redis") -> Lease:
    made = Lease(redis, f"pull-{SERVER}", 60)
    assert made.take()
    return made


def body(aor: str, host: str = "a") -> bytes:
    uri = f"sip:{aor}@{host}".encode()
    return record.binding(uri, refreshed=None, expires=AT + 10**6)


@dataclass
class World:
    """What was published, and the model of it."""

    redis: "Redis"
    lease: Lease
    states: dict[str, LineState] = field(default_factory=dict)
    at: int = AT

    def take(self, told: dict[str, str | None], unread: tuple[str, ...] = (), *, explicit: bool = False) -> Delta:
        """A snapshot: the host of each line that is told of, None for one that is told to be gone."""
        before = servers.read_one(self.redis, SERVER)
        known = before.answered_at.timestamp() if before.answered_at else 0.0
        self.at += 5
        made = Intake(self.redis, SERVER, before.stored, Answered(self.at, known), self.lease)
        rows = [(aor.encode(), body(aor, host) if host else b"") for aor, host in told.items()]
        for start in range(0, len(rows), 7):
            made.take(rows[start : start + 7])
        return made.finish(unread, explicit=explicit)

    def publish(self, delta: Delta) -> None:
        state = ServerState(answered_at=codec.moment(self.at), lines=delta.registered, stored=delta.stored)
        snapshots.publish(self.redis, SERVER, delta, state, Places(self.redis, SERVER), self.lease)

    @property
    def seen(self) -> dict[str, LineState]:
        """What readers see of each line."""
        found = lines.read(self.redis, [Line(n, SERVER, aor, Mode.LIVE) for n, aor in enumerate(AORS)])
        stood = {fact.line.aor: fact.snapshot for fact in found.values()}
        return {aor: standing.state if standing else GONE for aor, standing in stood.items()}

    def follow(self, told: dict[str, str | None], unread: tuple[str, ...], *, explicit: bool) -> dict[str, LineState]:
        """What the model makes of a snapshot."""
        after = dict(self.states) if explicit else {}
        after |= {aor: THERE if host else GONE for aor, host in told.items()}
        return after | dict.fromkeys(unread, UNREADABLE)


@pytest.fixture
def world(redis: "Redis", lease: Lease) -> World:
    return World(redis, lease)


@pytest.mark.parametrize("seed", range(6))
def test_snapshots_amount_to_what_they_tell(world: World, seed: int) -> None:
    dice = Random(seed)
    explicit = seed % 2 == 1
    for number in range(10):
        asked = dice.sample(AORS, dice.randint(0, len(AORS)))
        unread = tuple(asked[: dice.choice((0, 0, 2))])
        there = {aor: dice.choice("aab") for aor in asked[len(unread) :]}
        told: dict[str, str | None] = {aor: None if explicit and dice.random() < 0.3 else there[aor] for aor in there}
        delta = world.take(told, unread, explicit=explicit)
        after = world.follow(told, unread, explicit=explicit)
        was = {aor: world.states.get(aor, GONE) for aor in AORS}
        now = {aor: after.get(aor, GONE) for aor in AORS}
        # Nothing of it is seen before it is published.
        assert world.seen == was
        # Of a sweep only what it asked for is counted.
        asked_for = set(told) | set(unread) if explicit else set(AORS)
        assert delta.registered == sum(now[aor] is THERE for aor in asked_for)
        assert delta.unreadable == len(unread)
        assert delta.missing == sum(was[aor] is THERE is not now[aor] for aor in AORS)
        if not delta.many:
            turned = {turn.key.decode(): (turn.before, turn.after) for turn in delta.turned}
            assert turned == {aor: (was[aor], now[aor]) for aor in AORS if was[aor] is not now[aor]}
        assert delta.first is (number == 0)
        world.publish(delta)
        world.states = after
        assert world.seen == now
        if not explicit:
            assert delta.stored == sum(state is not GONE for state in now.values())


def test_an_unchanged_snapshot_writes_nothing(world: World) -> None:
    told: dict[str, str | None] = dict.fromkeys(AORS, "a")
    world.publish(world.take(told))
    stored = world.redis.hgetall(keys.lines(SERVER))
    delta = world.take(told)
    assert (delta.changed, delta.written, delta.turned, delta.incoming) == (0, {}, [], None)
    world.publish(delta)
    assert world.redis.hgetall(keys.lines(SERVER)) == stored


def test_only_what_changed_is_written(world: World) -> None:
    told: dict[str, str | None] = dict.fromkeys(AORS, "a")
    world.publish(world.take(told))
    del told[AORS[0]]
    told[AORS[1]] = "b"
    delta = world.take(told)
    assert delta.changed == 2
    assert sorted(delta.written) == [AORS[0].encode(), AORS[1].encode()]
    # Moving is no change of state.
    assert [turn.key for turn in delta.turned] == [AORS[0].encode()]


def test_what_is_dropped_leaves_nothing(world: World, redis: "Redis") -> None:
    world.publish(world.take(dict.fromkeys(AORS[:20], "a")))
    before, stored = world.seen, set(redis.scan_iter())
    world.take(dict.fromkeys(AORS[10:], "a")).drop()
    assert (world.seen, set(redis.scan_iter())) == (before, stored)


def test_without_the_lease_nothing_is_published(world: World, redis: "Redis") -> None:
    world.publish(world.take(dict.fromkeys(AORS[:20], "a")))
    before, state = world.seen, servers.read_one(redis, SERVER)
    delta = world.take(dict.fromkeys(AORS[10:], "b"))
    redis.set(world.lease.key, "somebody else")
    with pytest.raises(LeaseLostError):
        world.publish(delta)
    delta.drop()
    assert (world.seen, servers.read_one(redis, SERVER)) == (before, state)
    assert redis.keys(keys.incoming(SERVER, "*")) == []


def carried_out(redis: "Redis") -> int:
    """How many of the commands that are sent ahead Redis has carried out since its statistics were set back."""
    stats = redis.info("commandstats")
    ahead_of_answers = ("hmget", "multi", "hset", "expire", "exec")
    return sum(stats.get(f"cmdstat_{command}", {}).get("calls", 0) for command in ahead_of_answers)


def test_connections_that_are_closed_while_a_slow_server_answers_are_no_fault(
    world: World, redis: "Redis", redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep takes minutes, and whatever stands between closes what was silent for some seconds."""
    world.publish(world.take(dict.fromkeys(AORS[:30], "a")))
    monkeypatch.setattr(ahead, "_IDLE_SECONDS", 0.0)
    client, sent, send = connect(redis_url), list[int](), ahead.Ahead._send

    def counted(self: ahead.Ahead, packed: bytes, answers: int) -> None:
        sent.append(answers)
        send(self, packed, answers)

    monkeypatch.setattr(ahead.Ahead, "_send", counted)
    redis.config_resetstat()
    state = servers.read_one(redis, SERVER)
    made = Intake(client, SERVER, state.stored, Answered(world.at + 5, world.at), world.lease)
    for aor in AORS[10:]:
        made.take([(aor.encode(), body(aor, "b"))])
        # Redis has answered everything; the connections rest in between.
        until(lambda: carried_out(redis) == sum(sent), 10, "all answers")
        redis.client_kill_filter(_type="normal", skipme=True)
    delta = made.finish((), explicit=False)
    assert (delta.registered, delta.missing, delta.changed) == (30, 10, 40)
    delta.drop()
    client.close()


def test_lines_that_redis_lost_before_they_were_published(world: World, redis: "Redis", size: str) -> None:
    """A replica that became the master need not have everything: half a snapshot would call the rest not registered."""
    world.publish(world.take(dict.fromkeys(AORS[:20], "a")))
    before = world.seen
    delta = world.take(dict.fromkeys(AORS, "b"))
    if size == "few":
        assert delta.incoming is None
        return
    (key,) = redis.keys(keys.incoming(SERVER, "*"))
    redis.hdel(key, AORS[3])
    with pytest.raises(StoreError, match="not there any more"):
        world.publish(delta)
    delta.drop()
    assert world.seen == before


def test_what_is_published_lies_over_the_rest_until_it_is_folded(world: World, redis: "Redis") -> None:
    """A worker died between the two: readers see the newer of both, and the next one folds before it compares."""
    world.publish(world.take(dict.fromkeys(AORS[:20], "a")))
    newer = {aor.encode(): b"-%d;expired\n" % (AT + 9) for aor in AORS[:5]}
    overlay.write(redis, keys.overlay(SERVER), newer)
    assert {aor for aor, state in world.seen.items() if state is THERE} == set(AORS[5:20])
    redis.set(world.lease.key, "somebody else")
    with pytest.raises(LeaseLostError):
        overlay.fold(redis, SERVER, world.lease)
    assert redis.hgetall(keys.overlay(SERVER)) == newer
    redis.set(world.lease.key, world.lease.token)
    overlay.fold(redis, SERVER, world.lease)
    assert not redis.exists(keys.overlay(SERVER))
    stored = cast("dict[bytes, bytes]", redis.hgetall(keys.lines(SERVER)))
    assert {key: stored[key] for key in newer} == newer
    assert {aor for aor, state in world.seen.items() if state is THERE} == set(AORS[5:20])


def test_a_line_that_the_snapshot_could_not_read_is_unknown(world: World) -> None:
    world.publish(world.take(dict.fromkeys(AORS[:3], "a")))
    world.publish(world.take({AORS[0]: "a"}, (AORS[1], AORS[9])))
    found = lines.read(world.redis, [Line(n, SERVER, aor, Mode.LIVE) for n, aor in enumerate(AORS[:10])])
    now = datetime.fromtimestamp(world.at, UTC)
    signs = {fact.line.aor: fact.sign(now).kind for fact in found.values()}
    assert [signs[aor] for aor in (AORS[0], AORS[1], AORS[2], AORS[9])] == [
        SignKind.REGISTERED,
        SignKind.UNKNOWN,
        SignKind.NOT_REGISTERED,
        SignKind.UNKNOWN,
    ]
