"""What the fuzzer found in the parsers, each by the least input that showed it."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.text import LIMIT
from tests.fuzz.asterisk import Replayed
from tests.support.replay_ami import END, RECORDED_AT, payload
from workers.sip.asterisk.events import read_event
from workers.sip.asterisk.parse import Block
from workers.sip.base import LineChanged, Problem, SipError
from workers.sip.freeswitch.events import EventReader
from workers.sip.kamailio import facts, mirror
from workers.sip.kamailio.contact import BrokenError
from workers.sip.kamailio.location_row import bound
from workers.sip.kamailio.values import mirrored_contact
from workers.sip.opensips import parse

HUGE = 10**400
"""JSON allows it, and no float holds it."""
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [HUGE, 2**63, 10**12])
def test_an_uptime_that_no_server_can_have_is_none(seconds: int) -> None:
    assert facts.uptime({"uptime": seconds}) is None


def test_the_longest_uptime_can_still_be_reckoned_back() -> None:
    for told in (facts.uptime({"uptime": 10**10 - 1}), parse.clock({"Up time": f"{10**10 - 1} [sec]"}).uptime):
        assert told is not None
        assert NOW - timedelta(seconds=told) < NOW
    assert parse.clock({"Up time": "999999999999 [sec]"}).uptime is None


def test_a_count_that_no_server_can_reach_is_none() -> None:
    assert facts.entries([{"name": "reg", "all": HUGE}], "reg") is None
    counts = {"usrloc:location-users": HUGE, "usrloc:location-contacts": 2**63, "registrar:accepted_regs": HUGE}
    assert parse.counters(counts, "location") == parse.Counters(None, None, 0)


@pytest.mark.parametrize("column", [2, 3])
@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), HUGE, -HUGE])
def test_a_time_in_the_location_table_that_is_none_breaks_its_row_only(column: int, value: float) -> None:
    row: list[object] = ["1001", "", 1795418985, 1795422585, "sip:1001@10.0.0.1", None, "Phone", "udp:10.0.0.9:5060"]
    assert bound(tuple(row), "sip.example.jp", None)[0] == "1001"
    row[column] = value
    with pytest.raises(BrokenError):
        bound(tuple(row), "sip.example.jp", None)


@pytest.mark.parametrize("octet", [b"\r\n", b"\t", b"\x01", b"\x7f"])
def test_a_control_character_in_the_mirror_is_not_stored(octet: bytes) -> None:
    entry = b'{"name":"1001::sip:1001@10.0.0.1","value":"1795419198|3600|udp:10.0.0.1:5060|h|Pho%bne","type":"str"}'
    answer = b'{"jsonrpc":"2.0","result":[{"entry":23,"size":1,"slot":[%b]}],"id":1}' % (entry % octet)
    (block,) = mirror.blocks(io.BytesIO(answer), 1, "sip.example.jp")
    assert len(block) == len(block.odd)
    ((_name, value),) = block.odd
    assert mirrored_contact("sip:1001@10.0.0.1", value).user_agent == "Phone"


def test_half_a_character_names_no_line() -> None:
    event = {"Event-Subclass": "sofia::register", "from-user": "1\ud800", "from-host": "sip3.example.com"}
    reader = EventReader("sip3.example.com", lambda: NOW)
    assert reader.read(json.dumps(event).encode()) is None
    assert reader.read(json.dumps({**event, "from-user": "1"}).encode()) == LineChanged("1", NOW)


LISTED = (
    b"Event: ContactList\r\nActionID: 7\r\nObjectName: %b;@h\r\nUri: sip:a@h%b\r\nExpirationTime: 1795417180\r\n\r\n"
)
COMPLETE = b"EventList: Complete\r\nListItems: %d\r\n\r\n"


def listed(*items: bytes) -> list[bytes]:
    answer = b"Response: Success\r\nActionID: 7\r\nEventList: start\r\n\r\n"
    end = b"Event: ContactListComplete\r\nActionID: 7\r\n" + COMPLETE % len(items)
    session = Replayed(answer + b"".join(items) + end, "7")
    return session.listing("PJSIPShowContacts")


def test_an_item_cannot_say_that_the_list_ends_with_it() -> None:
    honest, forged = LISTED % (b"1001", b""), LISTED % (b"1002", b"\r\n" + COMPLETE % 0)
    assert len(listed(honest, honest)) == 2
    assert len(listed(forged, honest)) == 2


def test_a_message_with_two_action_ids_is_nobodys() -> None:
    with pytest.raises(SipError) as raised:
        listed(LISTED % (b"1001", b""), LISTED % (b"1002", b"\r\nActionID: 8"))
    assert raised.value.problem is Problem.TRUNCATED


@pytest.mark.parametrize("size", [b"9" * 5000, b"9" * 10])
def test_a_slot_that_announces_what_no_slot_holds_is_refused(size: bytes) -> None:
    answer = b'{"jsonrpc":"2.0","result":[{"entry":23,"size":%b,"slot":[]}],"id":1}' % size
    with pytest.raises(SipError):
        list(mirror.blocks(io.BytesIO(answer), 1, "sip.example.jp"))


def test_where_a_failure_came_from_is_cut_like_all_that_is_shown() -> None:
    raw = next(
        raw for raw in payload("04-security/01-wrong-password.s2c.raw").split(END) if b"ChallengeResponseFailed" in raw
    )
    address = next(line for line in raw.split(b"\r\n") if line.startswith(b"RemoteAddress: "))
    odd = raw.replace(address, b"RemoteAddress: IPV4/UDP/" + "\u202e".encode() + b"9" * 300 + b"/5060")
    (failure,) = read_event(Block.of(odd), home="pbx.example.com", aliases={}, now=RECORDED_AT)
    source = getattr(failure, "source", None)
    assert source is not None
    assert source.startswith("999")
    assert len(source) == LIMIT
