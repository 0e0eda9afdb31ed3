"""Bindings as bytes: what goes in comes out, and what nobody wrote is told apart."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import record
from app.domain.registration import Contact, Registration

NOW = 1_795_418_081
AOR = "05010000001"
# What `text.clean` lets through: no control characters, no lone surrogates.
TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), min_size=1, max_size=20)
AORS = st.from_regex(r"[0-9]{1,11}", fullmatch=True) | TEXT.map(lambda text: f"{text}@home.example")
# Of these centuries, as all times of phones are.
SECONDS = st.integers(10**9 + 9, 4_000_000_000)
HOSTS = st.sampled_from(("192.0.2.1:5060", "[2001:db8::1]:5060", "phone.example", "x", "@"))


@st.composite
def contacts(draw: st.DrawFn, aor: str) -> Contact:
    """Any that an adapter may hand on: often such that the record can leave something out."""
    host = draw(HOSTS)
    uri = draw(st.sampled_from((f"sip:{aor}@{host}", f"sip:{aor}", f"sips:{aor}@{host};transport=tls", host)) | TEXT)
    times = [draw(st.none() | SECONDS) for _ in range(2)]
    refreshed, expires = (None if moment is None else datetime.fromtimestamp(moment, UTC) for moment in times)
    transport = draw(st.none() | st.sampled_from(("udp", "tcp", "tls", "ws", "wss")))
    return Contact(uri, draw(st.none() | HOSTS | TEXT), transport, draw(st.none() | TEXT), refreshed, expires)


@st.composite
def lines(draw: st.DrawFn) -> Registration:
    aor = draw(AORS)
    return Registration(aor, tuple(draw(st.lists(contacts(aor), max_size=3))))


@given(line=lines())
def test_what_goes_in_comes_out(line: Registration) -> None:
    key, body = record.row_of(line)
    assert key == line.aor.encode()
    assert sorted(record.contacts_of(body), key=repr) == sorted(line.contacts, key=repr)
    assert record.is_body(body) is bool(line.contacts)


@given(line=lines(), dice=st.randoms())
def test_the_same_bindings_always_come_out_alike(line: Registration, dice: Random) -> None:
    shuffled = list(line.contacts)
    dice.shuffle(shuffled)
    assert record.row_of(Registration(line.aor, tuple(shuffled))) == record.row_of(line)


@given(line=lines())
def test_times_are_read_without_the_rest(line: Registration) -> None:
    _key, body = record.row_of(line)
    for text, contact in zip(body.split(b"\n") if body else (), record.contacts_of(body), strict=True):
        assert record.refreshed_of(text) == (contact.refreshed_at and contact.refreshed_at.timestamp())
        assert record.expires_of(text) == (contact.expires_at and contact.expires_at.timestamp())


PIECES = st.sampled_from(
    (b"\t", b"\n", b"\x01", b"@", b"sip:", b"1", b"-", b"999999999999", b"\xff", b"udp", b"1795419198", b";")
)


@given(body=st.binary(min_size=1, max_size=40) | st.lists(PIECES, min_size=1, max_size=16).map(b"".join))
def test_rubbish_is_no_binding(body: bytes) -> None:
    if record.is_body(body):
        # Of the right form: then all that others look at can be read.
        for line in body.split(b"\n"):
            record.refreshed_of(line)
            record.expires_of(line)
        assert record.alike(body, body)
    try:
        found = record.contacts_of(body)
    except ValueError:
        return
    assert len(found) == body.count(b"\n") + 1


@pytest.mark.parametrize("body", [b"", b"[[]]", b"?", b"1\t2\t3", b"x\t\tu\ts\ta\tt", b"1\t\tu\ts\ta\tt\n", b"\n"])
def test_what_is_no_body(body: bytes) -> None:
    assert not record.is_body(body)


@pytest.mark.parametrize("holds", [b"", b"0", b"60", b"86400", b"99999999", b"999999999"])
def test_how_long_a_binding_holds_as_earlier_versions_kept_it_is_no_end(holds: bytes) -> None:
    assert not record.is_body(b"1795419198\t%b\t\x01192.0.2.1:5060\t\x01\tudp\tphone" % holds)


class TestSource:
    """A host and port, or the URI in which a server's table keeps them."""

    def kept(self, source: bytes) -> bytes:
        return b"1795419198\t1795422798\tsip:1@10.0.0.1\t%b\tphone\tudp" % source

    @pytest.mark.parametrize("source", [b"192.0.2.1:5060", b"sip:192.0.2.1:5060", b"sip:192.0.2.1:5060;transport=tls"])
    def test_both_say_the_same(self, source: bytes) -> None:
        (contact,) = record.contacts_of(self.kept(source))
        assert contact.source == "192.0.2.1:5060"
        assert record.alike(self.kept(source), self.kept(b"192.0.2.1:5060"))
        assert not record.alike(self.kept(source), self.kept(b"192.0.2.1:5061"))

    @pytest.mark.parametrize("source", ["sip:192.0.2.1", "sip:", "192.0.2.1;x", "sips:192.0.2.1;x"])
    def test_what_looks_like_a_uri_comes_out_as_it_went_in(self, source: str) -> None:
        _key, body = record.row_of(Registration(AOR, (Contact("sip:x@192.0.2.1", source),)))
        (contact,) = record.contacts_of(body)
        assert contact.source == source


