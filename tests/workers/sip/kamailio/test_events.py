"""The listener against a server that says what no evapi does; what a real one says is in the contract tests."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from app.domain.registration import AuthFailure
from tests.support.serve import Peer, Script, ScriptedServer
from workers.sip.base import Endpoint, Event, Gap, LineChanged, Problem, SipError
from workers.sip.kamailio import events
from workers.sip.kamailio.client import KamailioAdapter


def netstring(text: bytes) -> bytes:
    return b"%d:%s," % (len(text), text)


def says(*pieces: bytes) -> Script:
    def script(peer: Peer) -> None:
        for piece in pieces:
            peer.send(piece)
        peer.hang()

    return script


def adapter(server: ScriptedServer) -> KamailioAdapter:
    options = {"events": f"tcp://127.0.0.1:{server.port}"}
    return KamailioAdapter(Endpoint("http://127.0.0.1:9/RPC", "sip.example.jp", timeout=5, options=options))


def told(stream: Iterator[Event | None], count: int) -> list[Event]:
    found: list[Event] = []
    while len(found) < count:
        if (event := next(stream)) is not None:
            found.append(event)
    return found


def test_messages_in_one_piece_and_in_many() -> None:
    data = (
        netstring(b"registered|1001") + netstring(b"tick|1") + netstring(b"failed|5|-2|udp:h:1|1002@sip.example.jp|a")
    )
    halves = [bytes((octet,)) for octet in data]
    with ScriptedServer(says(data, *halves)) as server, closing(adapter(server).events()) as stream:
        found = told(stream, 4)
    assert [type(event) for event in found] == [LineChanged, AuthFailure] * 2
    assert [event.aor for event in found if not isinstance(event, Gap)] == ["1001", "1002"] * 2


@pytest.mark.parametrize(
    "rubbish", [b"", b"?", b"registered|", b"registered|\x00", b"failed|x", b"failed|5|a|b|@|c", b"tick|x"]
)
def test_a_message_that_cannot_be_read_says_nothing(rubbish: bytes) -> None:
    data = netstring(rubbish) + netstring(b"expired|1001")
    with ScriptedServer(says(data)) as server, closing(adapter(server).events()) as stream:
        (event,) = told(stream, 1)
    assert isinstance(event, LineChanged)


@pytest.mark.parametrize("data", [b"x:", b"-1:", b"99999999999:", b"3:abcd", b"1" * 100])
def test_what_is_no_netstring(data: bytes) -> None:
    with ScriptedServer(says(data)) as server, closing(adapter(server).events()) as stream:
        with pytest.raises(SipError) as raised:
            told(stream, 1)
        assert raised.value.problem in {Problem.GARBAGE, Problem.TOO_LARGE}


def test_a_server_that_goes_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_SILENCE", 0.3)
    monkeypatch.setattr(events, "_TICK", 0.1)
    with ScriptedServer(says(netstring(b"tick|1"))) as server, closing(adapter(server).events()) as stream:
        with pytest.raises(SipError) as raised:
            told(stream, 1)
        assert raised.value.problem is Problem.TIMEOUT


@pytest.mark.parametrize("url", ["tcp://", "http://127.0.0.1:1", "8448"])
def test_an_address_that_makes_no_sense(url: str) -> None:
    made = KamailioAdapter(Endpoint("http://127.0.0.1:9/RPC", "sip.example.jp", options={"events": url}))
    with pytest.raises(SipError) as raised:
        next(made.events())
    assert raised.value.problem is Problem.CONFIGURATION
