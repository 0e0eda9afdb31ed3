"""10,000 mutations of each main recording: no crash, no hang, no record lost beside the mutated one."""

import random
import re
import socket
from collections.abc import Callable, Iterator

import pytest

from app.domain.registration import Contact
from tests.support.replay_esl import FIVE, HOME, LIST, RECORDED_AT, events, exchanges, frames, server_bytes, tabbed
from workers.sip.base import Problem, SipError
from workers.sip.freeswitch.esl import Esl
from workers.sip.freeswitch.events import EventReader
from workers.sip.freeswitch.parse import delimited_table, json_table, profile_table, xml_table
from workers.sip.freeswitch.rows import Clock, Table
from workers.sip.stream import Deadline, Stream

ROUNDS = 10_000
CLOCK = Clock(RECORDED_AT, int(RECORDED_AT.timestamp()))
ODD = (
    b"\n",
    b"\t",
    b"<",
    b">",
    b"\x00",
    b"\xff",
    b"&",
    b'"',
    b"</registration>",
    b"</row>",
    b"<user>9@h</user>",
    b"\n\n",
)
FOUR = "12-two-phones-one-user-profile-contact-core-default"

Mutation = tuple[int, int, bytes]


def recorded(command: str, name: str = FIVE) -> bytes:
    return max((body for asked, body in exchanges(name) if asked == command), key=len)


def mutations(body: bytes, seed: int) -> Iterator[Mutation]:
    """Where each mutation begins and ends, and what stands there afterwards."""
    dice = random.Random(seed)
    for _ in range(ROUNDS):
        start = dice.randrange(len(body))
        length = dice.choice((0, 1, 1, 1, 2, 8, 40))
        other = dice.randrange(len(body))
        new = dice.choice(
            (b"", dice.randbytes(1), dice.randbytes(dice.randrange(9)), dice.choice(ODD), body[other : other + 60])
        )
        yield start, min(len(body), start + length), new


def spans(body: bytes, pattern: bytes) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(pattern, body, re.DOTALL)]


LISTS: dict[str, tuple[bytes, Callable[[bytes, Clock, str], Table], bytes]] = {
    "profile": (recorded(LIST), profile_table, rb"    <registration>\n.*?    </registration>\n"),
    "profile, one line": (recorded(LIST, FOUR), profile_table, rb"    <registration>\n.*?    </registration>\n"),
    "core": (tabbed(recorded("show registrations")), delimited_table, rb"\d{4}\tsip3[^\n]*\n"),
    "xml": (recorded("show registrations as xml"), xml_table, rb"  <row .*?  </row>\n"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_mutation_costs_its_own_record_at_most(name: str) -> None:
    body, parse, pattern = LISTS[name]
    contacts: list[Contact] = [binding.contact for binding in parse(body, CLOCK, HOME).bindings]
    records = spans(body, pattern)
    assert len(records) == len(contacts) > 3
    refused = 0
    for start, end, new in mutations(body, seed=len(body)):
        try:
            table = parse(body[:start] + new + body[end:], CLOCK, HOME)
        except SipError:
            # Within a record that keeps its lines nothing may cost more than that record.
            inside = any(first < start and end < last - 1 for first, last in records)
            assert not inside or b"\n" in body[start:end] + new
            refused += 1
            continue
        left = {binding.contact for binding in table.bindings}
        beside = [index for index, (first, last) in enumerate(records) if end < first or start >= last]
        lost = [index for index in beside if contacts[index] not in left]
        assert not lost, (start, end, new)
    assert refused < ROUNDS / 4


@pytest.mark.parametrize("name", LISTS)
def test_a_list_cut_anywhere_is_refused_or_whole(name: str) -> None:
    body, parse, _ = LISTS[name]
    whole = parse(body, CLOCK, HOME)
    for end in range(len(body)):
        try:
            table = parse(body[:end], CLOCK, HOME)
        except SipError:
            continue
        assert table == whole


def test_json_is_whole_or_refused() -> None:
    body = recorded("show registrations as json")
    rows = json_table(body, CLOCK, HOME).rows
    refused: list[Problem] = []
    for start, end, new in mutations(body, seed=3):
        try:
            table = json_table(body[:start] + new + body[end:], CLOCK, HOME)
        except SipError as error:
            refused.append(error.problem)
        else:
            # To announce less, and to hold less, takes more than one mutation.
            assert table.rows >= rows
    assert 0 < len(refused) < ROUNDS
    assert set(refused) == {Problem.GARBAGE, Problem.TRUNCATED}


@pytest.mark.parametrize("name", ["04-events-json-register-lifecycle", "06-events-json-auth-failures"])
def test_a_mutated_event_costs_itself_at_most(name: str) -> None:
    bodies = [frame.body for frame in events(name)]
    honest = EventReader(HOME, lambda: RECORDED_AT)
    told = [honest.read(body) for body in bodies]
    dice = random.Random(4)
    for seed in range(ROUNDS):
        index = dice.randrange(len(bodies))
        start, end, new = next(mutations(bodies[index], seed))
        reader = EventReader(HOME, lambda: RECORDED_AT)
        reader.read(bodies[index][:start] + new + bodies[index][end:])
        after = [reader.read(body) for body in bodies[index + 1 : index + 4]]
        # A failure takes its reason from the attempt just before it: only the very next event leans on this one.
        assert after[1:] == told[index + 2 : index + 4]


def test_a_mutated_stream_ends_in_frames_or_in_an_error() -> None:
    stream = server_bytes("09-bgapi-pipelining-and-interleaving")[:4000]
    bodies = [frame.raw for frame in frames(server_bytes("09-bgapi-pipelining-and-interleaving"))]
    assert sum(map(len, bodies)) > len(stream)
    ends: set[Problem] = set()
    for start, end, new in mutations(stream, seed=5):
        ends.add(_read_to_the_end(stream[:start] + new + stream[end:]))
    assert ends <= {Problem.TRUNCATED, Problem.GARBAGE, Problem.TOO_LARGE, Problem.FAULT}
    assert Problem.TRUNCATED in ends


def _read_to_the_end(data: bytes) -> Problem:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        esl = Esl(Stream(ours, Deadline(10), 1_000_000), timeout=10, size_limit=1_000_000)
        try:
            while esl.next_frame(10) is not None:
                pass
        except SipError as error:
            return error.problem
    raise AssertionError("a read past the end that neither ended nor failed")
