"""The embedded Asterisk against the recordings of a real one: the same headers, in the same order."""

import re

import pytest

from demo.registrar.ami import Ami
from demo.registrar.bindings import Bindings, Origin, Wanted
from demo.registrar.digest import Authenticator, Nonces, Outcome, Verdict
from demo.registrar.happenings import Attempt, Change, Moved
from demo.registrar.registrar import Registrar
from tests.demo.messages import register
from tests.support.replay_ami import END, answer_of, payload

NOW = 1_795_413_647.0
MISC = "01-zero-contacts/misc-actions.s2c.raw"


@pytest.fixture
def registrar() -> Registrar:
    """It knows one line, as the recorded server did."""
    bindings = Bindings()
    origin = Origin("c170adff2eb6344c@ua.test", 1, "Yealink SIP-T46S 66.86.0.15", "sip:127.0.0.1:5301")
    bindings.register("1001", [Wanted("sip:1001@127.0.0.1:5301", 3600)], origin, int(NOW))
    return Registrar(Authenticator("asterisk", {"1001": "x", "1007": "x"}, Nonces(b"k")), bindings)


def ask(registrar: Registrar, action: str, **fields: str) -> bytes:
    ami = Ami(registrar, ("127.0.0.1", 5260), NOW - 10)
    return ami.answer({"Action": action, "ActionID": "x", **fields}, NOW)


def blocks(data: bytes) -> list[dict[str, str]]:
    lines = (block.decode().strip().split("\r\n") for block in data.removesuffix(END).split(END))
    return [{name: value for name, _, value in (line.partition(": ") for line in block)} for block in lines]


def shapes(data: bytes) -> list[list[str]]:
    return [list(block) for block in blocks(data)]


def test_the_table_of_contacts_is_as_recorded(registrar: Registrar) -> None:
    recorded = answer_of("07-ami-auth/15-dbgettree-single-aor.s2c.raw", "DBGetTree-349").split(END)
    expected = END.join((recorded[0], recorded[1], recorded[-2])).replace(b"DBGetTree-349", b"x") + END
    expected = re.sub(rb"ListItems: \d+", b"ListItems: 1", expected)
    # What the recorded endpoint's own configuration adds.
    expected = expected.replace(b'"qualify_timeout":"1.000000"', b'"qualify_timeout":"3.000000"')
    expected = expected.replace(b'"qualify_frequency":"5"', b'"qualify_frequency":"0"')
    answer = ask(registrar, "DBGetTree", Family="registrar/contact")
    assert answer == expected
    assert ask(registrar, "DBGetTree", Family="other").endswith(b"ListItems: 0" + END)


@pytest.mark.parametrize(
    ("action", "recorded"),
    [
        ("Ping", answer_of(MISC, "Ping-88")),
        ("CoreSettings", answer_of(MISC, "CoreSettings-123")),
        ("CoreStatus", answer_of(MISC, "CoreStatus-175")),
    ],
)
def test_what_the_server_says_of_itself(registrar: Registrar, action: str, recorded: bytes) -> None:
    assert shapes(ask(registrar, action)) == shapes(recorded)


@pytest.mark.parametrize("action", ["PJSIPShowContacts", "PJSIPShowRegistrationInboundContactStatuses"])
def test_lists_have_the_recorded_shape_and_so_has_an_empty_one(registrar: Registrar, action: str) -> None:
    recorded = shapes(answer_of(f"02-populated/{action}.s2c.raw", f"q-{action}"))
    assert shapes(ask(registrar, action)) == [recorded[0], recorded[1], recorded[-1]]
    registrar.expire(NOW + 4000)
    empty = answer_of(f"01-zero-contacts/{action}.s2c.raw", f"q-{action}")
    assert ask(registrar, action) == empty.replace(f"q-{action}".encode(), b"x")


