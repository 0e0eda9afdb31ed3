"""One key for one line, however a server or an operator writes it."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.aor import aor_key

HOME = "sip3.cldpbx.com"


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("alice", "alice"),
        ("  Alice ", "alice"),
        ("sip:Alice@SIP3.cldpbx.com", "alice"),
        ("SIPS:alice@sip3.cldpbx.com:5061;transport=tls?subject=x", "alice"),
        ("sip:alice@sip3.cldpbx.com;user=phone", "alice"),
        ("alice@other.example", "alice@other.example"),
        ("sip:alice@other.example:5080", "alice@other.example"),
        ("sip:%61lice@other.example", "alice@other.example"),
        ("sip:+81312345678@sip3.cldpbx.com", "+81312345678"),
        ("05012345678", "05012345678"),
        ("sip:a@b@other.example", "a@b@other.example"),
        ("sip:alice@[2001:db8::1]:5060", "alice@[2001:db8::1]"),
    ],
)
def test_every_way_to_write_a_line_has_one_key(written: str, key: str) -> None:
    assert aor_key(written, HOME) == key


@pytest.mark.parametrize(
    "written", ["", "  ", "sip:", "sip:@host", "@host", ";x=1", "a b", "sip:a%0d%0ab@host", "a\x7f", "a\x00b", "%20"]
)
def test_what_holds_no_user_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="no address-of-record"):
        aor_key(written, HOME)


def test_without_a_home_every_domain_stays() -> None:
    assert aor_key("sip:alice@sip3.cldpbx.com") == "alice@sip3.cldpbx.com"


users = st.text(string.ascii_letters + string.digits + "-_.!~*'()+", min_size=1)
hosts = st.from_regex(r"\A[A-Za-z0-9]{1,9}(\.[A-Za-z]{2,5})?\Z")
schemes = st.sampled_from(["", "sip:", "sips:", "SIP:"])
ports = st.sampled_from(["", ":5060", ":5061;transport=tls", ";lr", "?x=y"])


@given(schemes, users, hosts, ports)
def test_scheme_case_port_and_parameters_make_no_difference(scheme: str, user: str, host: str, port: str) -> None:
    assert aor_key(f"{scheme}{user}@{host}{port}") == f"{user}@{host}".lower()
    assert aor_key(f"{scheme}{user}@{host}{port}", host.upper()) == user.lower()


@given(users, hosts, hosts)
def test_a_key_is_its_own_key(user: str, host: str, home: str) -> None:
    key = aor_key(f"{user}@{host}", home)
    assert aor_key(key, home) == key


@given(st.text(max_size=300), st.none() | st.just(HOME))
def test_any_text_gives_a_key_or_a_value_error(text: str, home: str | None) -> None:
    try:
        key = aor_key(text, home)
    except ValueError:
        return
    assert key
    assert not any(ord(character) <= 0x20 or ord(character) == 0x7F for character in key)
