"""Usual answers to look-ups are read at the least cost, and come out as who reads with care has them."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from app.domain import record
from workers.sip.base import SipError
from workers.sip.kamailio import parse
from workers.sip.kamailio.found import Finder

HOME = "sip.example.jp"
NOW = 1_795_414_800
USERS = st.sampled_from(["05070000001", "1001", "0"])
TEXT = st.text(st.sampled_from('sip:1001@10.0.0.1;=|\t\n"\\ é\x7f\x01<>,/Yealink'), max_size=20)
HOSTS = st.one_of(st.sampled_from(["10.0.0.1:5060", "[2001:db8::1]:5060", "10.0.0.2", "a@b", "h;transport=tcp"]), TEXT)
TIMES = st.one_of(st.integers(NOW - 90_000, NOW + 10), st.sampled_from([0, 1, 5, 99_999_999_999]))
AGENTS = st.one_of(st.sampled_from(["", "n/a", " Yealink T46S ", "[not set]", "snomD785", "x" * 201, "<null>"]), TEXT)
CAME = st.sampled_from(["udp:10.0.0.1:5060", "tls:[2001:db8::1]:5061", "sctp:10.0.0.1:1", "UDP:1.1.1.1:1", "", "udp"])


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, bytes]:
    user = draw(USERS)
    contact = {
        "Address": f"sip:{draw(st.sampled_from([user, 'x']))}@{draw(HOSTS)}",
        "Expires": draw(st.one_of(st.integers(-1, 90_000), st.sampled_from(["expired", "permanent", "deleted"]))),
        "Q": draw(st.sampled_from([-1, 0.5])),
        "Call-ID": draw(TEXT),
        "CSeq": 2,
        "User-Agent": draw(AGENTS),
        "Received": draw(st.sampled_from(["[not set]", "sip:10.0.0.1:5060", "sip:a@10.0.0.1:5", "sip:10.0.0.1:5;x=y"])),
        "Path": draw(st.sampled_from(["[not set]", "<sip:10.0.0.1;lr>"])),
        "State": "CS_NEW", "Flags": 0, "CFlags": 0, "Socket": draw(CAME), "Methods": 4294967295,
        "Ruid": "uloc-6b03db22-4d98-1", "Instance": draw(st.sampled_from(["[not set]", '"<urn:uuid:1>"'])),
        "Reg-Id": 0, "Server-Id": 0, "Tcpconn-Id": -1, "Keepalive": 0, "Last-Keepalive": 1795414825,
        "KA-Roundtrip": 0, "Last-Modified": draw(TIMES),
    }  # fmt: skip
    contacts = [{"Contact": contact}] * draw(st.sampled_from([1, 1, 1, 2]))
    aor = user + draw(st.sampled_from(["", f"@{HOME}", "@other.example.jp", "1"]))
    body = {"jsonrpc": "2.0", "result": {"AoR": aor, "Contacts": contacts}, "id": "0f-1"}
    return user, json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


@given(answers())
def test_answers_to_look_ups(asked: tuple[str, bytes]) -> None:
    user, body = asked
    quick = Finder(HOME).row(user, body, NOW + 0.5)
    if quick is not None:
        now = datetime.fromtimestamp(NOW + 0.5, UTC)
        assert quick == record.row_of(parse.looked_up(parse.told(body), user, HOME, now))


@given(answers(), st.data())
def test_answers_that_were_cut_or_changed_are_left_to_who_reads_with_care(
    asked: tuple[str, bytes], data: st.DataObject
) -> None:
    user, body = asked
    at = data.draw(st.integers(0, len(body) - 1))
    changed = body[:at] + data.draw(st.binary(max_size=2)) + body[at + data.draw(st.integers(0, 2)) :]
    quick = Finder(HOME).row(user, changed, NOW + 0.5)
    if quick is not None:
        try:
            slow = parse.looked_up(parse.told(changed), user, HOME, datetime.fromtimestamp(NOW + 0.5, UTC))
        except SipError:
            raise AssertionError(changed) from None
        assert quick == record.row_of(slow)


def test_a_usual_answer_is_read_at_once_and_another_line_is_not() -> None:
    body = (
        b'{"jsonrpc":"2.0","result":{"AoR":"1001","Contacts":[{"Contact":{"Address":"sip:1001@10.1.2.1:5060",'
        b'"Expires":3600,"Q":-1,"Call-ID":"fixed-0@test","CSeq":10,"User-Agent":"Yealink SIP-T46S 66.86.0.0",'
        b'"Received":"[not set]","Path":"[not set]","State":"CS_NEW","Flags":0,"CFlags":0,'
        b'"Socket":"udp:127.0.0.1:5460","Methods":4294967295,"Ruid":"uloc-6b03da87-4ba8-1","Instance":"[not set]",'
        b'"Reg-Id":0,"Server-Id":0,"Tcpconn-Id":-1,"Keepalive":0,"Last-Keepalive":1795414721,"KA-Roundtrip":0,'
        b'"Last-Modified":1795414721}}]},"id":"0f-1"}'
    )
    finder = Finder(HOME)
    row = finder.row("1001", body, NOW)
    assert row == (b"1001", b"1795414721\t1795418400\tsip:1001@10.1.2.1:5060\t\tYealink SIP-T46S 66.86.0.0\tudp")
    assert finder.row("1002", body, NOW) is None
    assert finder.row("1001", None, NOW) is None
