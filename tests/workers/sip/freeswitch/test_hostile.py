"""What one phone writes spoils no other record, nor its own where it need not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.replay_esl import HOME
from tests.workers.sip.freeswitch.written import CLOCK, document, record, row, tab_list
from workers.sip.base import SipError
from workers.sip.freeswitch.parse import delimited_table, json_table, profile_table, xml_table
from workers.sip.freeswitch.rows import text


class TestOnePhone:
    """What one phone writes spoils no other record, nor its own where it need not."""

    @pytest.mark.parametrize(
        "call_id",
        [
            b"a&b<c>",
            b"</call-id></registration></registrations></profile>",
            b"<!--",
            b"<![CDATA[",
            b"</call-id><user>1002@sip3.example.com</user><x>",
            b"\x00\x01\x1b\x85\xff",
            b"",
        ],
    )
    def test_a_call_id_that_ruins_the_xml(self, call_id: bytes) -> None:
        body = document(record(user=b"1000@h"), record(call_id=call_id), record(user=b"1003@h"))
        table = profile_table(body, CLOCK, HOME)
        assert [binding.aor for binding in table.bindings] == ["1000@h", "1001", "1003@h"]
        assert table.broken == 0

    def test_a_broken_record_is_counted(self) -> None:
        body = document(
            record(user=b"1000@h"), record(status=b"Registered(UDP)"), record(user=b""), record(contact=b"")
        )
        table = profile_table(body, CLOCK, HOME)
        assert ([binding.aor for binding in table.bindings], table.broken) == (["1000@h", "1001"], 2)

    def test_a_field_that_comes_twice_is_nobodys(self) -> None:
        forged = record().replace(b"    </reg", b"        <user>1002@sip3.example.com</user>\n    </reg")
        table = profile_table(document(forged, record()), CLOCK, HOME)
        assert ([binding.aor for binding in table.bindings], table.broken) == (["1001"], 1)

    @pytest.mark.parametrize(
        ("raw", "shown"),
        [
            ("Tél 話機".encode(), "Tél 話機"),
            (b"T\xe9l", "Tél"),
            (b"a\x01\x1b[31mb\x85", "a[31mb"),
            (b"&lt;img src=x onerror=alert(1)&gt; &amp;lt;", "<img src=x onerror=alert(1)> &lt;"),
            (b"</agent>", "</agent>"),
            (b"expsecs(99999)", "expsecs(99999)"),
            (b"unknown", None),
            (b"", None),
        ],
    )
    def test_a_user_agent(self, raw: bytes, shown: str | None) -> None:
        [binding] = profile_table(document(record(agent=raw)), CLOCK, HOME).bindings
        assert binding.contact.user_agent == shown

    def test_a_user_agent_cut_within_a_character(self) -> None:
        whole = ("話" * 700).encode()
        assert text(whole[:2045]) == "話" * 681
        assert text(b"T\xe9") == "Té"

    @pytest.mark.parametrize(
        ("contact", "uri"),
        [
            (b"&quot;Front &lt;Desk&gt;&quot; &lt;sip:1@h;ob&gt;", "sip:1@h;ob"),
            (b"&quot;&lt;sip:2@x&gt;&quot; &lt;sips:1@h&gt;", "sips:1@h"),
            (b"&quot;&quot; &lt;sip:1@" + b"h" * 1000, "sip:1@" + "h" * 193 + "…"),
            (b"&quot;&quot; &lt;sip:(null)@h&gt;", "sip:(null)@h"),
            (b"&quot;&quot; &lt;sip:1@h;fs_path=sip%3A1%40h%3A9%3Bob&gt;", "sip:1@h"),
            (b"tel:110", "tel:110"),
        ],
    )
    def test_a_contact(self, contact: bytes, uri: str) -> None:
        [binding] = profile_table(document(record(contact=contact)), CLOCK, HOME).bindings
        assert binding.contact.uri == uri

    @pytest.mark.parametrize(
        ("status", "transport"),
        [("UDP", "udp"), ("UDP-NAT", "udp"), ("TLS-NAT-2.0", "tls"), ("WSS", "wss"), ("AUTO-NAT", None), ("", None)],
    )
    def test_a_transport(self, status: str, transport: str | None) -> None:
        body = document(record(status=f"Registered({status})(x) exp(2026-11-23 12:23:17) expsecs(9)".encode()))
        [binding] = profile_table(body, CLOCK, HOME).bindings
        assert binding.contact.transport == transport

    def test_an_ipv6_source(self) -> None:
        [binding] = profile_table(document(record(network_ip=b"2001:db8::1")), CLOCK, HOME).bindings
        assert binding.contact.source == "[2001:db8::1]:5060"

    def test_a_tab_in_a_value_spoils_its_own_row(self) -> None:
        forged = row(token=b"x\tsofia/internal/sip:9@evil\t9999999999\t192.0.2.9\t5060\tudp\tfs\t")
        table = delimited_table(tab_list(row(), forged, row(reg_user=b"1003")), CLOCK, HOME)
        assert ([binding.aor for binding in table.bindings], table.broken) == (["1001", "1003"], 1)

    def test_a_row_of_another_kind_of_endpoint(self) -> None:
        [binding] = delimited_table(tab_list(row(url=b"verto.rtc/1001@h")), CLOCK, HOME).bindings
        assert (binding.profile, binding.contact.uri) == (None, "verto.rtc/1001@h")


ONE_LINE = st.binary(max_size=60).map(lambda raw: raw.translate(None, b"\r\n"))
TAGS = st.sampled_from([b"</user>", b"<user>9@h</user>", b"</registration>", b"<registration>", b"&", b"]]>", b"'"])
HOSTILE = st.lists(ONE_LINE | TAGS, max_size=4).map(b"".join)


class TestAnyPhone:
    @settings(deadline=None)
    @given(call_ids=st.lists(HOSTILE, max_size=6), agents=st.lists(HOSTILE, min_size=6, max_size=6))
    def test_no_phone_hides_or_forges_a_line(self, call_ids: list[bytes], agents: list[bytes]) -> None:
        records = [
            record(user=b"%d@h" % number, call_id=call_id, agent=agents[number].replace(b"<", b"&lt;"))
            for number, call_id in enumerate(call_ids)
        ]
        table = profile_table(document(*records), CLOCK, HOME)
        assert [binding.aor for binding in table.bindings] == [f"{number}@h" for number in range(len(call_ids))]

    @settings(deadline=None)
    @given(st.lists(HOSTILE, max_size=6))
    def test_no_phone_hides_or_forges_a_row(self, tokens: list[bytes]) -> None:
        rows = [row(reg_user=b"%d" % number, token=token) for number, token in enumerate(tokens)]
        others = [row(reg_user=b"9%d" % number) for number in range(len(tokens))]
        table = delimited_table(tab_list(*rows, *others), CLOCK, HOME)
        honest = [str(number) for number, token in enumerate(tokens) if b"\t" not in token]
        assert [binding.aor for binding in table.bindings] == honest + [f"9{number}" for number in range(len(tokens))]
        assert table.rows == 2 * len(tokens)

    @settings(deadline=None)
    @given(st.binary(max_size=300))
    def test_any_bytes_are_read_or_refused(self, body: bytes) -> None:
        for parse in (profile_table, delimited_table, json_table, xml_table):
            with pytest.raises(SipError):
                parse(b"\x00" + body, CLOCK, HOME)

    @settings(deadline=None)
    @given(st.binary(max_size=3000))
    def test_any_bytes_are_text(self, raw: bytes) -> None:
        assert isinstance(text(raw), str)
