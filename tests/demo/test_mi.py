"""The embedded OpenSIPS against the recordings of a real one, byte for byte where nothing in them is chance."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from demo.registrar.bindings import Bindings, Origin, Wanted
from demo.registrar.digest import Authenticator, Nonces, Outcome, Verdict
from demo.registrar.fronts.base import Site
from demo.registrar.fronts.opensips import OpensipsFront
from demo.registrar.happenings import Attempt, Change, Happening, Moved
from demo.registrar.mi import Mi
from demo.registrar.registrar import Registrar
from tests.demo.messages import register

RECORDED = Path(__file__).parents[1] / "payloads" / "opensips"
NOW = 1_795_413_048
STARTED = NOW - 24
REALM = "flood.test"
_CHANCE = re.compile(rb'(?<="ContactID":")\d+')
_DATES = re.compile(rb'"\w{3} \w{3} .\d \d\d:\d\d:\d\d \d{4}"')


@pytest.fixture
def registrar() -> Registrar:
    """It knows one line, as the recorded server did."""
    bindings = Bindings()
    origin = Origin("fixed-0@test", 10, "Yealink SIP-T46S 66.86.0.0")
    bindings.register("1001", [Wanted("sip:1001@10.1.2.1:5060", 3600)], origin, NOW)
    return Registrar(Authenticator(REALM, {}, Nonces(b"k")), bindings)


def body(name: str, side: str) -> bytes:
    return (RECORDED / "mi" / f"{name}.{side}.http").read_bytes().partition(b"\r\n\r\n")[2]


def mi(registrar: Registrar) -> Mi:
    return Mi(registrar, REALM, "udp:127.0.0.1:5360", STARTED, lambda *_: None)


@pytest.mark.parametrize(
    "name",
    [
        "10-ul_show_contact-found",
        "11-ul_show_contact-found-positional",
        "12-ul_show_contact-aor-notfound",
        "13-ul_show_contact-table-notfound",
        "14-ul_show_contact-no-domain",
        "15-ul_show_contact-missing-param",
        "16-ul_show_contact-wrong-name",
        "17-ul_show_contact-no-params",
        "18-ul_show_contact-wrong-type",
        "19-unknown-method",
        "20-kamailio-style-name",
        "22-parse-error",
        "23-no-jsonrpc-version",
        "24-notification-no-id",
        "25-batch-array",
        "34-id-string",
        "35-id-large",
        "39-get_statistics-unknown",
        "55-uptime",
    ],
)
def test_it_answers_as_recorded(registrar: Registrar, name: str) -> None:
    answer = mi(registrar).answer(body(name, "request"), NOW) or b""
    assert _DATES.sub(b"", _CHANCE.sub(b"", answer)) == _DATES.sub(b"", _CHANCE.sub(b"", body(name, "response")))


def test_an_empty_server_answers_as_recorded(registrar: Registrar) -> None:
    registrar.expire(NOW + 4000)
    registrar.bindings.expired = 0
    for name in ("02-ul_dump-empty", "03-get_statistics-usrloc"):
        assert mi(registrar).answer(body(name, "request"), NOW) == body(name, "response")


def test_an_expired_contact_stays_listed_as_such(registrar: Registrar) -> None:
    answer = json.loads(mi(registrar).answer(body("10-ul_show_contact-found", "request"), NOW + 4000) or b"")
    assert [contact["Expires"] for contact in answer["result"]["Contacts"]] == ["expired"]


class Heard(OpensipsFront):
    """The events instead of their datagrams."""

    told: list[tuple[str, dict[str, Any]]]

    def _send(self, event: str, params: dict[str, Any], now: float) -> None:
        self.told.append((event, params))


def told(registrar: Registrar, happening: Happening) -> list[tuple[str, dict[str, Any]]]:
    front = Heard(registrar, Site(REALM, "127.0.0.1", 5360, STARTED, lambda: float(NOW)))
    front.told = []
    front.tell(happening)
    front.close()
    return front.told


def recorded_events() -> dict[str, list[str]]:
    """The fields of each event as they were first recorded."""
    found: dict[str, list[str]] = {}
    for line in (RECORDED / "events" / "datagram-udp.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("{"):
            event = json.loads(line)
            found.setdefault(event["method"], list(event["params"]))
    return found


def test_events_have_the_recorded_fields(registrar: Registrar) -> None:
    (binding,) = registrar.bindings.current("1001", NOW)
    wrong = Attempt("1001", Verdict(Outcome.WRONG_PASSWORD, "1001"), register(), ("10.0.0.9", 5060), NOW)
    events = [told(registrar, Moved("1001", change, binding, NOW)) for change in Change] + [told(registrar, wrong)]
    names = [[name for name, _ in one] for one in events]
    assert names == [
        ["E_UL_AOR_INSERT", "E_UL_CONTACT_INSERT"],
        ["E_UL_CONTACT_UPDATE"],
        ["E_UL_CONTACT_DELETE"],
        ["E_UL_CONTACT_DELETE"],
        ["E_SIP_AUTH_FAILED"],
    ]
    recorded = recorded_events()
    assert all(list(params) == recorded[name] for one in events for name, params in one)


def test_a_step_of_digest_is_no_failure(registrar: Registrar) -> None:
    for outcome in (Outcome.NO_CREDENTIALS, Outcome.STALE, Outcome.OK):
        assert told(registrar, Attempt("1001", Verdict(outcome, "1001"), register(), ("10.0.0.9", 5060), NOW)) == []
