"""SIP messages: what is written is read back, and rubbish is refused with one kind of error."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.registrar.contacts import aor_of
from demo.registrar.replies import reply, reply_address
from demo.registrar.sip import (
    MAX_ELEMENTS,
    MAX_HEADERS,
    MAX_SIZE,
    Headers,
    Request,
    Response,
    SipParseError,
    parse,
    parse_name_addr,
    serialise,
    split_host_port,
    split_list,
    unquote,
)
from tests.demo.messages import register

TOKENS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~", min_size=1, max_size=12)
NAMES = TOKENS.filter(lambda name: name.lower() not in ("l", "content-length"))
VALUES = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=40).map(str.strip)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=8).map(lambda fields: Headers(tuple(fields)))
SIMPLE = b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n"


@given(TOKENS, HEADERS, st.binary(max_size=30))
def test_a_request_survives_the_wire(method: str, headers: Headers, body: bytes) -> None:
    request = Request(method, "sip:example.jp", headers, body)
    assert parse(serialise(request)) == Request(
        method, "sip:example.jp", Headers((*headers.fields, ("Content-Length", str(len(body))))), body
    )


@given(st.integers(100, 699), HEADERS)
def test_a_response_survives_the_wire(status: int, headers: Headers) -> None:
    parsed = parse(serialise(Response(status, "As You Like", headers)))
    assert isinstance(parsed, Response)
    assert (parsed.status, parsed.reason) == (status, "As You Like")
    assert parsed.headers.fields[:-1] == headers.fields


@given(st.binary(max_size=300))
def test_rubbish_raises_nothing_but_the_typed_error(data: bytes) -> None:
    with suppress(SipParseError):
        parse(data)


@given(st.data())
def test_a_spoilt_register_raises_nothing_but_the_typed_error(data: st.DataObject) -> None:
    datagram = bytearray(serialise(register('"A" <sip:1001@10.0.0.9>;q=0.5;expires=30')))
    for position in data.draw(st.lists(st.integers(0, len(datagram) - 1), min_size=1, max_size=8)):
        datagram[position] = data.draw(st.integers(0, 255))
    with suppress(SipParseError):
        message = parse(bytes(datagram))
        if isinstance(message, Request):
            reply_address(message, ("192.0.2.1", 5060))
            serialise(reply(message, ("192.0.2.1", 5060), 200, "OK"))
            [parse_name_addr(contact) for contact in message.headers.all("contact")]


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\r\n\r\n",
        SIMPLE[:-2],
        SIMPLE.replace(b"SIP/2.0", b"SIP/3.0"),
        SIMPLE.replace(b"OPTIONS ", b"OPT IONS "),
        SIMPLE.replace(b"Via: x", b"no field"),
        SIMPLE.replace(b"Via: x", b"Via: x\nY: y"),
        SIMPLE.replace(b"Via: x", b": x"),
        SIMPLE.replace(b"Via: x", b"Content-Length: 5"),
        SIMPLE.replace(b"Via: x", b"Content-Length: -1"),
        SIMPLE.replace(b"Via: x", "Content-Length: ５".encode()),
        b"SIP/2.0 99 Low\r\n\r\n",
        b"SIP/2.0 OK\r\n\r\n",
        SIMPLE.replace(b"Via: x", b"\r\n".join([b"A: b"] * (MAX_HEADERS + 1))),
        SIMPLE + b" " * MAX_SIZE,
    ],
)
def test_what_is_no_message_is_refused(datagram: bytes) -> None:
    with pytest.raises(SipParseError):
        parse(datagram)


def test_short_names_and_folded_lines_are_understood() -> None:
    message = parse(b"OPTIONS sip:a SIP/2.0\r\nm: <sip:x@y>,\r\n  <sip:z@y>\r\nF : b\r\n\r\n")
    assert message.headers.all("Contact") == ["<sip:x@y>, <sip:z@y>"]
    assert message.headers.first("from") == "b"
    assert message.headers.first("to") is None


def test_bytes_that_are_no_utf8_come_through() -> None:
    datagram = serialise(register()).replace(b"Max-Forwards: 70", b"User-Agent: caf\xe9")
    assert b"caf\xe9" in serialise(Request("X", "sip:a", parse(datagram).headers))


def test_lists_are_split_outside_quotes_and_brackets_only() -> None:
    assert split_list(r'"a, \" b" <sip:x,y@z>;q=1, <sip:w@z>') == [r'"a, \" b" <sip:x,y@z>;q=1', "<sip:w@z>"]


@pytest.mark.parametrize("text", ['"open', "<open", "a" + ",a" * MAX_ELEMENTS])
def test_a_list_without_an_end_is_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        split_list(text)


def test_the_parts_of_a_name_addr() -> None:
    parsed = parse_name_addr('"Ä; <b>" <sip:x@y;transport=tcp?h=1>;Q=0.5;+sip.instance="<urn:uuid:1>";ob')
    assert parsed.uri == "sip:x@y;transport=tcp?h=1"
    assert parsed.params == {"q": "0.5", "+sip.instance": "<urn:uuid:1>", "ob": ""}
    assert parse_name_addr("sip:x@y;tag=1").uri == "sip:x@y"


@pytest.mark.parametrize("text", ["", "<>", "a>", "<sip:x y@z>", "sip:x<y@z", '"x"'])
def test_what_is_no_name_addr_is_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        aor_of(parse_name_addr(text).uri)


def test_quotes_and_escapes_come_off() -> None:
    assert unquote(r'"a \"b\" \\"') == 'a "b" \\'
    assert unquote('"') == '"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [("h", ("h", 5060)), ("h:1", ("h", 1)), ("[2001:db8::1]:5", ("2001:db8::1", 5)), ("[::1]", ("::1", 5060))],
)
def test_host_and_port(text: str, expected: tuple[str, int]) -> None:
    assert split_host_port(text, 5060) == expected


@pytest.mark.parametrize("text", ["", ":5", "h:x", "h:65536", "h:-1"])
def test_no_host_or_no_port_is_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        split_host_port(text, 5060)


@pytest.mark.parametrize(
    ("uri", "aor"),
    [("sip:Alice@x", "alice"), ("sips:per%63ent:pw@x;a=b", "percent"), ("sip:05012345678@x:5", "05012345678")],
)
def test_the_line_that_a_uri_names(uri: str, aor: str) -> None:
    assert aor_of(uri) == aor


def test_the_answer_goes_where_the_phone_asked_for_it() -> None:
    request = register()
    assert reply_address(request, ("192.0.2.1", 4444)) == ("192.0.2.1", 4444)
    plain = Request("OPTIONS", "sip:a", Headers((("Via", "SIP/2.0/UDP phone.local:5070;branch=1"),)))
    assert reply_address(plain, ("192.0.2.1", 4444)) == ("192.0.2.1", 5070)


def test_the_topmost_via_learns_where_the_request_came_from() -> None:
    via = reply(register(), ("192.0.2.1", 4444), 200, "OK").headers.first("via")
    assert via == "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK1;rport=4444;received=192.0.2.1"
