"""Why a phone was refused: the recorded events and cache entries, in the portal's words."""

import json
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.registration import AuthFailure, FailureReason
from tests.support.replay_mi import PAYLOADS, body
from workers.sip.base import LineChanged
from workers.sip.opensips import parse
from workers.sip.opensips.events import event
from workers.sip.opensips.failures import cached

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOME = "auth.test"


def entry(name: str, value: str) -> list[AuthFailure]:
    return cached({"keys": [{"name": name, "value": value}]}, HOME)


def datagrams(name: str) -> list[bytes]:
    return [line for line in (PAYLOADS / name).read_bytes().splitlines() if line.startswith(b"{")]


def told(name: str) -> list[object]:
    return [event(datagram, "location", HOME, NOW) for datagram in datagrams(name)]


def test_the_pollable_copy() -> None:
    found = cached(parse.result(parse.envelope(body("auth-minimal/mi/01-cache_fetch_chunk-all"))), HOME)
    at = datetime.fromtimestamp(1795419063, UTC)
    assert found == [
        AuthFailure("mallory", FailureReason.UNKNOWN_USER, at, "127.0.0.1", "friendly-scanner"),
        AuthFailure("alice", FailureReason.WRONG_PASSWORD, at, "127.0.0.1", "BadPhone/1"),
    ]


def test_the_copy_with_spaces() -> None:
    found = cached(parse.result(parse.envelope(body("events/mi/21-cache_fetch_chunk-authfail"))), HOME)
    assert [(failure.aor, failure.reason) for failure in found] == [
        ("alice", FailureReason.WRONG_PASSWORD),
        ("bob", FailureReason.USER_MISMATCH),
        ("mallory", FailureReason.UNKNOWN_USER),
    ]
    assert found[0].source == "127.0.0.1:34542"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("-1", FailureReason.UNKNOWN_USER),
        ("-2", FailureReason.WRONG_PASSWORD),
        ("-5", FailureReason.OTHER),
        ("-10", FailureReason.USER_MISMATCH),
        ("error", FailureReason.OTHER),
    ],
)
def test_the_servers_own_codes(code: str, reason: FailureReason) -> None:
    (failure,) = entry("authfail_alice@auth.test", f"1795419063|{code}|127.0.0.1:5060|UA|with|bars")
    assert (failure.reason, failure.source, failure.user_agent) == (reason, "127.0.0.1:5060", "UA|with|bars")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authfail_alice@auth.test", "1795419063|-3|127.0.0.1|UA"),
        ("authfail_alice@auth.test", "1795419063|-4|127.0.0.1|UA"),
        ("authfail_alice@auth.test", "then|-2|127.0.0.1|UA"),
        ("authfail_alice@auth.test", "99999999999999999999|-2|127.0.0.1|UA"),
        ("authfail_alice@auth.test", ""),
        ("authfail_", "1795419063|-2|127.0.0.1|UA"),
        ("authok_alice@auth.test", "1795419063|127.0.0.1"),
        ("authscan_127.0.0.1", "1795419063|-1||UA"),
    ],
)
def test_what_is_no_failure(name: str, value: str) -> None:
    assert entry(name, value) == []


def test_nothing_known_of_the_phone() -> None:
    (failure,) = entry("authfail_alice@auth.test", "1795419063|-2|<null>|<null>")
    assert (failure.source, failure.user_agent) == (None, None)


def test_recorded_events_of_lines() -> None:
    lines = [found.aor for found in told("events/datagram-udp.txt") if isinstance(found, LineChanged)]
    assert lines == [f"ev{number}@ev.test" for number in (1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3)] + ["alice"] * 3


def test_recorded_events_of_failures() -> None:
    failures = [found for found in told("events/datagram-udp.txt") if isinstance(found, AuthFailure)]
    assert [(failure.aor, failure.reason, failure.user_agent) for failure in failures] == [
        ("alice", FailureReason.WRONG_PASSWORD, "BadPhone/1"),
        ("mallory", FailureReason.UNKNOWN_USER, "friendly-scanner"),
        ("bob", FailureReason.USER_MISMATCH, "BobPhone"),
        ("mi", FailureReason.OTHER, None),
    ]
    assert failures[0].at == datetime.fromtimestamp(1795413744, UTC)
    assert failures[0].source == "127.0.0.1:34542"
    assert failures[3].at == NOW
    assert [found.aor for found in told("auth-minimal/datagram-udp.txt") if isinstance(found, AuthFailure)] == [
        "alice",
        "mallory",
    ]


def test_events_of_another_table_are_not_ours() -> None:
    notification = {"method": "E_UL_AOR_INSERT", "params": {"domain": "aliases", "aor": "a@auth.test"}}
    assert event(json.dumps(notification).encode(), "location", HOME, NOW) is None


def test_latency_is_no_change() -> None:
    notification = {"method": "E_UL_LATENCY_UPDATE", "params": {"domain": "location", "aor": "a@auth.test"}}
    assert event(json.dumps(notification).encode(), "location", HOME, NOW) is None


rubbish = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["user", "realm", "aor", "source_ip", "source_port", "user_agent", "code", "reason", "time"])


@given(st.dictionaries(names, rubbish) | rubbish, st.sampled_from(["E_SIP_AUTH_FAILED", "E_UL_CONTACT_INSERT"]))
def test_no_event_crashes(parameters: object, method: str) -> None:
    found = event(json.dumps({"method": method, "params": parameters}).encode(), "location", HOME, NOW)
    assert found is None or isinstance(found, AuthFailure)


@given(rubbish | st.lists(st.fixed_dictionaries({"name": st.text() | rubbish, "value": st.text() | rubbish})))
def test_no_cache_entry_crashes_or_spoils_another(entries: object) -> None:
    good = {"name": "authfail_alice@auth.test", "value": "1795419063|-2|127.0.0.1|UA"}
    found = cached({"keys": [*(entries if isinstance(entries, list) else []), good]}, HOME)
    assert found[-1].aor == "alice"
    assert cached(entries, HOME) == [] or isinstance(entries, dict)


def test_mutated_events_never_crash() -> None:
    dice = random.Random(1)
    recorded = datagrams("events/datagram-udp.txt")
    heard = 0
    for _ in range(10_000):
        datagram = dice.choice(recorded)
        at = dice.randrange(len(datagram))
        changed = datagram[:at] + bytes((dice.randrange(256),)) + datagram[at + 1 :]
        heard += event(changed, "location", HOME, NOW) is not None
    assert 2_000 < heard < 10_000