def body(*bindings: tuple[str, int | None, int | None]) -> bytes:
    return record.body_of(
        [
            record.binding(uri.encode(), agent=b"phone", refreshed=refreshed, expires=expires)
            for uri, refreshed, expires in bindings
        ]
    )


ONE = ("sip:1@a", NOW, NOW + 60)
TWO = ("sip:1@b", NOW, NOW + 90)
ALIKE = {
    "the same": (body(ONE), body(ONE), True),
    "nothing": (b"", b"", True),
    "rounded": (body(ONE), body(("sip:1@a", NOW + 2, NOW + 58)), True),
    "refreshed a little later": (body(ONE), body(("sip:1@a", NOW + 3, NOW + 60)), False),
    "ends a little later": (body(ONE), body(("sip:1@a", NOW, NOW + 63)), False),
    "another address": (body(ONE), body(("sip:1@c", NOW, NOW + 60)), False),
    "one went": (body(ONE, TWO), body(ONE), False),
    "one came": (b"", body(ONE), False),
    "never ends any more": (body(ONE), body(("sip:1@a", NOW, None)), False),
    "never ended": (body(("sip:1@a", NOW, None)), body(("sip:1@a", NOW + 1, None)), True),
    "told no more when it was refreshed": (body(ONE), body(("sip:1@a", None, NOW + 60)), False),
    "never told when it was refreshed": (body(("sip:1@a", None, NOW)), body(("sip:1@a", None, NOW + 2)), True),
    # A second makes the order of the bytes another one, not that of the bindings.
    "two that change places": (
        body(("sip:1@a", NOW, NOW + 9), ("sip:1@b", NOW + 1, NOW + 9)),
        body(("sip:1@a", NOW + 2, NOW + 9), ("sip:1@b", NOW + 1, NOW + 9)),
        True,
    ),
}


@pytest.mark.parametrize("name", ALIKE)
def test_what_a_person_could_see(name: str) -> None:
    old, new, expected = ALIKE[name]
    assert record.alike(old, new) is expected
    assert record.alike(new, old) is expected


@given(line=lines(), seconds=st.integers(-2, 2))
def test_whole_seconds_of_rounding_are_no_change(line: Registration, seconds: int) -> None:
    moved = tuple(
        Contact(
            contact.uri,
            contact.source,
            contact.transport,
            contact.user_agent,
            contact.refreshed_at,
            contact.expires_at and contact.expires_at + timedelta(seconds=seconds),
        )
        for contact in line.contacts
    )
    assert record.alike(record.row_of(line)[1], record.row_of(Registration(line.aor, moved))[1])
