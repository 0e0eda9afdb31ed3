"""The JSON-RPC against the recordings of a real Kamailio, byte for byte where nothing in them is chance."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.registrar.bindings import Bindings, Origin, Wanted
from demo.registrar.digest import Authenticator, Nonces
from demo.registrar.registrar import Registrar
from demo.registrar.rpc import Answer, Rpc

RECORDED = Path(__file__).parents[1] / "payloads" / "kamailio"
NOW = 1_795_414_721
STARTED = NOW - 58


@pytest.fixture
def registrar() -> Registrar:
    """It knows one line, as the recorded Kamailio did."""
    bindings = Bindings("uloc-6b03da87-4ba8")
    origin = Origin("fixed-0@test", 10, "Yealink SIP-T46S 66.86.0.0")
    bindings.register("1001", [Wanted("sip:1001@10.1.2.1:5060", 3600)], origin, NOW)
    return Registrar(Authenticator("auth.test", {}, Nonces(b"k")), bindings)


@pytest.fixture
def rpc(registrar: Registrar) -> Rpc:
    return Rpc(registrar, "udp:127.0.0.1:5460", STARTED)


def asked(name: str) -> bytes:
    return (RECORDED / "rpc" / f"{name}.request.http").read_bytes().partition(b"\r\n\r\n")[2]


def recorded(name: str) -> tuple[bytes, Answer]:
    head, _, body = (RECORDED / "rpc" / f"{name}.response.http").read_bytes().partition(b"\r\n\r\n")
    _, status, reason = head.partition(b"\r\n")[0].decode().split(" ", 2)
    return asked(name), Answer(int(status), reason, body.rstrip(b"\n"))


def ask(rpc: Rpc, method: str, *params: object, now: float = NOW) -> Answer:
    body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 1}).encode()
    answer = rpc.answer(body, now)
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    "name",
    [
        "04-core.version",
        "07-ul.lookup-found",
        "08-ul.lookup-found-with-domain",
        "09-ul.lookup-sip-uri",
        "10-ul.lookup-notfound",
        "11-ul.lookup-table-notfound",
        "12-ul.lookup-missing-param",
        "13-ul.lookup-no-params",
        "14-ul.lookup-object-params",
        "15-ul.lookup-int-param",
        "16-unknown-method",
        "17-opensips-style-name",
        "19-no-jsonrpc-version",
        "21-batch-array",
    ],
)
def test_the_same_bytes_as_recorded(rpc: Rpc, name: str) -> None:
    request, expected = recorded(name)
    assert rpc.answer(request, NOW) == expected


@pytest.mark.parametrize("name", ["18-parse-error", "25-empty-body"])
def test_no_json_gets_no_answer(rpc: Rpc, name: str) -> None:
    assert rpc.answer(asked(name), NOW) is None


@pytest.mark.parametrize("name", ["04b-core.uptime", "26-id-string", "27-id-large", "20-notification-no-id"])
def test_the_uptime_in_the_recorded_shape(rpc: Rpc, name: str) -> None:
    request, expected = recorded(name)
    answer = rpc.answer(request, NOW)
    assert answer is not None
    ours, theirs = json.loads(answer.body), json.loads(expected.body)
    assert list(ours) == list(theirs)
    assert list(ours["result"]) == list(theirs["result"])
    assert ours.get("id") == theirs.get("id")
    assert ours["result"]["uptime"] == 58
    assert len(ours["result"]["now"]) == len(theirs["result"]["now"])


def test_a_dump_in_the_recorded_shape(rpc: Rpc) -> None:
    request, expected = recorded("05-ul.dump-5")
    answer = rpc.answer(request, NOW)
    assert answer is not None
    ours, theirs = json.loads(answer.body)["result"], json.loads(expected.body)["result"]
    own, other = ours["Domains"][0]["Domain"], theirs["Domains"][0]["Domain"]
    assert list(own) == list(other)
    assert list(own["AoRs"][0]["Info"]) == list(other["AoRs"][0]["Info"])
    assert own["AoRs"][0]["Info"]["Contacts"] == other["AoRs"][4]["Info"]["Contacts"]
    assert own["Stats"] == {"Records": 1, "Max-Slots": 1}


def test_an_empty_dump_and_a_brief_one() -> None:
    empty = Rpc(Registrar(Authenticator("r", {}, Nonces(b"k")), Bindings()), "udp:127.0.0.1:5460", STARTED)
    request, expected = recorded("01-ul.dump-empty")
    assert empty.answer(request, NOW) == expected


def test_a_brief_dump_names_the_lines_only(rpc: Rpc) -> None:
    domain = json.loads(ask(rpc, "ul.dump", "brief").body)["result"]["Domains"][0]["Domain"]
    assert domain["AoRs"] == [{"AoR": "1001"}]


def test_what_has_expired_is_told_as_kamailio_tells_it(rpc: Rpc) -> None:
    later = NOW + 3600
    assert ask(rpc, "ul.lookup", "location", "1001", now=later).reason == "AOR has no contacts"
    info = json.loads(ask(rpc, "ul.dump", now=later).body)["result"]["Domains"][0]["Domain"]["AoRs"][0]["Info"]
    assert info["Contacts"][0]["Contact"]["Expires"] == "expired"


def test_the_statistics(rpc: Rpc) -> None:
    request, expected = recorded("35-stats.get_statistics-several")
    answer = rpc.answer(request, NOW)
    assert answer is not None
    ours, theirs = json.loads(answer.body)["result"], json.loads(expected.body)["result"]
    assert [line.partition(" = ")[0] for line in ours] == [line.partition(" = ")[0] for line in theirs]
    assert "usrloc:registered_users = 1" in ours
    assert json.loads(ask(rpc, "stats.get_statistics", "nosuch").body)["result"] == []
    assert ask(rpc, "stats.get_statistics").reason == "Please provide which stats to retrieve"


def test_a_preference_is_written_with_six_decimals(registrar: Registrar, rpc: Rpc) -> None:
    registrar.bindings.register("two", [Wanted("sip:a", 60, q=0.5), Wanted("sip:b", 60, q=1.0)], Origin("x", 1), NOW)
    body = ask(rpc, "ul.lookup", "location", "two").body
    assert b'"Q":0.500000,' in body
    assert body.index(b'"Q":1,') < body.index(b'"Q":0.500000,')


def test_the_tables_of_authentications(registrar: Registrar, rpc: Rpc) -> None:
    assert ask(rpc, "htable.dump", "authfail").body == b'{"jsonrpc":"2.0","result":[],"id":1}'
    value = "1795419164|wrong_password|udp:127.0.0.1:46616|BadPhone/1"
    registrar.tables["authfail"].put("alice@auth.test", value)
    (slot,) = json.loads(ask(rpc, "htable.dump", "authfail").body)["result"]
    assert list(slot) == ["entry", "size", "slot"]
    assert slot["slot"] == [{"name": "alice@auth.test", "value": value, "type": "str"}]
    item = json.loads(ask(rpc, "htable.get", "authfail", "alice@auth.test").body)["result"]["item"]
    assert list(item) == ["name", "value", "flags", "expire"]
    assert ask(rpc, "htable.get", "authfail", "nosuch").reason == "Key name doesn't exist in htable."
    assert ask(rpc, "htable.dump", "nosuch").reason == "No such htable"
    assert ask(rpc, "htable.dump").reason == "No htable name given"


def test_only_what_works_is_listed(rpc: Rpc) -> None:
    methods = json.loads(ask(rpc, "system.listMethods").body)["result"]
    assert {"ul.dump", "ul.lookup", "core.uptime", "core.version", "stats.get_statistics", "htable.dump"} <= set(
        methods
    )
    for method in methods:
        assert ask(rpc, method).reason != "Method Not Found"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda x: st.lists(x, max_size=3)
)


@given(st.binary(max_size=60) | st.dictionaries(st.text(), JSON).map(lambda d: json.dumps(d).encode()))
def test_no_body_breaks_it(body: bytes) -> None:
    registrar = Registrar(Authenticator("r", {}, Nonces(b"k")), Bindings())
    answer = Rpc(registrar, "udp:127.0.0.1:5460", STARTED).answer(body, NOW)
    assert answer is None or isinstance(json.loads(answer.body), dict)


@given(JSON, JSON, st.sampled_from(["ul.dump", "ul.lookup", "stats.get_statistics", "htable.get", "htable.dump"]))
def test_no_parameters_break_it(params: object, identity: object, method: str) -> None:
    registrar = Registrar(Authenticator("r", {}, Nonces(b"k")), Bindings())
    body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": identity}).encode()
    answer = Rpc(registrar, "udp:127.0.0.1:5460", STARTED).answer(body, NOW)
    assert answer is not None
    assert answer.status in (200, 400, 500)
