"""Hearing a replayed Asterisk: events as they come, silence, and the end of the connection."""

from collections.abc import Iterator

import pytest

from app.domain.registration import AuthFailure, FailureReason
from tests.support.replay_ami import END, RECORDED_AT, Answer, ReplayAmi, payload, refusal
from tests.support.replay_stream import Manner, Wire
from workers.sip.asterisk import listen
from workers.sip.asterisk.client import AsteriskAdapter
from workers.sip.base import Event, LineChanged, Problem, SipError


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "TICK", 0.05)
    monkeypatch.setattr(listen, "KEEPALIVE", 0.1)


def stream(name: str) -> bytes:
    """What was heard behind the login, without the answers to what was asked meanwhile."""
    blocks = payload(f"{name}.s2c.raw").partition(END)[2].split(END)
    return b"".join(block + END for block in blocks if b"Response: Goodbye" not in block and block)


def adapter(server: ReplayAmi, timeout: float = 5.0) -> AsteriskAdapter:
    return AsteriskAdapter(server.endpoint(timeout=timeout), now=lambda: RECORDED_AT)


def until_quiet(heard: Iterator[Event | None], least: int = 1) -> list[Event]:
    """The events before the first tick without one, which counts once so many came: a busy machine is quiet too."""
    events: list[Event] = []
    for event in heard:
        if event is not None:
            events.append(event)
        elif len(events) >= least:
            return events
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("manner", [Manner(), Manner(5), Manner(40)])
def test_failures_and_changes_are_heard(manner: Manner) -> None:
    with ReplayAmi(events=stream("04-security/09-events-as-readonly-user"), manner=manner) as server:
        events = until_quiet(adapter(server).events(), least=5)
        assert server.asked[-1]["Events"] == "system,security"
    assert [type(event) for event in events] == [AuthFailure] + [LineChanged] * 4
    assert isinstance(events[0], AuthFailure)
    assert (events[0].aor, events[0].reason) == ("1006", FailureReason.WRONG_PASSWORD)
    assert {event.aor for event in events if isinstance(event, LineChanged)} == {"1007"}


def test_an_endpoint_with_two_lines_changes_both() -> None:
    with ReplayAmi(events=stream("03-events/12-aor-with-domain-and-two-aors")) as server:
        events = until_quiet(adapter(server).events(), least=3)
    assert {event.aor for event in events if isinstance(event, LineChanged)} == {"alice", "desk1", "desk2"}


def test_a_user_who_may_only_hear_hears() -> None:
    denied: dict[str, Answer] = {"DBGetTree": refusal("Permission denied")}
    with ReplayAmi(denied, events=stream("03-events/03-reregister-same-contact")) as server:
        assert [event.aor for event in until_quiet(adapter(server).events()) if isinstance(event, LineChanged)] == [
            "1001"
        ]


def test_injected_messages_are_discarded_and_counted() -> None:
    with ReplayAmi(events=stream("04-security/10-ami-line-injection-by-From-user")) as server:
        adapted = adapter(server)
        assert adapted.discarded == 0
        events = until_quiet(adapted.events())
    assert len(events) == 1
    assert adapted.discarded == 5


def test_a_stream_of_what_concerns_nobody_is_quiet() -> None:
    """As a flood of challenges is: whoever listens gets his ticks all the same."""
    challenge = next(
        raw for raw in stream("03-events/03-reregister-same-contact").split(END) if b"ChallengeSent" in raw
    )
    with ReplayAmi(events=(challenge + END) * 200, manner=Manner(400, pause=0.005)) as server:
        heard = adapter(server).events()
        assert [next(heard) for _ in range(3)] == [None] * 3
        del heard


def test_a_quiet_server_is_asked_whether_it_is_there() -> None:
    with ReplayAmi() as server:
        for event in adapter(server).events():
            assert event is None
            if sum(fields["Action"] == "Ping" for fields in server.asked) == 3:
                break


def test_a_server_that_has_gone_silent() -> None:
    def silent(wire: Wire, action_id: bytes) -> None:
        """Answer no more."""

    with ReplayAmi({"Ping": silent}) as server, pytest.raises(SipError) as caught:
        until_broken(adapter(server, timeout=0.3).events())
    assert caught.value.problem is Problem.TIMEOUT


def test_the_end_of_the_stream() -> None:
    events: list[Event | None] = []
    server = ReplayAmi(events=stream("03-events/02-register-new-qualify"), ends=True)
    with server, pytest.raises(SipError) as caught:
        until_broken(adapter(server).events(), events)
    assert caught.value.problem is Problem.TRUNCATED
    assert [event.aor for event in events if isinstance(event, LineChanged)] == ["1001", "1001"]


def test_a_server_that_cannot_be_heard() -> None:
    with ReplayAmi() as server:
        endpoint = server.endpoint(password="wrong")
        with pytest.raises(SipError) as caught:
            until_broken(AsteriskAdapter(endpoint).events())
    assert caught.value.problem is Problem.CREDENTIALS


def until_broken(heard: Iterator[Event | None], events: list[Event | None] | None = None) -> None:
    for event in heard:
        if events is not None:
            events.append(event)
