"""The parser on made-up records: one bad record costs itself only, and nothing crashes."""

import json
import random
import string
from datetime import UTC, datetime, timedelta

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
