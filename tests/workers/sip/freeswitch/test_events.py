"""What FreeSWITCH tells as it happens: the recorded events, over a real connection and one by one."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.registration import AuthFailure, FailureReason
from tests.support.replay_esl import GOODBYE, HOME, PASSWORD, RECORDED_AT, ReplayEsl, answered, events
from tests.support.replay_stream import Manner
from workers.sip.base import Event, Gap, LineChanged, Problem, SipError
from workers.sip.freeswitch.client import FreeswitchAdapter
from workers.sip.freeswitch.events import EventReader

LIFECYCLE = "04-events-json-register-lifecycle"
FAILURES = "06-events-json-auth-failures"


def told(name: str, connection: int = 0) -> list[LineChanged | AuthFailure]:
    reader = EventReader(HOME, lambda: RECORDED_AT)
    found = (reader.read(frame.body) for frame in events(name, connection))
    return [event for event in found if event is not None]


def event(subclass: str, **fields: str) -> bytes:
    stamp = {"Event-Date-Timestamp": "1795413167363143"}
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return json.dumps({"Event-Subclass": f"sofia::{subclass}"} | stamp | named).encode()


def read(*bodies: bytes) -> list[LineChanged | AuthFailure | None]:
    reader = EventReader(HOME, lambda: RECORDED_AT)
    return [reader.read(body) for body in bodies]


class TestRecorded:
    def test_each_register_unregister_and_expiry_is_a_change(self) -> None:
        counted = Counter(change.aor for change in told(LIFECYCLE))
        kinds = [json.loads(frame.body)["Event-Subclass"] for frame in events(LIFECYCLE)]
        changes = [kind for kind in kinds if kind in ("sofia::register", "sofia::unregister", "sofia::expire")]
        assert sum(counted.values()) == len(changes) > 15
        assert set(counted) == {"1001", "1002", "1003", "1004", "1005", "1018", "alice.smith"}

    def test_the_time_is_the_servers_epoch(self) -> None:
        first = told(LIFECYCLE)[0]
        assert first == LineChanged("1001", datetime(2026, 11, 23, 5, 52, 21, 863189, UTC))

    def test_an_expiry(self) -> None:
        [*_, last] = told("10-expiry")
        assert last.aor == "1006"
        assert last.at.timestamp() == pytest.approx(1795413614.7, abs=0.2)

    def test_each_failed_register_names_the_line_that_it_was_for(self) -> None:
        failures = [failure for failure in told(FAILURES) if isinstance(failure, AuthFailure)]
        by_line = Counter(failure.aor for failure in failures)
        assert by_line.pop("9999") == 1
        assert by_line.pop("1001@unknown.example.org") == 1
        assert {line: by_line[line] for line in ("1013", "1014", "1015", "1016", "1017")} == dict.fromkeys(
            ("1013", "1014", "1015", "1016", "1017"), 1
        )
        assert by_line["1001"] == len(failures) - 7

    def test_only_a_mismatch_of_users_is_told_apart(self) -> None:
        """Wrong password, ACL, forbidden and too many phones look alike in every event."""
        failures = [failure for failure in told(FAILURES) if isinstance(failure, AuthFailure)]
        reasons = [failure.reason for failure in failures]
        assert reasons.count(FailureReason.USER_MISMATCH) == 1
        assert set(reasons) == {FailureReason.USER_MISMATCH, FailureReason.OTHER}
        assert failures[3].reason is FailureReason.USER_MISMATCH

    def test_a_failure_tells_where_it_came_from(self) -> None:
        first = next(failure for failure in told(FAILURES) if isinstance(failure, AuthFailure))
        assert first == AuthFailure(
            "1001",
            FailureReason.OTHER,
            datetime(2026, 11, 23, 5, 52, 47, 363143, UTC),
            "127.0.0.51:49403",
            "Yealink SIP-T46S 66.86.0.15",
        )

    def test_a_third_party_registration_is_its_to(self) -> None:
        """From 1002, To 1001: the line is 1001, whatever the events call it."""
        assert not [change for change in told(FAILURES) if change.aor == "1002"]

    @pytest.mark.parametrize(
        "name",
        ["05-events-plain", "05-events-xml", "16-options-ping-reachability", "17-digest-without-qop", "20-filter"],
    )
    def test_every_other_recorded_event_can_be_read_or_let_go(self, name: str) -> None:
        assert all(change.aor for change in told(name))


class TestCalls:
    ATTEMPT = event(
        "register_attempt",
        auth_result="FORBIDDEN",
        from_user="1002",
        from_host=HOME,
        to_user="1001",
        to_host=HOME,
        username="1001",
        network_ip="192.0.2.1",
        network_port="5060",
    )

    def failed(self, port: str) -> bytes:
        return event(
            "register_failure",
            to_user="1002",
            to_host=HOME,
            network_ip="192.0.2.1",
            network_port=port,
            registration_type="INVITE",
        )

    def test_a_call_that_fails_is_its_callers(self) -> None:
        """The To of a call is whom it calls."""
        [_, failure] = read(self.ATTEMPT, self.failed("5060"))
        assert failure is not None
        assert failure.aor == "1001"

    def test_a_call_that_nobody_can_be_named_for_is_let_go(self) -> None:
        other = self.failed("9")
        mine = self.failed("5060")
        assert read(self.ATTEMPT, other, mine) == [None] * 3
        assert read(mine) == [None]


class TestOdd:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"null",
            b"[" * 100_000,
            b'{"Event-Subclass": 7}',
            event("register"),
            event("register", from_user="", from_host=HOME),
            event("register", from_user="\x01", from_host=HOME),
            event("expire", from_user="1001", from_host=HOME),
            event("sip_user_state", from_user="1001", from_host=HOME),
        ],
    )
    def test_an_event_that_says_nothing(self, body: bytes) -> None:
        assert read(body) == [None]

    def test_a_user_agent_in_latin_1(self) -> None:
        body = event("register_failure", to_user="1", to_host=HOME, user_agent="T?l").replace(b"T?l", b"T\xe9l")
        [failure] = read(body)
        assert isinstance(failure, AuthFailure)
        assert (failure.user_agent, failure.source) == ("Tél", None)

    @pytest.mark.parametrize("stamp", ["", "now", "-1", "9" * 17])
    def test_without_a_time_it_was_now(self, stamp: str) -> None:
        body = event("register", from_user="1", from_host=HOME).replace(b"1795413167363143", stamp.encode())
        assert read(body) == [LineChanged("1", RECORDED_AT)]

    @settings(deadline=None)
    @given(
        st.dictionaries(st.sampled_from(["from-user", "from-host", "user", "host", "to-user", "to-host"]), st.text())
    )
    def test_any_names_are_read_or_let_go(self, fields: dict[str, str]) -> None:
        for kind in ("register", "unregister", "expire", "register_failure"):
            [found] = read(event(kind, **fields))
            assert found is None or found.aor


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = RECORDED_AT

    def __call__(self) -> datetime:
        return self.time


def heard(source: FreeswitchAdapter, count: int) -> list[Event]:
    with closing(source.events()) as stream:
        return list(islice((item for item in stream if item is not None), count))


def stream_of(name: str) -> bytes:
    return b"".join(frame.raw for frame in events(name))


class TestStream:
    @pytest.mark.parametrize("manner", [Manner(), Manner(piece=1), Manner(piece=900, pause=0.002)])
    def test_events_come_as_they_were_sent(self, manner: Manner) -> None:
        expected = told(FAILURES)
        with ReplayEsl(events=stream_of(FAILURES), manner=manner) as server:
            assert heard(FreeswitchAdapter(server.endpoint()), len(expected)) == expected

    def test_nothing_is_told_while_nothing_happens(self) -> None:
        with ReplayEsl() as server:
            with closing(FreeswitchAdapter(server.endpoint(timeout=0.5)).events()) as quiet:
                assert [next(quiet) for _ in range(4)] == [None] * 4
            # The signs of life that it asked for meanwhile.
            assert set(server.asked) == {"uptime s"}
            assert len(server.asked) > 1

    def test_a_server_that_does_not_answer_either_is_gone(self) -> None:
        with ReplayEsl({"uptime s": lambda wire: None}) as server, pytest.raises(SipError) as raised:
            exhaust(FreeswitchAdapter(server.endpoint(timeout=0.5)).events())
        assert raised.value.problem is Problem.TIMEOUT

    def test_the_end_of_the_server_is_an_error(self) -> None:
        with ReplayEsl(events=stream_of(LIFECYCLE) + GOODBYE) as server, pytest.raises(SipError) as raised:
            exhaust(FreeswitchAdapter(server.endpoint()).events())
        assert raised.value.problem is Problem.FAULT
        assert PASSWORD not in str(raised.value)

    def test_a_break_in_an_event_is_an_error_and_the_next_stream_begins_with_the_gap(self) -> None:
        clock = Clock()
        with ReplayEsl(events=stream_of(LIFECYCLE), manner=Manner(cut=5000)) as server:
            adapter = FreeswitchAdapter(server.endpoint(), now=clock)
            with pytest.raises(SipError) as raised:
                exhaust(adapter.events())
            assert raised.value.problem is Problem.TRUNCATED
            clock.time += timedelta(seconds=30)
            gap, first = heard(adapter, 2)
            assert gap == Gap(RECORDED_AT)
            assert isinstance(first, LineChanged)

    def test_the_first_stream_has_no_gap(self) -> None:
        with ReplayEsl(events=stream_of(LIFECYCLE)) as server:
            assert isinstance(heard(FreeswitchAdapter(server.endpoint()), 1)[0], LineChanged)

    def test_a_user_that_may_not_hear_events(self) -> None:
        refusal = b"Content-Type: command/reply\nReply-Text: -ERR permission denied\n\n"
        with ReplayEsl() as server:
            server.subscription = refusal
            with pytest.raises(SipError) as raised:
                exhaust(FreeswitchAdapter(server.endpoint()).events())
        assert (raised.value.problem, raised.value.permanent) == (Problem.PERMISSION, True)

    def test_answers_among_the_events_are_no_events(self) -> None:
        mixed = b"".join(frame.raw + answered(b"4\n") for frame in events(LIFECYCLE))
        expected = told(LIFECYCLE)
        with ReplayEsl(events=mixed) as server:
            assert heard(FreeswitchAdapter(server.endpoint()), len(expected)) == expected


def exhaust(stream: Iterator[object]) -> None:
    for _ in stream:
        pass
