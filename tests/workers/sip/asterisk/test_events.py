"""Which of Asterisk's events are believed, and what they say."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.registration import AuthFailure, FailureReason
from tests.support.replay_ami import END, GREETING, PAYLOADS, RECORDED_AT, payload
from workers.sip.asterisk.events import ForgedError, read_event
from workers.sip.asterisk.parse import Block
from workers.sip.base import Event, LineChanged

HOME = "pbx.example.com"
INJECTED = ("08-odd-unknown-requests", "10-ami-line-injection-by-From-user")
STREAMS = sorted(
    str(path.relative_to(PAYLOADS)) for folder in ("03-events", "04-security") for path in (PAYLOADS / folder).iterdir()
)


def blocks(data: bytes) -> list[bytes]:
    """The messages of a recording that answer nothing; ``c1`` is what a stranger wrote."""
    raws = data.removeprefix(GREETING).split(END)
    return [raw for raw in raws if raw and (b"ActionID: " not in raw or b"ActionID: c1" in raw)]


def read(data: bytes) -> tuple[list[Event], int]:
    events: list[Event] = []
    forged = 0
    aliases = {"desk": frozenset({"desk1", "desk2"})}
    for raw in blocks(data):
        try:
            events += read_event(Block.of(raw), home=HOME, aliases=aliases, now=RECORDED_AT)
        except ForgedError:
            forged += 1
    return events, forged


def of(name: str) -> list[Event]:
    events, forged = read(payload(f"{name}.s2c.raw"))
    assert forged == 0
    return events


def failures(name: str) -> list[tuple[str, FailureReason]]:
    return [(event.aor, event.reason) for event in of(name) if isinstance(event, AuthFailure)]


def changed(name: str) -> list[str]:
    return [event.aor for event in of(name) if isinstance(event, LineChanged)]


@pytest.mark.parametrize("name", [name for name in STREAMS if not any(word in name for word in INJECTED)])
def test_every_recorded_event_is_believed(name: str) -> None:
    _events, forged = read(payload(name))
    assert forged == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("04-security/01-wrong-password", {("1006", FailureReason.WRONG_PASSWORD)}),
        ("04-security/02-unknown-user", {("5555", FailureReason.UNKNOWN_USER), ("5556", FailureReason.UNKNOWN_USER)}),
        ("04-security/03-wrong-auth-username", {("1006", FailureReason.WRONG_PASSWORD)}),
        ("04-security/04-acl-denied", {("1013", FailureReason.ADDRESS_REFUSED)}),
        ("04-security/05-challenge-only", set()),
        ("04-security/06-success", set()),
        ("04-security/07-wrong-password-tcp", {("1010", FailureReason.WRONG_PASSWORD)}),
        ("04-security/09-events-as-readonly-user", {("1006", FailureReason.WRONG_PASSWORD)}),
        (
            "03-events/10-rejected-4xx",
            {
                ("1011", FailureReason.TOO_MANY_CONTACTS),
                ("1012", FailureReason.USER_MISMATCH),
                ("1014", FailureReason.OTHER),
                ("noaor", FailureReason.OTHER),
            },
        ),
        ("07-ami-auth/10-security-events-of-failed-ami-and-ari-logins", set()),
    ],
)
def test_why_a_phone_was_refused(name: str, expected: set[tuple[str, FailureReason]]) -> None:
    assert set(failures(name)) == expected


def test_a_failure_is_read_whole() -> None:
    assert of("04-security/01-wrong-password")[0] == AuthFailure(
        "1006",
        FailureReason.WRONG_PASSWORD,
        datetime(2026, 11, 23, 6, 1, 22, 187000, UTC),
        "127.0.0.1:55263",
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("02-register-new-qualify", ["1001", "1001"]),
        ("03-reregister-same-contact", ["1001"]),
        ("06-expire", ["1004", "1004", "1004"]),
        ("09-contact-goes-unreachable", []),
        ("11-ip-identified-endpoint", ["trunk-acme", "trunk-acme"]),
        (
            "12-aor-with-domain-and-two-aors",
            ["alice.smith-2", "alice", "desk1", "desk2", "desk1", "desk1", "desk2", "desk2"],
        ),
    ],
)
def test_which_lines_changed(name: str, expected: list[str]) -> None:
    assert changed(f"03-events/{name}") == expected


def test_injected_lines_are_not_believed() -> None:
    events, forged = read(payload("04-security/10-ami-line-injection-by-From-user.s2c.raw"))
    cut_at_36_bytes = "a" * 34 + "ë"
    assert [event.aor for event in events if isinstance(event, AuthFailure)] == [cut_at_36_bytes]
    assert len(events) == 1
    assert forged == 5


def test_an_injected_header_is_not_believed() -> None:
    events, forged = read(payload("04-security/08-odd-unknown-requests.s2c.raw"))
    assert [event.aor for event in events if isinstance(event, AuthFailure)] == ["scan", "a" * 36]
    assert forged == 1


FAILED = next(
    raw for raw in blocks(payload("04-security/01-wrong-password.s2c.raw")) if b"ChallengeResponseFailed" in raw
)


def one(raw: bytes) -> list[Event]:
    return read_event(Block.of(raw), home=HOME, aliases={}, now=RECORDED_AT)


@pytest.mark.parametrize(
    "addition",
    [
        b"Timestamp: 1795413682.187000\r\n",
        b"SequenceNumber: 7\r\nFile: manager.c\r\nLine: 1\r\nFunc: f\r\n",
        b"SystemName: pbx1\r\n",
        b"Timestamp: 1.0\r\nSequenceNumber: 7\r\nFile: manager.c\r\nLine: 1\r\nFunc: f\r\nSystemName: pbx1\r\n",
    ],
)
def test_what_the_configuration_adds_is_in_its_place(addition: bytes) -> None:
    assert one(FAILED.replace(b"EventTV", addition + b"EventTV")) == one(FAILED)
    with pytest.raises(ForgedError):
        one(FAILED.replace(b"AccountID", addition + b"AccountID"))


@pytest.mark.parametrize(
    "change",
    [
        (b"AccountID: 1006", b"AccountID: 1006\r\nAccountID: 1007"),
        (b"AccountID: 1006", b"AccountID: 1006\r\nX: y"),
        (b"AccountID: 1006\r\n", b""),
        (b"AccountID: 1006", b"AccountID: "),
        (b"AccountID: 1006", b"AccountID: 10\n06"),
        (b"AccountID: 1006", b"AccountID: 10\x1b06"),
        (b"Severity: Error\r\nService: PJSIP", b"Service: PJSIP\r\nSeverity: Error"),
        (b"+0545", b""),
        (b"2026-11-23T", b"0001-01-01T"),
        (b"Privilege: security,all\r\n", b""),
        (b"Event: ", b"Evil: "),
    ],
)
def test_another_shape_is_forged(change: tuple[bytes, bytes]) -> None:
    changed_block = FAILED.replace(*change)
    assert changed_block != FAILED
    if change[0] == b"2026-11-23T":
        changed_block = changed_block.replace(b"T11:46:22", b"T00:00:00")
    with pytest.raises(ForgedError):
        one(changed_block)


def test_an_ipv6_source_is_bracketed() -> None:
    (event,) = one(FAILED.replace(b"IPV4/UDP/127.0.0.1/55263", b"IPV6/UDP/2001:db8::1/5060"))
    assert isinstance(event, AuthFailure)
    assert event.source == "[2001:db8::1]:5060"


def test_failures_of_other_services_are_not_of_phones() -> None:
    assert one(FAILED.replace(b"Service: PJSIP", b"Service: AMI")) == []


@settings(deadline=None)
@given(st.binary(max_size=36))
def test_whoever_the_caller_claims_to_be_makes_no_other_event(user: bytes) -> None:
    stream = FAILED.replace(b"ChallengeResponseFailed", b"InvalidAccountID")
    stream = stream[: stream.index(b"Challenge: ")].replace(b"AccountID: 1006", b"AccountID: " + user) + b"\r\n"
    events, forged = read(stream)
    assert len(events) + forged <= 19
    assert all(isinstance(event, AuthFailure) and event.reason is FailureReason.UNKNOWN_USER for event in events)
    assert len(events) <= 1
