"""What an operator is told about a replayed Asterisk."""

import socket
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.replay_ami import END, Answer, ReplayAmi, answer_of, payload, starting
from tests.workers.sip.asterisk.common import DENIED, UNKNOWN
from workers.sip.asterisk.client import AsteriskAdapter
from workers.sip.base import Capability, Endpoint, Problem

PING_AT = datetime.fromtimestamp(1795413182.240882, UTC)
HEARD = payload("03-events/01-login-events-on.s2c.raw").split(END, 1)[1]


def test_a_check_of_a_server_that_does_all() -> None:
    with ReplayAmi(events=HEARD) as server:
        found = AsteriskAdapter(server.endpoint(), now=lambda: PING_AT).check()
    assert found.ok
    assert (found.version, found.lines) == ("22.10.1", 11)
    assert found.clock_skew == pytest.approx(0)
    assert found.capabilities == {Capability.SNAPSHOT, Capability.LOOKUP, Capability.EVENTS}


@pytest.mark.parametrize(("seconds", "way"), [(6, "6 s behind ours"), (-600, "600 s ahead of ours")])
def test_a_check_of_the_clocks(seconds: int, way: str) -> None:
    with ReplayAmi(events=HEARD) as server:
        found = AsteriskAdapter(server.endpoint(), now=lambda: PING_AT + timedelta(seconds=seconds)).check()
    assert [(problem, way in detail) for problem, detail in found.problems] == [(Problem.CLOCK_SKEW, True)]


def test_a_check_of_a_user_who_hears_no_events() -> None:
    with ReplayAmi() as server:
        found = AsteriskAdapter(server.endpoint(), now=lambda: PING_AT).check()
    assert found.ok
    assert Capability.EVENTS not in found.capabilities


def test_a_check_of_a_user_who_may_only_hear() -> None:
    with ReplayAmi({"CoreSettings": DENIED, "DBGetTree": DENIED}, events=HEARD) as server:
        found = AsteriskAdapter(server.endpoint(), now=lambda: PING_AT).check()
    assert [problem for problem, _detail in found.problems] == [Problem.PERMISSION, Problem.PERMISSION]
    assert found.capabilities == {Capability.EVENTS}


def test_a_check_finds_contacts_that_are_not_in_the_database() -> None:
    nothing = answer_of("07-ami-auth/15-dbgettree-single-aor.s2c.raw", "DBGetTree-428")
    with ReplayAmi({"DBGetTree": nothing}, events=HEARD) as server:
        found = AsteriskAdapter(server.endpoint(), now=lambda: PING_AT).check()
    assert [problem for problem, _detail in found.problems] == [Problem.CONFIGURATION]


@pytest.mark.parametrize(
    ("answers", "options", "problem"),
    [
        ({"DBGetTree": UNKNOWN}, {}, Problem.COMMAND_MISSING),
        ({"DBGetTree": starting("Permission denied")}, {}, Problem.LOADING),
        ({}, {"source": "contacts", "dump_limit": "5"}, Problem.TOO_LARGE),
        ({}, {"source": "x"}, Problem.CONFIGURATION),
        ({}, {"realtime_url": "sqlite:////nowhere/db"}, Problem.CONFIGURATION),
    ],
)
def test_a_check_says_what_is_wrong(answers: dict[str, Answer], options: dict[str, str], problem: Problem) -> None:
    with ReplayAmi(answers, events=HEARD) as server:
        found = AsteriskAdapter(server.endpoint(options=options), now=lambda: PING_AT).check()
    assert [wrong for wrong, _detail in found.problems] == [problem]


def test_a_check_of_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    found = AsteriskAdapter(Endpoint(url, "x", user="u", password="p")).check()
    assert [problem for problem, _detail in found.problems] == [Problem.REFUSED]
