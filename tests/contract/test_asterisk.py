"""The contract over a replayed Asterisk: its recordings, as if they had been made just now."""

import re
import time
from collections.abc import Iterator

import pytest

from tests.contract.contract import AdapterContract, Line, Subject
from tests.support.replay_ami import END, RECORDED_AT, ReplayAmi, answer_of, payload
from tests.support.replay_stream import Manner, Wire
from workers.sip.asterisk.client import AsteriskAdapter

STATUSES = "PJSIPShowRegistrationInboundContactStatuses"
LISTS = ("DBGetTree", STATUSES)
_TIMES = re.compile(rb'(?<=RegExpire: )\d{10}|(?<="expiration_time":")\d{10}')


def as_of_now(answer: bytes) -> bytes:
    """The recorded answer with its times moved from the recording to now."""
    moved = int(time.time() - RECORDED_AT.timestamp())
    return _TIMES.sub(lambda found: str(int(found[0]) + moved).encode(), answer)


def only(answer: bytes, line: str) -> bytes:
    """The recorded list with this line's contacts only."""
    start, *items, end = answer.removesuffix(END).split(END)
    mine = (f"AOR: {line}\r\n".encode(), f"/{line};@".encode())
    kept = [item for item in items if any(mark in item for mark in mine)]
    end = re.sub(rb"ListItems: \d+", b"ListItems: %d" % len(kept), end)
    return END.join((start, *kept, end)) + END


def ping(wire: Wire, action_id: bytes) -> None:
    """Answer with the time of day, as the server did."""
    recorded = answer_of("01-zero-contacts/misc-actions.s2c.raw", "Ping-88").replace(b"Ping-88", action_id)
    wire.write(re.sub(rb"(?<=Timestamp: ).*?(?=\r\n)", str(time.time()).encode(), recorded))


class Replayed(Subject):
    """A replayed server, with the recorded lines that the contract asks for."""

    def __init__(self, source: str) -> None:
        self.server = ReplayAmi({"Ping": ping}, events=payload("03-events/01-login-events-on.s2c.raw").split(END, 1)[1])
        self._lists = {action: self.server.answers[action] for action in LISTS}
        self._source = source

    def adapter(self, *, timeout: float = 10.0) -> AsteriskAdapter:
        return AsteriskAdapter(self.server.endpoint(timeout=timeout, options={"source": self._source}))

    def _hold(self, line: str) -> None:
        for action, answer in self._lists.items():
            assert isinstance(answer, bytes)
            self.server.answers[action] = as_of_now(only(answer, line))
        recorded = answer_of(f"02-populated/PJSIPShowEndpoint-{line}.s2c.raw", "ep1")
        self.server.answers[f"PJSIPShowEndpoint {line}"] = as_of_now(recorded)

    def nobody(self) -> Line:
        self._hold("1007")
        return Line("1007")

    def one_line(self) -> Line:
        self._hold("1001")
        return Line("1001", frozenset({"sip:1001@127.0.0.1:5301"}))

    def two_contacts(self) -> Line:
        self._hold("1002")
        return Line("1002", frozenset({"sip:1002@127.0.0.1:5305", "sip:1002@127.0.0.1:5304"}))

    def gone(self) -> Line:
        line = self.one_line()
        assert self.adapter().lookup(line.aor).registration.contacts
        self.nobody()
        emptied = answer_of("01-zero-contacts/PJSIPShowEndpoint-1001.s2c.raw", "ep1")
        assert emptied
        self.server.answers["PJSIPShowEndpoint 1001"] = emptied
        return Line(line.aor)

    def refuse(self) -> None:
        self.server.__exit__()

    def hang(self) -> None:
        self.server.manner = Manner(stall=0)


@pytest.fixture(params=["astdb", "contacts"])
def subject(request: pytest.FixtureRequest) -> Iterator[Replayed]:
    replayed = Replayed(request.param)
    with replayed.server:
        yield replayed


class TestAsterisk(AdapterContract):
    """All of it, from each source."""
