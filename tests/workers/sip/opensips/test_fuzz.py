"""The parser on made-up records and on mutated bytes: one bad record costs itself only, and nothing crashes."""

import json
import random
import string
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.replay_mi import body
from workers.sip.base import SipError
from workers.sip.opensips import parse

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOME = "flood.test"

rubbish = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.fixed_dictionaries(
    {},
    optional={
        name: rubbish | st.sampled_from(["expired", "permanent", "sip:a@b", 3600, "n/a"])
        for name in ("Contact", "Expires", "User-agent", "Received", "Socket")
    },
)
records = rubbish | st.fixed_dictionaries(
    {}, optional={"AOR": rubbish | st.just("odd@x.test"), "Contacts": rubbish | st.lists(fields | rubbish, max_size=3)}
)
GOOD = json.loads(body("mi/05-ul_dump-5"))["result"]["Domains"][0]["AORs"]


@given(st.lists(records, max_size=4), st.randoms(use_true_random=False))
def test_no_record_spoils_another(odd: list[object], dice: random.Random) -> None:
    mixed = [*odd, *GOOD]
    dice.shuffle(mixed)
    answer = {"jsonrpc": "2.0", "result": {"Domains": [{"name": "location", "AORs": mixed}]}, "id": 1}
    found = parse.dump(json.dumps(answer).encode(), "location", HOME, NOW)
    assert found.listed == len(odd) + 5
    for good in GOOD:
        aor, (held,) = good["AOR"].partition("@")[0], good["Contacts"]
        ends = NOW + timedelta(seconds=held["Expires"])
        assert any((found.uri, found.expires_at) == (held["Contact"], ends) for found in found.lines[aor])


@given(rubbish)
def test_no_answer_crashes_a_look_up(found: object) -> None:
    with pytest.raises(SipError):
        parse.registration(found, "1001", HOME, NOW)


@given(st.binary(max_size=200))
def test_no_bytes_crash(data: bytes) -> None:
    with pytest.raises(SipError):
        parse.dump(data, "location", HOME, NOW)


@given(st.lists(rubbish, max_size=3), rubbish)
def test_all_that_is_kept_is_fit_to_be_stored(contacts: list[object], expires: object) -> None:
    answer = {"AOR": "1001", "Contacts": [*contacts, {"Contact": "sip:\u202ea@b\x00", "Expires": expires}]}
    registration, _broken = parse.registration(answer, "1001", HOME, NOW)
    for found in registration.contacts:
        assert found.uri.isprintable()
        assert found.expires_at is None or found.expires_at >= NOW


OCTETS = (string.printable + "\x00\x7f\xff\xc3\xe9").encode("latin-1")


def mutated(data: bytes, dice: random.Random) -> bytes:
    """`data` with one byte changed, left out or added."""
    at, octet = dice.randrange(len(data)), bytes((dice.choice(OCTETS),))
    return data[:at] + dice.choice((octet, b"", octet + data[at : at + 1])) + data[at + 1 :]


def test_a_mutated_large_dump_loses_no_other_record() -> None:
    dice, text = random.Random(1), body("scale/03-ul_dump-1000")
    for _ in range(50):
        found = parse.dump(mutated(text, dice), "location", HOME, NOW)
        assert len(found.lines) >= 999


@pytest.mark.parametrize("name", ["mi/05-ul_dump-5", "v4.0.1/03-ul_dump-old-name", "mi/50-ul_dump-after-rm"])
def test_a_mutated_dump_loses_no_other_record(name: str) -> None:
    """Each mutation costs one record at most, or the whole answer is an error."""
    dice, text = random.Random(name), body(name)
    whole = parse.dump(text, "location", HOME, NOW)
    outcomes = {"whole": 0, "one": 0, "error": 0}
    for _ in range(10_000):
        try:
            found = parse.dump(mutated(text, dice), "location", HOME, NOW)
        except SipError:
            outcomes["error"] += 1
            continue
        # A line of which nothing could be read but its name is named, and so nobody takes it for a missing one.
        assert not found.lines.keys() & set(found.unread)
        same = sum(found.lines.get(key) == contacts for key, contacts in whole.lines.items())
        assert same >= len(whole.lines) - 1
        outcomes["whole" if same == len(whole.lines) else "one"] += 1
    # What stands before and after the records is a tenth of the recording: only there may all be lost.
    assert outcomes["error"] < 2_500
    assert outcomes["one"] > 4_000


@pytest.mark.parametrize(
    ("name", "aor"),
    [
        ("contacts/01-two-contacts", "two@odd.test"),
        ("contacts/22-received", "nat@odd.test"),
        ("mi/12-ul_show_contact-aor-notfound", "x"),
    ],
)
def test_a_mutated_line_never_crashes(name: str, aor: str) -> None:
    dice, text = random.Random(name), body(name)
    for _ in range(10_000):
        try:
            registration, broken = parse.registration(parse.result(parse.envelope(mutated(text, dice))), aor, HOME, NOW)
        except SipError:
            continue
        assert registration.aor == aor
        assert len(registration.contacts) + broken <= 2


@pytest.mark.parametrize("name", ["contacts/46-get_statistics", "mi/55-uptime", "mi/01-which", "mi/44-events_list"])
def test_mutated_facts_never_crash(name: str) -> None:
    dice, text = random.Random(name), body(name)
    readers: list[Any] = [parse.clock, parse.names, parse.event_names, parse.version]
    for _ in range(10_000):
        try:
            found = parse.result(parse.envelope(mutated(text, dice)))
        except SipError:
            continue
        for read in readers:
            read(found)
        assert parse.counters(found, "location").turnover >= 0
