"""The embedded FreeSWITCH against the recordings of a real one: its texts, and the fields of its events."""

import json
import re
import time

import pytest

from demo.registrar.bindings import Bindings, Origin, Wanted
from demo.registrar.digest import Authenticator, Nonces, Outcome, Verdict
from demo.registrar.esl import HOSTNAME, LATE_MARGIN, Api
from demo.registrar.happenings import Attempt, Change, Moved
from demo.registrar.registrar import Registrar
from demo.registrar.sofia import Sofia
from tests.demo.messages import register
from tests.support.replay_esl import FIVE, events, exchanges

REALM = "sip3.example.com"
EXPIRES = 1_795_416_797
"""When the recorded registration of 1001 ends, the margin included."""
NOW = float(EXPIRES - LATE_MARGIN - 3600)
RECORDED = dict(exchanges(FIVE))
EMPTY = dict(exchanges("01-auth-and-empty"))


@pytest.fixture
def registrar() -> Registrar:
    """It knows the first of the recorded lines."""
    bindings = Bindings()
    origin = Origin("9b39042cbc2b@127.0.0.11", 1, "Yealink SIP-T46S 66.86.0.15", "sip:127.0.0.11:33772")
    bindings.register("1001", [Wanted("sip:1001@127.0.0.11:33772", 3600)], origin, int(NOW))
    return Registrar(Authenticator(REALM, {"1001": "x"}, Nonces(b"k")), bindings)


def ask(registrar: Registrar, command: str, now: float = NOW) -> bytes:
    answer = Api(registrar, REALM, "127.0.0.1:5560", NOW - 4).answer(command, now)
    return answer.replace(HOSTNAME.encode(), b"fs-lab1")


@pytest.mark.parametrize(
    "command",
    [
        "sofia xmlstatus profile internal reg",
        "sofia xmlstatus profile internal user 1001@sip3.example.com",
        "sofia xmlstatus profile internal user 1009@sip3.example.com",
        "sofia xmlstatus profile internal reg nomatch",
    ],
)
def test_the_profiles_table_is_as_recorded(registrar: Registrar, command: str) -> None:
    recorded = RECORDED[command]
    others = re.compile(
        rb"    <registration>\n(?:(?!</registration>).)*?<user>100[2-9]@.*?</registration>\n", re.DOTALL
    )
    expected = others.sub(b"", recorded)
    # The server's own time zone, and the second that had begun.
    zone = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(EXPIRES)).encode()
    expected = expected.replace(b"2026-11-23 12:23:17", zone).replace(b"expsecs(3659)", b"expsecs(3660)")
    assert ask(registrar, command) == expected


def test_the_cores_table_is_as_recorded(registrar: Registrar) -> None:
    recorded = json.loads(RECORDED["show registrations as json"])
    answer = json.loads(ask(registrar, "show registrations as json"))
    assert answer == {"row_count": 1, "rows": recorded["rows"][:1]}
    assert list(answer["rows"][0]) == list(recorded["rows"][0])
    lines = RECORDED["show registrations"].split(b"\n")
    csv = b"\n".join((*lines[:2], b"", b"1 total.", b""))
    assert ask(registrar, "show registrations") == csv
    assert ask(registrar, "show registrations as delim \\t") == csv.replace(b",", b"\t")


@pytest.mark.parametrize(
    "command",
    [
        "show registrations",
        "show registrations count",
        "show registrations as json",
        "sofia xmlstatus profile internal reg",
        "version",
        "uptime s",
    ],
)
def test_an_empty_server_answers_as_recorded(registrar: Registrar, command: str) -> None:
    registrar.expire(NOW + 4000)
    assert ask(registrar, command) == EMPTY[command]


def test_the_profile_counts_its_rows(registrar: Registrar) -> None:
    assert b"    <registrations>1</registrations>\n" in ask(registrar, "sofia xmlstatus profile internal")
    assert ask(registrar, "sofia xmlstatus").count(b"RUNNING (0)") == 1
    assert ask(registrar, "sofia xmlstatus profile nosuch reg") == b"Invalid Profile!\n"
    assert ask(registrar, "nosuchapi x") == b"-ERR nosuchapi Command not found!\n"
    assert ask(registrar, "show registrations as nosuch") == b"-ERR Cannot find format nosuch\n"


def test_a_phone_behind_nat_gets_its_way_back(registrar: Registrar) -> None:
    origin = Origin("87dd", 1, "Polycom", "sip:127.0.0.13:45707")
    registrar.bindings.register("1003", [Wanted("sip:1003@192.168.1.33:5062", 60)], origin, int(NOW))
    told = ask(registrar, "sofia xmlstatus profile internal user 1003@sip3.example.com")
    assert b"sip:1003@192.168.1.33:5062;fs_nat=yes;fs_path=sip%3A1003%40127.0.0.13%3A45707&gt;" in told
    assert b"Registered(UDP-NAT)(unknown)" in told


def fields(body: bytes) -> list[str]:
    """The names in an event, those that come twice included."""
    return [name for name, _ in json.loads(body, object_pairs_hook=list)]


def recorded_events() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in ("04-events-json-register-lifecycle", "06-events-json-auth-failures", "10-expiry"):
        for frame in events(name):
            found.setdefault(json.loads(frame.body)["Event-Subclass"], fields(frame.body))
    return found


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Outcome.NO_CREDENTIALS, ["pre_register"]),
        (Outcome.OK, ["register_attempt"]),
        (Outcome.WRONG_PASSWORD, ["register_attempt", "register_failure"]),
    ],
)
def test_events_of_an_attempt_have_the_recorded_fields(outcome: Outcome, told: list[str]) -> None:
    request = register("<sip:1001@127.0.0.51:49403>", extra=(("User-Agent", "Yealink"),))
    found = Sofia(REALM).events(Attempt("1001", Verdict(outcome, "1001"), request, ("127.0.0.51", 49403), NOW))
    assert [subclass for subclass, _ in found] == [f"sofia::{name}" for name in told]
    recorded = recorded_events()
    assert all(fields(body) == recorded[subclass] for subclass, body in found)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Change.CAME, "register"),
        (Change.REFRESHED, "register"),
        (Change.LEFT, "unregister"),
        (Change.EXPIRED, "expire"),
    ],
)
def test_events_of_a_binding_have_the_recorded_fields(registrar: Registrar, change: Change, told: str) -> None:
    (binding,) = registrar.bindings.current("1001", int(NOW))
    ((subclass, body),) = Sofia(REALM).events(Moved("1001", change, binding, NOW))
    assert subclass == f"sofia::{told}"
    assert fields(body) == recorded_events()[subclass]