def test_an_endpoint_tells_its_contacts_and_no_password(registrar: Registrar) -> None:
    answer = ask(registrar, "PJSIPShowEndpoint", Endpoint="1001")
    recorded = {block["Event"]: list(block) for block in blocks(payload(ENDPOINT)) if "Event" in block}
    found = [block for block in blocks(answer) if "Event" in block]
    assert [block["Event"] for block in found] == [name for name in recorded if name != "AuthDetail"]
    assert all(list(block) == recorded[block["Event"]] for block in found[1:])
    assert set(found[0]) <= set(recorded["EndpointDetail"])
    assert found[-1]["ListItems"] == "3"
    assert b"Password" not in answer


ENDPOINT = "02-populated/PJSIPShowEndpoint-1001.s2c.raw"


@pytest.mark.parametrize(
    ("action", "fields", "of"),
    [
        ("NoSuchAction", {}, "NoSuchAction-499"),
        ("PJSIPShowEndpoint", {"Endpoint": "nosuch"}, "PJSIPShowEndpoint-369"),
        ("PJSIPShowEndpoint", {}, "PJSIPShowEndpoint-223"),
    ],
)
def test_errors_are_as_recorded(registrar: Registrar, action: str, fields: dict[str, str], of: str) -> None:
    assert ask(registrar, action, **fields) == answer_of(MISC, of).replace(of.encode(), b"x")


def recorded_events() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in ("02-register-new-qualify", "07-unregister"):
        for block in blocks(payload(f"03-events/{name}.s2c.raw")):
            # A login to the manager is told by the same event with one header more.
            if "Event" in block and block.get("Service") != "AMI":
                found.setdefault(block["Event"], list(block))
    for name in ("01-wrong-password", "02-unknown-user"):
        for block in blocks(payload(f"04-security/{name}.s2c.raw")):
            if "Event" in block and block.get("Service") == "PJSIP":
                found.setdefault(block["Event"], list(block))
    return found


@pytest.mark.parametrize(
    ("user", "outcome", "events"),
    [
        ("1001", Outcome.NO_CREDENTIALS, ["ChallengeSent"]),
        ("1001", Outcome.OK, ["SuccessfulAuth"]),
        ("1001", Outcome.WRONG_PASSWORD, ["ChallengeResponseFailed"]),
        ("mallory", Outcome.UNKNOWN_USER, ["InvalidAccountID", "ChallengeResponseFailed"]),
    ],
)
def test_security_events_have_the_recorded_shape(
    registrar: Registrar, user: str, outcome: Outcome, events: list[str]
) -> None:
    attempt = Attempt(user, Verdict(outcome, user), register(user=user), ("10.0.0.9", 5060), NOW)
    told = Ami(registrar, ("127.0.0.1", 5260), NOW).events(attempt)
    assert [kind for kind, _ in told] == ["security"] * len(events)
    found = blocks(b"".join(event for _, event in told))
    assert [block["Event"] for block in found] == events
    recorded = recorded_events()
    assert all(list(block) == recorded[block["Event"]] for block in found)
    assert all(re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}[+-]\d{4}", block["EventTV"]) for block in found)


def test_contact_events_have_the_recorded_shape_and_a_refresh_has_none(registrar: Registrar) -> None:
    (binding,) = registrar.bindings.current("1001", int(NOW))
    ami = Ami(registrar, ("127.0.0.1", 5260), NOW)
    told = {change: ami.events(Moved("1001", change, binding, NOW)) for change in Change}
    assert told.pop(Change.REFRESHED) == []
    for change, events in told.items():
        ((kind, event),) = events
        (block,) = blocks(event)
        assert kind == "system"
        assert list(block) == recorded_events()["ContactStatus"]
        assert block["ContactStatus"] == ("NonQualified" if change is Change.CAME else "Removed")


def test_nobody_writes_headers_of_his_own(registrar: Registrar) -> None:
    user = "x\r\n\r\nEvent: ContactListComplete"
    attempt = Attempt(user, Verdict(Outcome.UNKNOWN_USER, user), register(), ("10.0.0.9", 5060), NOW)
    told = b"".join(event for _, event in Ami(registrar, ("127.0.0.1", 5260), NOW).events(attempt))
    assert [block["Event"] for block in blocks(told)] == ["InvalidAccountID", "ChallengeResponseFailed"]
    assert blocks(ask(registrar, "PJSIPShowEndpoint", Endpoint=user))[0]["Response"] == "Error"
