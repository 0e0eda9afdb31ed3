"""What earlier versions left in Redis: never a crash, never a wrong sign; unknown until the next pull."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from redis import Redis

from app.domain.changes import LineState
from app.domain.registration import PullReport
from app.domain.sign import Mode, SignKind
from app.models import PrincipalKind
from app.store import codec, keys, lines, lookups, places, servers
from app.store.lines import Line
from tests.support.customers import LINE_NUMBERS, Customers
from tests.web.given import logged_in
from tests.workers.fakes import FakeAdapter, registration
from workers import answers
from workers.pulling import run_pull
from workers.runtime import Runtime

LIVE, PHONE, STRANGER = (LINE_NUMBERS[name] for name in ("live", "phone", "stranger"))
NOW = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)


def first_version(redis: "Redis", server_id: int) -> None:
    """Bindings as JSON, a mark for what nobody could read, fewer facts of a server; PHONE was not registered."""
    at = datetime.now(UTC).replace(microsecond=0).timestamp()
    binding = [f"sip:{LIVE}@192.0.2.1:5060", "192.0.2.1:5060", "udp", "phone", at - 900, at - 60, at + 3600]
    redis.set(keys.server(server_id), json.dumps([at, at, None, "", 5.0, 1, 1, 5000.0]))
    redis.hset(keys.lines(server_id), mapping={LIVE: json.dumps([binding]), STRANGER: b"?"})
    redis.hset(f"tsunagari:registered:{server_id}", mapping={"1": "1", "?3": "1", "due": str(at + 60)})
    answered = {"asked": at, "answered": True, "at": at, "by": "lookup", "contacts": json.dumps([binding])}
    redis.set(keys.lookup(server_id, STRANGER), json.dumps(answered), ex=600)


def kind_of(redis: "Redis", server_id: int, aor: str, mode: Mode = Mode.LIVE) -> SignKind:
    return lines.read(redis, [Line(1, server_id, aor, mode)])[1].sign(datetime.now(UTC)).kind


def test_nothing_is_claimed_of_what_nobody_can_read(redis: "Redis", server_id: int) -> None:
    first_version(redis, server_id)
    assert kind_of(redis, server_id, LIVE) is SignKind.UNKNOWN
    assert kind_of(redis, server_id, STRANGER) is SignKind.UNKNOWN
    # That one was not in the snapshot means the same in every version.
    assert kind_of(redis, server_id, PHONE) is SignKind.NOT_REGISTERED
    facts = lines.read(redis, [Line(1, server_id, LIVE, Mode.LIVE)])[1]
    assert facts.registration().contacts == ()
    assert lines.known(redis, server_id, LIVE) is None
    assert places.read(redis, {server_id: [1, 3]})[server_id].circles is None


def test_a_page_is_drawn(app: Flask, redis: "Redis", customers: Customers, server_id: int) -> None:
    first_version(redis, server_id)
    owner = logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["owner"])
    page = owner.get(f"/circles/{customers.circles['tokyo']}")
    assert page.status_code == 200
    assert LIVE in page.text


def test_the_next_pull_knows_all_of_it(
    redis: "Redis", server_id: int, runtime: Runtime, adapter: FakeAdapter, customers: Customers
) -> None:
    first_version(redis, server_id)
    adapter.lines, adapter.report = [registration(LIVE)], PullReport(datetime.now(UTC))
    assert run_pull(runtime, server_id)
    assert servers.read_one(redis, server_id).problem is None
    assert kind_of(redis, server_id, LIVE) is SignKind.REGISTERED
    assert kind_of(redis, server_id, STRANGER) is SignKind.NOT_REGISTERED
    tokyo = customers.circles["tokyo"]
    found = places.read(redis, {server_id: [tokyo]})[server_id].circles
    assert found is not None
    assert found[tokyo].registered == 1


@pytest.mark.parametrize("told", [[], [PHONE]])
def test_what_the_next_pull_does_not_tell_of_is_not_registered(
    redis: "Redis", server_id: int, runtime: Runtime, adapter: FakeAdapter, told: list[str]
) -> None:
    first_version(redis, server_id)
    adapter.lines, adapter.report = map(registration, told), PullReport(datetime.now(UTC))
    assert run_pull(runtime, server_id)
    assert kind_of(redis, server_id, LIVE) is SignKind.NOT_REGISTERED
    assert kind_of(redis, server_id, STRANGER) is SignKind.NOT_REGISTERED


def test_a_look_up_goes_on(redis: "Redis", server_id: int, runtime: Runtime, customers: Customers) -> None:
    first_version(redis, server_id)
    circle = customers.circles["stranger"]
    assert kind_of(redis, server_id, STRANGER, Mode.ON_DEMAND) is SignKind.ASK
    lookups.ask(redis, server_id, STRANGER, [circle], datetime.now(UTC))
    assert kind_of(redis, server_id, STRANGER, Mode.ON_DEMAND) is SignKind.CHECKING
    lookups.fail(redis, server_id, STRANGER, [circle], datetime.now(UTC), "timeout")
    assert kind_of(redis, server_id, STRANGER, Mode.ON_DEMAND) is SignKind.CHECK_FAILED
    adapter = FakeAdapter([registration(STRANGER)])
    answers.keep(runtime, server_id, adapter.lookup(STRANGER), circle)
    assert kind_of(redis, server_id, STRANGER, Mode.ON_DEMAND) is SignKind.REGISTERED
    assert kind_of(redis, server_id, STRANGER) is SignKind.REGISTERED


RUBBISH = (
    *(b"", b"?", b"=", b"=\n", b"-\n", b"null", b"[]", b"{}", b"[[]]", b"\xff\xfe", b"=1\nrubbish", b"5", b'"x"'),
    # As they were kept when a binding told for how long it holds.
    b"1795419198\t3600\t\x01192.0.2.1:5060\t\x01\tudp\tphone",
    b"+1795419190\n1795419198\t3600\t\x01192.0.2.1:5060\t\x01\tudp\tphone",
)


@pytest.mark.parametrize("value", RUBBISH)
def test_rubbish_claims_nothing(redis: "Redis", server_id: int, value: bytes) -> None:
    redis.hset(keys.lines(server_id), LIVE, value)
    redis.set(keys.lookup(server_id, LIVE), value)
    assert kind_of(redis, server_id, LIVE) is SignKind.UNKNOWN
    now = datetime.now(UTC)
    state = servers.ServerState(answered_at=now, tried_at=now)
    redis.set(keys.server(server_id), servers.encode(state))
    # Not even that nobody is registered: an empty value is one as well.
    assert kind_of(redis, server_id, LIVE) is SignKind.UNKNOWN
    assert kind_of(redis, server_id, LIVE, Mode.ON_DEMAND) is SignKind.ASK
    redis.set(keys.server(server_id), value)
    assert kind_of(redis, server_id, LIVE) is SignKind.UNKNOWN


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state[:8],
        lambda state: [*state, "of a later version", 5],
        lambda state: ["soon", *state[1:]],
        lambda state: [state[0], state[1], None, "", float("nan"), *state[5:]],
        lambda state: [1e300, *state[1:]],
        lambda state: [*state[:-1], 5],
    ],
)
def test_a_server_of_another_version(change: Callable[[list[object]], list[object]]) -> None:
    state = servers.ServerState(answered_at=NOW, interval=timedelta(seconds=7), lines=9, stored=9)
    told = servers.decode(json.dumps(change(json.loads(servers.encode(state)))).encode())
    # All of what it knows, or nothing.
    known, nothing = (NOW, timedelta(seconds=7), 9), (None, timedelta(seconds=5), 0)
    assert (told.answered_at, told.interval, told.lines) in (known, nothing)
    assert told.stored in (9, -1)


def test_what_nobody_can_read_says_nothing_of_a_line() -> None:
    assert codec.read(None) is None
    told = codec.read(b"[[]]")
    assert told is not None
    assert (told.state, told.changes, told.body) == (LineState.UNREADABLE, (), b"")
