"""Every recording, read by the pure parsers."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.registration import Contact
from tests.support.replay_ami import END, GREETING, PAYLOADS, RECORDED_AT, SECRET, answer_of, payload
from workers.sip.asterisk.parse import Block, Bound, belongs, is_empty_list, is_event, key_or_none, read_list

HOME = "pbx.example.com"
RECORDINGS = sorted(str(path.relative_to(PAYLOADS)) for path in PAYLOADS.glob("*/*.s2c.raw*"))
ASTDB = answer_of("07-ami-auth/15-dbgettree-single-aor.s2c.raw", "DBGetTree-349")
STATUSES = answer_of(
    "02-populated/PJSIPShowRegistrationInboundContactStatuses.s2c.raw", "q-PJSIPShowRegistrationInboundContactStatuses"
)
CONTACTS = answer_of("02-populated/PJSIPShowContacts.s2c.raw", "q-PJSIPShowContacts")
LINES = {"1001", "1002", "1003", "1006", "1010", "1011", "1012", "1015", "alice", "desk1", "desk2"}


def items(answer: bytes) -> list[bytes]:
    return [raw for raw in answer.split(END)[1:-1] if b"EventList: Complete" not in raw]


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_block_of_every_recording_has_named_headers(name: str) -> None:
    blocks = [Block.of(raw) for raw in payload(name).removeprefix(GREETING).removesuffix(END).split(END) if raw]
    read = [header for block in blocks for header, _value in block.headers]
    if "injection" not in name:
        assert all(re.fullmatch(r"[A-Za-z0-9]+", header) for header in read)
    assert len(blocks) == max(0, payload(name).count(END)) or "injection" in name


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_contact_of_every_recording_is_read(name: str) -> None:
    kinds = ("DBGetTreeResponse", "ContactList", "ContactStatusDetail")
    raws = [raw for raw in payload(name).split(END) if any(is_event(raw, kind) for kind in kinds)]
    listed = read_list(raws, HOME)
    assert not listed.unread
    assert len(listed.bound) == len(raws)
    assert all(item.contact.uri.startswith("sip:") and item.contact.expires_at for item in listed.bound)


@pytest.mark.parametrize("answer", [ASTDB, STATUSES, CONTACTS])
def test_all_sources_tell_the_same_lines(answer: bytes) -> None:
    assert set(read_list(items(answer), HOME).lines(RECORDED_AT)) == LINES


def test_a_contact_is_read_whole() -> None:
    lines = read_list(items(ASTDB), HOME).lines(RECORDED_AT)
    assert lines["1010"].contacts[1] == Contact(
        uri="sip:1010@127.0.0.1:5330;transport=TCP",
        source="127.0.0.1:5330",
        transport="tcp",
        user_agent="Cisco-CP8841/12.8.1",
        expires_at=datetime.fromtimestamp(1795417320, UTC),
    )
    assert lines["1006"].contacts[0].user_agent == "Linphone/4.4.10 (belle-sip/5.1.0) Téléphone"


def test_the_sources_agree_contact_by_contact() -> None:
    first, second = (read_list(items(answer), HOME).bound for answer in (STATUSES, CONTACTS))
    assert first == second
    assert len(first) == 14


def test_an_expired_contact_is_listed_but_not_registered() -> None:
    listed = read_list(items(STATUSES), HOME)
    of_1003 = [item.contact for item in listed.bound if item.aor == "1003"]
    assert len(of_1003) == 2
    later = datetime.fromtimestamp(1795413801, UTC)
    assert len(listed.lines(later - timedelta(seconds=1))["1003"].contacts) == 2
    assert len(listed.lines(later)["1003"].contacts) == 1


def test_unreachable_is_registered_all_the_same() -> None:
    unreachable = [raw for raw in items(STATUSES) if b"Status: Unreachable" in raw]
    assert set(read_list(unreachable, HOME).lines(RECORDED_AT)) == {"1002"}


@pytest.mark.parametrize("endpoint", ["1008", "1009", "trunk-acme"])
def test_a_contact_of_the_configuration_was_registered_by_nobody(endpoint: str) -> None:
    answer = answer_of(f"02-populated/PJSIPShowEndpoint-{endpoint}.s2c.raw", "ep1")
    listed = read_list([raw for raw in items(answer) if is_event(raw, "ContactStatusDetail")], HOME)
    assert len(listed.bound) == 1
    assert listed.lines(RECORDED_AT) == {}


def test_endpoints_that_are_not_named_like_their_line() -> None:
    aliases = read_list(items(ASTDB), HOME).aliases(HOME)
    assert aliases == {"alice.smith-2": frozenset({"alice"}), "desk": frozenset({"desk1", "desk2"})}


def test_the_secret_is_proved_by_the_recorded_challenge() -> None:
    challenge = Block.of(payload("07-ami-auth/08-md5-challenge-login.s2c.raw").split(END)[0]).get("Challenge")
    sent = payload("07-ami-auth/08-md5-challenge-login.c2s.raw")
    assert hashlib.md5((challenge + SECRET).encode()).hexdigest().encode() in sent


@pytest.mark.parametrize("name", ["PJSIPShowContacts", "PJSIPShowAors"])
def test_a_list_of_nothing_may_be_called_an_error(name: str) -> None:
    block = Block.of(payload(f"00-no-objects/{name}.s2c.raw").split(END)[1])
    assert block.get("Response") == "Error"
    assert is_empty_list(block.get("Message"))


@pytest.mark.parametrize("message", ["Permission denied", "Unable to retrieve endpoint nosuch", "No", "No  found", ""])
def test_other_errors_are_no_empty_lists(message: str) -> None:
    assert not is_empty_list(message)


def test_a_block_does_not_show_itself() -> None:
    answer = answer_of("02-populated/PJSIPShowEndpoint-1001.s2c.raw", "ep1")
    assert b"pw-1001" in answer
    assert all("pw-1001" not in repr(Block.of(raw)) for raw in items(answer))
    assert "pw-1001" not in repr(read_list(items(answer), HOME))


def test_an_action_id_counts_on_a_line_of_its_own_only() -> None:
    assert belongs(b"Event: X\r\nActionID: abc", "abc")
    assert not belongs(b"Event: X\r\nUserAgent: ActionID: abc", "abc")
    assert not belongs(b"Event: X\r\nActionID: abcd", "abc")


@pytest.mark.parametrize(
    "change",
    [
        (b'"expiration_time":"1795417247"', b'"expiration_time":"-1"'),
        (b'"expiration_time":"1795417247"', b'"expiration_time":17'),
        (b'"expiration_time":"1795417247"', b'"expiration_time":"99999999999999999999"'),
        (b'"expiration_time":"1795417247"', '"expiration_time":"１７"'.encode()),
        (b'"uri":"sip:1001@127.0.0.1:5301"', b'"uri":""'),
        (b"Val: {", b"Val: [["),
        (b"Val: {", b"Val: {\xff"),
        (b"/1001;@", b"/1001"),
        (b"/1001;@", b"/;@"),
        (b"Key: ", b"Kex: "),
        (b"Event: DBGetTreeResponse\r\n", b"Event: DBGetTreeResponse\r\nVal: {}\r\n"),
    ],
)
def test_a_broken_record_is_counted_and_spoils_no_other(change: tuple[bytes, bytes]) -> None:
    assert ASTDB.count(change[0]) >= 1
    listed = read_list(items(ASTDB.replace(*change, 1)), HOME)
    assert len(listed.unread) == 1
    assert set(listed.lines(RECORDED_AT)) == LINES - {"1001"}
    assert listed.unread_of("1001")
    assert not listed.unread_of("1002")


def test_a_far_expiry_is_as_far_as_a_date_goes() -> None:
    answer = ASTDB.replace(b"1795417247", b"999999999999")
    assert read_list(items(answer), HOME).lines(RECORDED_AT)["1001"].contacts[0].expires_at == datetime(
        9999, 12, 31, 23, 59, 59, tzinfo=UTC
    )


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_block(raw: bytes) -> None:
    block = Block.of(raw)
    assert len(block.names) == len(block.headers) >= 1


@settings(deadline=None)
@given(st.lists(st.binary(max_size=120), max_size=5), st.integers(0, 13))
def test_rubbish_between_records_spoils_none(rubbish: list[bytes], at: int) -> None:
    raws = items(STATUSES)
    listed = read_list([*raws[:at], *rubbish, *raws[at:]], HOME)
    assert listed.bound == read_list(raws, HOME).bound
    assert len(listed.unread) == len(rubbish)


NAMES = st.text(
    st.characters(min_codepoint=0x21, exclude_characters="\x7f;@?%:", exclude_categories=["Cs"]), min_size=1
).filter(lambda name: key_or_none(name, HOME) is not None)


@settings(deadline=None)
@given(NAMES, st.integers(1, 253402300799), st.text(max_size=3000).map(lambda text: text.replace("\r", "")))
def test_what_is_written_is_read(aor: str, expires: int, agent: str) -> None:
    raw = (
        f"Event: ContactStatusDetail\r\nActionID: x\r\nAOR: {aor}\r\nURI: sip:a@[::1]:5060\r\n"
        f"UserAgent: {agent}\r\nRegExpire: {expires}\r\nViaAddress: [::1]:5060\r\nEndpointName: {aor}"
    ).encode("utf-8", "replace")
    key = key_or_none(aor, HOME)
    (bound,) = read_list([raw], HOME).bound
    assert isinstance(bound, Bound)
    assert bound.aor == key
    assert bound.contact.expires_at == datetime.fromtimestamp(expires, UTC)
    assert len(bound.contact.user_agent or "") <= 200
