"""The contract over a replayed FreeSWITCH, from each of its tables."""

import re
import time
from collections.abc import Iterator

import pytest

from tests.contract.contract import AdapterContract, Line, Subject
from tests.support.replay_esl import CORE, LIST, RECORDED_AT, USER_OF, ReplayEsl, answered, delimited, exchanges, state
from tests.support.replay_stream import Manner, Wire
from workers.sip.base import Adapter
from workers.sip.registry import adapter_for

PHONES = "12-two-phones-one-user-profile-callid-core-multi"
JSON = "show registrations as json"


def the_time(wire: Wire) -> None:
    wire.write(answered(str(int(time.time())).encode()))


def moved(listed: bytes) -> bytes:
    """A recorded list with its epochs as if it had been recorded now."""
    by = int(time.time() - RECORDED_AT.timestamp())
    return re.sub(rb'(?<="expires":")\d+', lambda epoch: b"%d" % (int(epoch[0]) + by), listed)


class Replayed(Subject):
    """A server in the states that one user's phones went through while it was recorded."""

    def __init__(self, server: ReplayEsl, source: str) -> None:
        self.server = server
        self._source = source

    def adapter(self, *, timeout: float = 10.0) -> Adapter:
        return adapter_for("freeswitch", self.server.endpoint({"source": self._source}, timeout=timeout))

    def nobody(self) -> Line:
        return self._line(0)

    def one_line(self) -> Line:
        return self._line(1)

    def two_contacts(self) -> Line:
        return self._line(2)

    def gone(self) -> Line:
        line = self._line(1)
        assert self.adapter().lookup(line.aor).registration.contacts
        return self._line(0)

    def refuse(self) -> None:
        self.server.__exit__()

    def hang(self) -> None:
        self.server.manner = Manner(stall=0)

    def _line(self, phones: int) -> Line:
        """The tables when the user had so many phones."""
        recorded = list(exchanges(PHONES))
        listed = next(body for command, body in recorded if USER_OF in command and body.count(b"<call-id>") == phones)
        core = moved(next(body for command, body in recorded if command == JSON and body.count(b"reg_user") == phones))
        self.server.answers.update(
            {
                "strepoch": the_time,
                "sofia xmlstatus profile internal": state(phones),
                "show registrations count": b"\n%d total.\n" % phones,
                LIST: listed,
                JSON: core,
                CORE: delimited(core),
            }
        )
        return Line("1007", frozenset(re.findall(r"&lt;(sip:.*?)(?:;fs_nat=yes.*)?&gt;", listed.decode())))


@pytest.fixture(params=["profile", "core", "json"])
def subject(request: pytest.FixtureRequest) -> Iterator[Replayed]:
    with ReplayEsl() as server:
        yield Replayed(server, request.param)


class TestFreeswitch(AdapterContract):
    pass
