"""Rows of the location table that are read by the block say what they say when they are read one by one."""

from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import record
from app.domain.record import contacts_of
from app.domain.registration import Contact
from tests.workers.sip.kamailio.quick import AT, HOME, NOW, SITE, each_once
from workers.sip.kamailio import copied, location
from workers.sip.kamailio.location_row import TableRow
from workers.sip.kamailio.parse import Broken


def read(body: bytes) -> set[Contact]:
    """The bindings in a record, which all differ or are the same."""
    return set(contacts_of(body))


class TestLocation:
    """The location table, as PostgreSQL copies it."""

    def text(self, rows: Sequence[TableRow]) -> bytes:
        """As COPY writes it."""
        return b"".join(b"\t".join(map(self._field, row)) + b"\n" for row in rows)

    def _field(self, value: object) -> bytes:
        if value is None:
            return b""
        marks = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
        return "".join(marks.get(letter, letter) for letter in str(value)).encode("utf-8", "surrogateescape")

    def by_the_block(self, rows: Sequence[TableRow], skew: int) -> tuple[dict[bytes, bytes], int, Broken]:
        seen = location._Seen(skew)
        copy = copied.Copy(BytesIO(), HOME)
        # In two pieces, so that a line's rows may come apart.
        for piece in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            copy.take(self.text(piece))
        found = each_once(list(location._copied(copy, SITE, seen)))
        return found, seen.rows, seen.broken

    def one_by_one(self, rows: Sequence[TableRow], skew: int) -> tuple[dict[bytes, bytes], int, Broken]:
        seen = location._Seen(skew)
        # No database hands on half a letter.
        read = [tuple(self._read(value) for value in row) for row in rows]
        ordered = sorted(((str(row[0] or "").lower(), *row) for row in read), key=lambda row: str(row[0]))
        lines = location._lines(ordered, SITE, seen)
        found = each_once([[record.row_of(line) for line in lines]])
        return found, seen.rows, seen.broken

    def _read(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    USUAL = st.tuples(
        st.sampled_from(("05012000361", "1001", "1001", "1002")),
        st.sampled_from((None, "", HOME, "else.test")),
        st.integers(AT - 30, AT),
        st.integers(AT - 30, AT + 90),
        st.sampled_from(("sip:1001@10.0.0.1:5060", "sip:1002@10.0.0.1;transport=tcp", "sips:x@[2001:db8::1]:5061")),
        st.sampled_from((None, "", "sip:192.0.2.9:1024", "sip:10.0.0.1:5060;transport=tcp", "sip:[2001:db8::9]:5")),
        st.sampled_from((None, "", "Yealink SIP-T46S", "a", "n/a")),
        st.sampled_from(("udp:127.0.0.1:5460", "tcp:10.0.0.1:5", "wss:h:1")),
    )
    TIMES = st.sampled_from((253_402_300_799, 0, 1, 86400, 10**7 + 1, 10**10, 10**11 - 1, 10**11, 10**12, None))
    ODD = (
        st.sampled_from(("alice", "Alice", "a b", "a\\b", "é", "a\tb", "")),
        st.sampled_from((HOME.upper(), "Else.test:5060", "[2001:db8::1]", "é", ":5", "a;b", "%20")),
        TIMES,
        TIMES,
        st.sampled_from(
            (
                "sip:1@h;Transport=TLS;x=1",
                "sip:1@h;transport=TLS",
                "sip:1;transport=tcp@h",
                "sip:1@h;transport=",
                "sip:é@h",
            )
        )
        | st.sampled_from(
            ('sip:"q"@h', "sip:a\\b@h", "[not set]", "<null>", "tel:123", "", None, "sip:1@h;transport=x")
        )
        | st.sampled_from(
            ("sip:1001@h@h", "sip:1001@h?x", "sip:1001@h>", "sip:1001@h x", "sip:1001@h ", "sip:1001@", "sip:1001")
        )
        | st.sampled_from([f"sip:1001@{'x' * number}" for number in (150, 151, 191, 192)])
        | st.sampled_from([f"sip:{'x' * number}" for number in (190, 191, 196, 197, 300)]),
        st.sampled_from(("sip:x@192.0.2.9:5", "sip:a?b", "sip:;x", "SIP:1.2.3.4:5", "nobody", "é", "sip:" + "9" * 210))
        | st.sampled_from(
            ("sip:h x", "sip:h ", "sip: ", "sip:", "sip:h;x y", "sip:h;x@y", "sip:h?x", "sip:" + "9" * 100)
        ),
        st.sampled_from(
            ("<null>", "padded ", " padded", "a\tb", "a\\b", "é", "\udce9", *("x" * n for n in (199, 200, 201)))
        )
        | st.text(max_size=8),
        st.sampled_from(("sctp:h:1", "UDP:h:1", "udp:", "", None, "xyz:h:1", "udp:" + "h" * 101)),
    )

    @st.composite
    @staticmethod
    def rows(draw: st.DrawFn) -> TableRow:
        """One row: as most phones write it, but for what is odd about it."""
        row = list(draw(TestLocation.USUAL))
        for index in draw(st.just([]) | st.just([]) | st.lists(st.integers(0, 7), max_size=2)):
            row[index] = draw(TestLocation.ODD[index])
        return tuple(row)

    @given(rows=st.lists(rows(), max_size=8), skew=st.sampled_from((0, 2, -300)))
    def test_whatever_the_table_holds(self, rows: list[TableRow], skew: int) -> None:
        quick, *found = self.by_the_block(rows, skew)
        slow, *expected = self.one_by_one(rows, skew)
        assert found == expected
        # The table's own words for where a REGISTER came from may stay.
        assert {key: read(body) for key, body in quick.items()} == {key: read(body) for key, body in slow.items()}
        assert all(record.is_body(body) and record.alike(body, slow[key]) for key, body in quick.items())

    @pytest.mark.parametrize("spelled", ["1001", f"1001@{HOME}", "1001 ", "1001@", "sip:1001"])
    def test_one_line_in_two_spellings_comes_once(self, spelled: str) -> None:
        rows = [
            (user, None, AT, AT + 60, f"sip:1001@10.0.0.{at}:5060", None, "Yealink", "udp:127.0.0.1:5460")
            for at, user in enumerate(("1001", spelled))
        ]
        found, count, _ = self.by_the_block(rows, 0)
        assert (count, [body.count(b"\n") for body in found.values()]) == (2, [1])

    def test_behind_a_row_without_columns_a_line_still_comes_once(self) -> None:
        rows = [
            ("1001", None, AT, AT + 60, f"sip:1001@10.0.0.{at}:5060", None, "Yealink", "udp:127.0.0.1:5460")
            for at in range(2)
        ]
        seen, copy = location._Seen(), copied.Copy(BytesIO(), HOME)
        for row in rows:
            copy.take(b"rubbish\n" + self.text([row]))
        found = each_once(list(location._copied(copy, SITE, seen)))
        assert [body.count(b"\n") for body in found.values()] == [1]
        assert (seen.rows, seen.broken.records) == (4, 2)

    def test_most_rows_take_the_quick_way(self) -> None:
        row = ("1001", None, AT, AT + 60, "sip:1001@10.0.0.1:5060", None, "Yealink", "udp:127.0.0.1:5460")
        (block,) = copied.blocks(BytesIO(self.text([row] * 3)), HOME)
        assert (len(block.numbered), len(block)) == (3, 3)

    @pytest.mark.parametrize("left", [-1, 0, 1])
    def test_what_has_just_ended(self, left: int) -> None:
        ends = int((NOW + timedelta(seconds=left)).timestamp())
        row = ("1001", None, AT, ends, "sip:1001@10.0.0.1:5060", None, "Yealink", "udp:127.0.0.1:5460")
        found, count, _ = self.by_the_block([row], 0)
        assert (found, count) == self.one_by_one([row], 0)[:2]
        assert bool(found) is (left > 0)
