"""Whatever a datagram holds, the registrar answers it or passes it over, and stays itself."""

from hypothesis import given, settings
from hypothesis import strategies as st

from demo.registrar.bindings import MAX_CONTACTS, Bindings
from demo.registrar.digest import Authenticator, Nonces
from demo.registrar.fronts.base import Site
from demo.registrar.fronts.kamailio import KamailioFront
from demo.registrar.registrar import MAX_REMEMBERED, Registrar, Table
from demo.registrar.rpc import Rpc
from demo.registrar.server import Server
from demo.registrar.sip import parse, serialise
from tests.demo.messages import REALM, authorized, register

NOW = 1_795_414_721.0
SOURCE = ("192.0.2.1", 5060)


def server() -> Server:
    registrar = Registrar(Authenticator(REALM, {"1001": "right"}, Nonces(b"k")), Bindings())
    front = KamailioFront(registrar, Site(REALM, "127.0.0.1", 5060, NOW, lambda: NOW))
    return Server(registrar, front, lambda: NOW)


def a_register(one: Server) -> bytes:
    """What the registrar would accept as it stands."""
    request = register('"A" <sip:1001@10.0.0.9>;q=0.5;expires=30;+sip.instance="<urn:uuid:1>"', "<sip:1001@10.0.0.8>")
    refused = one.datagram(serialise(request), SOURCE)
    assert refused is not None
    challenge = parse(refused[0])
    return serialise(authorized(request, challenge, "1001", "right"))  # type: ignore[arg-type] # a response, as seen


PIECES = st.sampled_from(
    [b"\r\n", b"\r\n\r\n", b'"', b"<", b">", b",", b";", b":", b"@", b"%", b"[", b"\xff", b"*", b"=", b""]
)


@settings(max_examples=400)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), PIECES), min_size=1, max_size=6))
def test_a_mutated_register_is_answered_or_passed_over(mutations: list[tuple[float, int, bytes]]) -> None:
    one = server()
    datagram = a_register(one)
    for place, removed, added in mutations:
        position = int(place * len(datagram))
        datagram = datagram[:position] + added + datagram[position + removed :]
    answer = one.datagram(datagram, SOURCE)
    if answer is not None:
        parse(answer[0])
    for _, bindings in one.registrar.bindings.lines():
        assert len(bindings) <= MAX_CONTACTS
    dumped = Rpc(one.registrar, "udp:127.0.0.1:5060", NOW).answer(b'{"jsonrpc":"2.0","method":"ul.dump","id":1}', NOW)
    assert dumped is not None
    assert dumped.status == 200


def test_what_was_not_mutated_is_accepted() -> None:
    one = server()
    answer = one.datagram(a_register(one), SOURCE)
    assert answer is not None
    assert answer[0].startswith(b"SIP/2.0 200 OK\r\n")
    assert answer[1] == SOURCE


def test_a_flood_of_failures_fills_nothing() -> None:
    table = Table()
    for number in range(MAX_REMEMBERED + 5):
        table.put(str(number), "x")
    table.put("7", "newer")
    assert len(table.items) == MAX_REMEMBERED
    assert "4" not in table.items
    assert list(table.items)[-1] == "7"
