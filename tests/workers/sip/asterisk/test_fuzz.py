"""Ten thousand mutations of each main recording: no crash, no hang, no record lost beside the mutated one."""

import random
from collections.abc import Callable

import pytest

from tests.support.replay_ami import END, RECORDED_AT, answer_of, payload
from workers.sip.asterisk.events import ForgedError, read_event
from workers.sip.asterisk.parse import Block, Bound, read_list
from workers.sip.base import Event

HOME = "pbx.example.com"
MUTATIONS = 10_000
LISTS = {
    "astdb": answer_of("07-ami-auth/15-dbgettree-single-aor.s2c.raw", "DBGetTree-349"),
    "contacts": answer_of("02-populated/PJSIPShowContacts.s2c.raw", "q-PJSIPShowContacts"),
    "statuses": answer_of(
        "02-populated/PJSIPShowRegistrationInboundContactStatuses.s2c.raw",
        "q-PJSIPShowRegistrationInboundContactStatuses",
    ),
}
STREAMS = (
    "03-events/02-register-new-qualify",
    "03-events/07-unregister",
    "03-events/10-rejected-4xx",
    "04-security/01-wrong-password",
    "04-security/02-unknown-user",
    "04-security/10-ami-line-injection-by-From-user",
)
SPICE = (b"\r\n", b"\r\n\r\n", b"\n", b": ", b"\x00", b"\xff", b"%0D%0A", b"{", b"[" * 50, b'"', b";@", b"@", b"9" * 40)


def mutated(raw: bytes, dice: random.Random) -> bytes:
    """One change: a byte overwritten, a piece removed, doubled, or something hot put in."""
    start = dice.randrange(len(raw))
    end = min(len(raw), start + dice.randrange(1, 30))
    change: Callable[[], bytes] = dice.choice(
        (
            lambda: raw[:start] + bytes((dice.randrange(256),)) + raw[start + 1 :],
            lambda: raw[:start] + raw[end:],
            lambda: raw[:end] + raw[start:],
            lambda: raw[:start] + dice.choice(SPICE) + raw[start:],
            lambda: raw[:start],
        )
    )
    return change()


@pytest.mark.parametrize("name", LISTS)
def test_no_record_is_lost_beside_the_mutated_one(name: str) -> None:
    dice = random.Random(name)
    raws = LISTS[name].split(END)[1:-2]
    whole: list[Bound] = read_list(raws, HOME).bound
    assert len(whole) == len(raws) >= 13
    for _ in range(MUTATIONS):
        at = dice.randrange(1, len(raws) - 1)
        pieces = END.join((raws[at - 1], mutated(raws[at], dice), raws[at + 1])).split(END)
        read = read_list(pieces, HOME)
        assert (read.bound[0], read.bound[-1]) == (whole[at - 1], whole[at + 1])
        assert len(read.bound) + len(read.unread) == len(pieces)
        read.lines(RECORDED_AT)


@pytest.mark.parametrize("name", STREAMS)
def test_no_event_is_lost_beside_the_mutated_one(name: str) -> None:
    dice = random.Random(name)
    raws = [raw for raw in payload(f"{name}.s2c.raw").split(END) if raw.startswith(b"Event: ")]
    for _ in range(MUTATIONS):
        at = dice.randrange(1, len(raws) - 1)
        pieces = END.join((raws[at - 1], mutated(raws[at], dice), raws[at + 1])).split(END)
        assert (heard(pieces[0]), heard(pieces[-1])) == (heard(raws[at - 1]), heard(raws[at + 1]))
        for piece in pieces[1:-1]:
            heard(piece)


def test_mutated_answers_of_an_endpoint_are_read() -> None:
    dice = random.Random(1002)
    answer = answer_of("02-populated/PJSIPShowEndpoint-1002.s2c.raw", "ep1")
    raws = answer.split(END)
    for _ in range(MUTATIONS):
        at = dice.randrange(len(raws) - 1)
        read = read_list(mutated(raws[at], dice).split(END), HOME)
        assert all(item.contact.uri for item in read.bound)


def heard(raw: bytes) -> list[Event]:
    """What an event says, where it is believed."""
    try:
        return read_event(Block.of(raw), home=HOME, aliases={}, now=RECORDED_AT)
    except ForgedError:
        return []
