"""What is read at the least cost comes out as what is read with care: same lines, same bytes."""

import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from app.domain import record
from app.domain.record import Row
from app.domain.registration import Registration
from workers.sip.base import SipError
from workers.sip.kamailio import copied, mirror, parse
from workers.sip.kamailio.contact import BrokenError, corrected, line_key
from workers.sip.kamailio.found import Finder
from workers.sip.kamailio.location_row import bound
from workers.sip.kamailio.plain import numbered_rows
from workers.sip.kamailio.values import mirrored, mirrored_contact
from workers.sip.repeats import Repeats

HOME = "sip.example.jp"
NOW = 1_795_414_800
USERS = st.sampled_from(["05070000001", "1001", "0"])
DOMAINS = st.sampled_from(["", f"@{HOME}", "@other.example.jp", f"@{HOME.upper()}", "@sipXexample.jp"])
TEXT = st.text(st.sampled_from('sip:1001@10.0.0.1;=|\t\n"\\ é\x7f\x01<>,/Yealink'), max_size=20)
HOSTS = st.one_of(st.sampled_from(["10.0.0.1:5060", "[2001:db8::1]:5060", "10.0.0.2", "a@b", "h;transport=tcp"]), TEXT)
TIMES = st.one_of(st.integers(NOW - 90_000, NOW + 10), st.sampled_from([0, 1, 5, 99_999_999_999]))
HOLDS = st.one_of(st.integers(0, 90_000), st.sampled_from([999_999_999, 9_999_999_999]))
AGENTS = st.one_of(st.sampled_from(["", "n/a", " Yealink T46S ", "[not set]", "snomD785", "x" * 201, "<null>"]), TEXT)
CAME = st.sampled_from(["udp:10.0.0.1:5060", "tls:[2001:db8::1]:5061", "sctp:10.0.0.1:1", "UDP:1.1.1.1:1", "", "udp"])
SKEWS = st.sampled_from([0, 0, 7, -300])


def of_mirror(entries: Iterable[tuple[str, str]], skew: int) -> list[Row]:
    """One by one, with care."""
    rows = []
    for name, value in entries:
        try:
            aor, uri = mirrored(name)
            contact = corrected(mirrored_contact(uri, value), skew)
            key = line_key(aor, HOME)
        except BrokenError:
            continue
        if contact.current(datetime.fromtimestamp(NOW, UTC)):
            rows.append(record.row_of(Registration(key, (contact,))))
    return rows


@st.composite
def mirror_entries(draw: st.DrawFn) -> tuple[str, str]:
    user, domain, host = draw(USERS), draw(DOMAINS), draw(HOSTS)
    name = f"{user}{domain}::sip:{draw(st.sampled_from([user, 'x']))}@{host}"
    return name, f"{draw(TIMES)}|{draw(HOLDS)}|{draw(CAME)}|{draw(st.sampled_from(['', HOME]))}|{draw(AGENTS)}"


def dump(entries: Iterable[tuple[str, str]]) -> io.BytesIO:
    """One slot, as Kamailio writes it."""
    listed = [{"name": name, "value": value, "type": "str"} for name, value in entries]
    result = [{"entry": 1, "size": len(listed), "slot": listed}]
    body = json.dumps({"jsonrpc": "2.0", "result": result, "id": 1}, separators=(",", ":"), ensure_ascii=False)
    return io.BytesIO(body.encode())


@given(mirror_entries(), SKEWS)
def test_numbered_entries_of_the_mirror(entry: tuple[str, str], skew: int) -> None:
    (block,) = mirror.blocks(dump([entry]), 1, HOME)
    assert len(block) == 1
    if block.numbered:
        assert numbered_rows(block.numbered, Repeats(), NOW, skew) == (of_mirror([entry], skew), [])


@given(st.lists(mirror_entries(), min_size=1, max_size=6))
def test_a_slot_of_several_loses_none(entries: list[tuple[str, str]]) -> None:
    alone = [block for entry in entries for block in mirror.blocks(dump([entry]), 1, HOME)]
    (together,) = mirror.blocks(dump(entries), 1, HOME)
    assert len(together) == len(entries)
    if together.numbered:
        assert together.numbered == [numbered for block in alone for numbered in block.numbered]


def test_what_stands_in_a_usual_mirror_is_numbered() -> None:
    value = f"{NOW - 60}|3600|udp:10.0.0.1:5060||Yealink SIP-T46S 66.86.0.15"
    entries = [(f"1001@{HOME}::sip:1001@10.0.0.1:5060", value), ("1002::sip:1002@10.0.0.9:5060", value)]
    (block,) = mirror.blocks(dump(entries), 1, HOME)
    assert (len(block.numbered), len(block)) == (2, 2)
    repeats = Repeats()
    repeats.note([b"1002", b"1002"])
    single, others = numbered_rows(block.numbered, repeats, NOW, 0)
    assert [*single, *others] == of_mirror(entries, 0)
    assert len(others) == 1


def escaped(value: object) -> bytes:
    """A value as COPY writes it."""
    text = "\\N" if value is None else str(value)
    if value is not None:
        for letter, mark in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n")):
            text = text.replace(letter, mark)
    return text.encode()


@st.composite
def table_rows(draw: st.DrawFn) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for _ in range(draw(st.integers(1, 6))):
        user, host, modified = draw(USERS), draw(HOSTS), draw(TIMES)
        domain = draw(st.sampled_from([None, "", HOME, "other.example.jp"]))
        received = draw(st.sampled_from([None, "", "sip:10.0.0.1:5060", "sip:10.9.9.9:5;transport=tcp", "sip:a@b:1"]))
        uri = f"sip:{draw(st.sampled_from([user, 'x']))}@{host}"
        came = draw(st.sampled_from(["udp:10.0.0.1:5060", "tls:10.0.0.1:5061", "ws:10.0.0.1:80", "sctp:1.1.1.1:1"]))
        rows.append((user, domain, uri, received, modified + draw(HOLDS), modified, draw(AGENTS), came))
    return rows


@given(table_rows(), SKEWS)
def test_numbered_rows_of_the_table(rows: list[tuple[object, ...]], skew: int) -> None:
    lines = [b"\t".join(map(escaped, row)) + b"\n" for row in rows]
    (block,) = copied.blocks(io.BytesIO(b"".join(lines)), HOME)
    assert len(block) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        (alone,) = copied.blocks(io.BytesIO(line), HOME)
        single, _ = copied.numbered(alone.numbered, skew, NOW, Repeats())
        if alone.numbered:
            key, contact = bound(row, HOME, None, skew)
            ours = [record.row_of(Registration(key, (contact,)))]
            assert single == (ours if contact.current(datetime.fromtimestamp(NOW, UTC)) else [])


def test_what_stands_in_a_usual_table_is_numbered() -> None:
    text = f"1001\t{HOME}\tsip:1001@10.0.0.1:5060\t\\N\t{NOW + 60}\t{NOW - 60}\tsnomD785\tudp:10.0.0.1:5060\n"
    (block,) = copied.blocks(io.BytesIO(text.encode() * 3), HOME)
    assert (len(block.numbered), len(block)) == (3, 3)
    assert list(copied.names(io.BytesIO(text.encode() * 3))) == [b"1001"] * 3


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
    assert row == (b"1001", b"1795414721\t3679\t\x0110.1.2.1:5060\t\tudp\tYealink SIP-T46S 66.86.0.0")
    assert finder.row("1002", body, NOW) is None
    assert finder.row("1001", None, NOW) is None
