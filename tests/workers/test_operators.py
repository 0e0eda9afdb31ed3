"""`flask servers …`: plain words, and an exit code that a script can use."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.registration import PullReport
from app.models import SipServer
from app.store import keys, servers
from tests.support.customers import LIVE_HOST, ON_DEMAND_HOST
from tests.workers.fakes import FakeAdapter, failing, registration
from workers import operators
from workers.pulling import pull_lease
from workers.runtime import Runtime
from workers.sip.base import Capability, Check, Problem, SipError
from workers.words import WORDS

Run = Callable[..., Result]


@pytest.fixture
def run(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(operators, "current", lambda: runtime)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(operators.servers, arguments)


def test_add_and_list(run: Run, session: Session) -> None:
    done = run(
        "add", "SIP9.example.jp", "asterisk", "tls://10.0.0.9", "--credentials", "env:SIP9",
        "--option", "source=contacts", "--option", "timeout=9", "--interval", "7.5", "--on-demand",
    )  # fmt: skip
    assert done.exit_code == 0
    row = session.scalars(select(SipServer).where(SipServer.hostname == "sip9.example.jp")).one()
    assert (row.family, row.management_url, row.credentials) == ("asterisk", "tls://10.0.0.9", "env:SIP9")
    assert (row.options, row.live, row.pull_interval) == ("source=contacts timeout=9", False, 7.5)
    listed = run("list").output.splitlines()
    assert [line.split()[0] for line in listed] == [LIVE_HOST, ON_DEMAND_HOST, "sip9.example.jp"]
    assert "every 5 s" in listed[0]
    # Its one SIPトランク2 makes it a server that is pulled.
    assert "every 5 s" in listed[1]
    assert "on demand" in listed[2]
    assert "no answer yet" in listed[2]


@pytest.mark.parametrize(
    "arguments",
    [
        (LIVE_HOST, "kamailio", "http://10.0.0.9/RPC"),
        ("new.example.jp", "nobodys", "http://10.0.0.9/RPC"),
        ("new.example.jp", "kamailio", "http://user:hunter2@10.0.0.9/RPC"),
        ("new.example.jp", "kamailio", "http://[::1/RPC"),
        ("new.example.jp", "kamailio", "http://10.0.0.9/RPC", "--credentials", "user:hunter2"),
        ("new.example.jp", "kamailio", "http://10.0.0.9/RPC", "--option", "hunter2"),
        ("new.example.jp", "kamailio", "http://10.0.0.9/RPC", "--interval", "0"),
    ],
)
def test_add_refuses(run: Run, session: Session, arguments: tuple[str, ...]) -> None:
    done = run("add", *arguments)
    assert done.exit_code != 0
    assert "Error: " in done.output
    assert "hunter2" not in done.output
    assert session.scalars(select(SipServer.hostname)).all() == [LIVE_HOST, ON_DEMAND_HOST]


def test_check_of_a_server_that_is_well(run: Run, adapter: FakeAdapter) -> None:
    adapter.checked = Check("5.6.3", frozenset((Capability.LOOKUP, Capability.SNAPSHOT)), 12, 0.4)
    done = run("check", LIVE_HOST.upper())
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "version: 5.6.3",
        "can: lookup, snapshot",
        "registered lines: 12",
        "clock: +0.4 s from ours",
        "all is well",
    ]


def test_check_says_each_thing_that_is_wrong(run: Run, adapter: FakeAdapter) -> None:
    adapter.checked = Check(problems=((Problem.COMMAND_MISSING, "ul.dump"), (Problem.TOO_LARGE, "")), clock_skew=-6.0)
    done = run("check", LIVE_HOST)
    assert done.exit_code == 1
    assert [line.split(":")[1].strip() for line in done.output.splitlines() if line.startswith("wrong")] == [
        "command missing",
        "too large",
        "clock skew",
    ]
    assert "(ul.dump)" in done.output


def test_check_of_a_server_that_can_t_be_reached(run: Run, adapter: FakeAdapter) -> None:
    adapter.meanwhile = failing(SipError(Problem.NO_ROUTE, "10.0.0.9"))
    done = run("check", LIVE_HOST)
    assert done.exit_code == 1
    assert done.output.startswith("wrong: no route: ")


def test_check_of_credentials_that_are_not_there(run: Run, session: Session) -> None:
    session.scalars(select(SipServer).where(SipServer.hostname == LIVE_HOST)).one().credentials = "env:NOWHERE"
    session.commit()
    done = run("check", LIVE_HOST)
    assert done.exit_code == 1
    assert "env:NOWHERE is not set" in done.output


def test_every_problem_has_its_words() -> None:
    assert set(WORDS) == set(Problem)
    assert len(set(WORDS.values())) == len(Problem)


def test_pull(run: Run, adapter: FakeAdapter, redis: "Redis", server_id: int) -> None:
    adapter.lines = [registration("1001"), registration("1002")]
    done = run("pull", LIVE_HOST)
    assert done.exit_code == 0
    assert done.output.startswith("2 lines, 0 unreadable, as of ")
    assert redis.hlen(keys.lines(server_id)) == 2
    adapter.meanwhile = failing(SipError(Problem.CREDENTIALS))
    failed = run("pull", LIVE_HOST)
    assert failed.exit_code == 1
    assert "wrong password" in failed.output
    listed = run("list").output
    assert "wrong password" in listed
    assert re.search(r"2 lines, 0 unreadable, as of \d s ago$", listed.splitlines()[0])


def test_pull_beside_a_worker(run: Run, adapter: FakeAdapter, redis: "Redis", server_id: int) -> None:
    assert pull_lease(redis, server_id).take()
    done = run("pull", LIVE_HOST)
    assert done.exit_code == 1
    assert "right now" in done.output
    assert adapter.asked == []


def test_lookup(run: Run, adapter: FakeAdapter, redis: "Redis") -> None:
    adapter.lines = [registration("1001")]
    done = run("lookup", LIVE_HOST, f"sip:1001@{LIVE_HOST}")
    assert done.exit_code == 0
    first, second = done.output.splitlines()
    assert first == "1001: registered"
    assert second.startswith("  sip:1001@192.0.2.1:5060, from 192.0.2.1:5060, udp, phone, 3")
    assert run("lookup", LIVE_HOST, "1002").output == "1002: not registered\n"
    assert redis.keys("tsunagari:lookup:*") == []


def test_lookup_that_fails(run: Run, adapter: FakeAdapter) -> None:
    adapter.meanwhile = failing(SipError(Problem.TIMEOUT))
    assert run("lookup", LIVE_HOST, "1001").exit_code == 1
    assert run("lookup", LIVE_HOST, "a b").exit_code == 2


@pytest.mark.parametrize("command", [("check",), ("pull",), ("lookup", "1001")])
def test_a_server_that_nobody_entered(run: Run, command: tuple[str, ...]) -> None:
    done = run(command[0], "nowhere.example.jp", *command[1:])
    assert done.exit_code == 1
    assert "flask servers list" in done.output


def test_age_of_the_last_answer(run: Run, adapter: FakeAdapter) -> None:
    adapter.report = PullReport(datetime.now(UTC) - timedelta(seconds=1000))
    run("pull", LIVE_HOST)
    assert re.search(r"as of 10\d\d s ago$", run("list").output.splitlines()[0])


def test_list_says_what_a_busy_server_stretches(
    run: Run, adapter: FakeAdapter, redis: "Redis", server_id: int, runtime: Runtime
) -> None:
    adapter.lines, adapter.report = [registration("1001")], PullReport(datetime.now(UTC), busy=0.5)
    run("pull", LIVE_HOST)
    # Ten times half a second is what is configured.
    assert "  every 5 s  " in run("list").output.splitlines()[0]
    adapter.report = PullReport(datetime.now(UTC), busy=4.0)
    run("pull", LIVE_HOST)
    first, second = run("list").output.splitlines()
    assert "  every 5 s, stretched to 40 s  1 lines, 0 unreadable, as of " in first
    assert second.index("no answer yet") == first.index("1 lines")
    # Signs grow old by it, and the next pull waits for it.
    assert servers.read_one(redis, server_id).interval == timedelta(seconds=40)
    due = float(redis.hget(keys.due(), str(server_id)) or 0)
    assert 38 < due - datetime.now(UTC).timestamp() <= 40
    adapter.report = PullReport(datetime.now(UTC), busy=0.1)
    run("pull", LIVE_HOST)
    assert "stretched" not in run("list").output


def test_list_says_when_a_server_restarted(run: Run, adapter: FakeAdapter) -> None:
    now = datetime.now(UTC)
    adapter.lines, adapter.report = [registration("1001")], PullReport(now - timedelta(seconds=9), uptime=5000.0)
    run("pull", LIVE_HOST)
    assert "restarted" not in run("list").output
    adapter.report = PullReport(now, uptime=4.0)
    run("pull", LIVE_HOST)
    started = now - timedelta(seconds=4)
    assert run("list").output.splitlines()[1] == f"    restarted at {started:%Y-%m-%d %H:%M:%S} UTC"


def test_list_keeps_why_an_answer_was_last_refused(run: Run, adapter: FakeAdapter) -> None:
    adapter.lines = [registration(f"100{number}") for number in range(8)]
    run("pull", LIVE_HOST)
    adapter.lines, adapter.report = [registration("1001")], PullReport(datetime.now(UTC))
    run("pull", LIVE_HOST)
    _, refused, _ = run("list").output.splitlines()
    at = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.fullmatch(
        rf"    refused at {at}: held: more than half .* \(1 of 8 lines are left\); if all .* it is", refused
    )
    adapter.report = PullReport(datetime.now(UTC))
    run("pull", LIVE_HOST)
    first, well, _ = run("list").output.splitlines()
    assert "1 lines, 0 unreadable" in first
    assert re.fullmatch(rf"    all is well again; last refused at {at}: held: .* \(1 of 8 lines are left\)", well)


def test_list_of_what_another_version_stored(run: Run, redis: "Redis", server_id: int) -> None:
    redis.set(keys.server(server_id), b'[null,1.0,"gone_wrong","so",5.0,0,0,null]')
    assert run("list").output.splitlines()[1] == "    refused: gone_wrong (so)"
