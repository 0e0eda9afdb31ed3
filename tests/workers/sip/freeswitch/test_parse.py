"""FreeSWITCH's lists, read from the recordings; and what is no list."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.replay_esl import HOME, LIST, RECORDED_AT, exchanges, packed, recordings, tabbed
from tests.workers.sip.freeswitch.written import CLOCK, Parser, answer, document, problem, record, row, tab_list
from workers.sip.base import Problem, SipError
from workers.sip.freeswitch.answers import (
    believed,
    core_count,
    profile_count,
    running_profiles,
    version,
    whole_number,
)
from workers.sip.freeswitch.parse import delimited_table, json_table, profile_table, xml_table
from workers.sip.freeswitch.rows import Clock, Table, registrations


class TestRecordings:
    def test_the_profile_tells_all_that_is_shown(self) -> None:
        table = profile_table(answer(LIST), CLOCK, HOME)

        assert table.broken == 0
        found = {binding.aor: binding.contact for binding in table.bindings}
        assert list(found) == ["1001", "1002", "1003", "1004", "1005"]
        assert found["1001"].uri == "sip:1001@127.0.0.11:33772"
        assert found["1001"].source == "127.0.0.11:33772"
        assert found["1001"].user_agent == "Yealink SIP-T46S 66.86.0.15"
        assert found["1004"].transport == "tcp"
        assert found["1005"].user_agent is None

    def test_what_the_server_adds_for_nat_is_not_the_phones_contact(self) -> None:
        for body, parse in ((answer(LIST), profile_table), (tabbed(answer("show registrations")), delimited_table)):
            uris = {binding.aor: binding.contact.uri for binding in parse(body, CLOCK, HOME).bindings}
            assert uris["1002"] == "sip:1002@10.20.30.40:5060;transport=udp"
            assert uris["1003"] == "sip:1003@192.168.1.33:5062;line=8f2c;ob"

    def test_all_formats_tell_the_same_and_take_off_the_margin(self) -> None:
        told = {
            (binding.aor, binding.contact.uri, binding.contact.source, binding.contact.expires_at)
            for binding in profile_table(answer(LIST), CLOCK, HOME).bindings
        }
        formats: list[tuple[bytes, Parser]] = [
            (tabbed(answer("show registrations")), delimited_table),
            (answer("show registrations as json"), json_table),
            (answer("show registrations as xml"), xml_table),
        ]
        for body, parse in formats:
            rows = parse(body, CLOCK, HOME).bindings
            assert {(row.aor, row.contact.uri, row.contact.source, row.contact.expires_at) for row in rows} == told
        # Asked for with Expires: 3600 in the second 1795413137.
        assert datetime.fromtimestamp(1795413137 + 3600, UTC) in {expires for *_, expires in told}

    @pytest.mark.parametrize("name", recordings())
    def test_every_recorded_list_is_read_whole(self, name: str) -> None:
        for command, body in exchanges(name):
            if re.match(r"sofia xmlstatus profile \w+ (reg|user)", command) and not body.startswith(b"Invalid"):
                table = profile_table(body, CLOCK, HOME)
                assert (len(table.bindings), table.broken) == (body.count(b"<registration>"), 0)
            elif command == "show registrations as json":
                table = json_table(body, CLOCK, HOME)
                assert (len(table.bindings), table.broken) == (json.loads(body)["row_count"], 0)
            elif command == "show registrations as xml":
                assert xml_table(body, CLOCK, HOME).rows == body.count(b"<row ")
            elif command == "show registrations":
                total = re.search(rb"(\d+) total", body)
                assert total is not None
                assert len(delimited_table(tabbed(body), CLOCK, HOME).bindings) == int(total[1])

    def test_a_thousand_lines(self) -> None:
        profile = profile_table(packed("1000-sofia_xmlstatus_profile_internal_reg"), CLOCK, HOME)
        core = delimited_table(tabbed(packed("1000-show_registrations")), CLOCK, HOME)
        assert profile.broken == core.broken == 0
        assert {binding.stored for binding in profile.bindings} == {binding.stored for binding in core.bindings}
        assert len(profile.bindings) == 1000

    def test_nothing_registered_is_an_answer(self) -> None:
        name = "01-auth-and-empty"
        assert profile_table(answer(LIST, name), CLOCK, HOME) == Table([])
        assert delimited_table(answer("show registrations", name), CLOCK, HOME) == Table([])
        assert json_table(answer("show registrations as json", name), CLOCK, HOME) == Table([])
        assert xml_table(answer("show registrations as xml", name), CLOCK, HOME) == Table([])

    def test_the_same_extension_of_two_tenants_is_two_lines(self) -> None:
        name = "03-two-tenants-same-extension"
        lists = [profile_table(body, CLOCK, HOME) for command, body in exchanges(name) if command == LIST]
        assert {binding.aor for binding in lists[0].bindings} >= {"1001", "1001@pbx2.example.net"}
        assert len(lists[0].bindings) == 6

    def test_several_phones_are_one_line(self) -> None:
        name = "12-two-phones-one-user-profile-contact-core-default"
        most = max((body for command, body in exchanges(name) if command == LIST), key=len)
        lines = list(registrations(profile_table(most, CLOCK, HOME).bindings, RECORDED_AT))
        assert [(line.aor, len(line.contacts)) for line in lines] == [("1007", 4)]

    def test_what_outlived_its_phone_is_no_registration(self) -> None:
        """Expires: 5 and silence: the server goes on listing it for 88 s."""
        listed = [body for command, body in exchanges("10-expiry") if "xmlstatus" in command and b"<call-id>" in body]
        tables = [profile_table(body, CLOCK, HOME) for body in listed]
        assert [len(table.bindings) for table in tables] == [1] * len(tables)
        assert [len(list(registrations(table.bindings, RECORDED_AT))) for table in tables] == [1, 0]


class TestRefusals:
    @pytest.mark.parametrize(
        ("command", "expected"),
        [
            ("nosuchapi", Problem.COMMAND_MISSING),
            ("nosuchapi with args", Problem.COMMAND_MISSING),
            ("sofia", Problem.FAULT),
            ("sofia nosuch", Problem.FAULT),
            ("sofia status nosuch x", Problem.FAULT),
            ("sofia xmlstatus profile nosuch reg", Problem.CONFIGURATION),
            ("sofia profile nosuch flush_inbound_reg", Problem.CONFIGURATION),
            ("sofia status profile INTERNAL reg", Problem.CONFIGURATION),
            ("show nosuch", Problem.FAULT),
            ("show registrations as nosuch", Problem.FAULT),
        ],
    )
    def test_each_of_the_servers_ways_to_refuse_is_known(self, command: str, expected: Problem) -> None:
        body = answer(command, "08-esl-command-errors")
        for parse in (profile_table, delimited_table, json_table, xml_table):
            assert problem(parse, body) is expected

    def test_a_command_that_wrote_nothing(self) -> None:
        with pytest.raises(SipError) as raised:
            believed(b"-ERR no reply\n")
        assert raised.value.problem is Problem.FAULT

    def test_what_the_event_sockets_user_may_not_ask(self) -> None:
        with pytest.raises(SipError) as raised:
            believed(b"-ERR permission denied")
        assert (raised.value.problem, raised.value.permanent) == (Problem.PERMISSION, True)

    @pytest.mark.parametrize("body", [b"", b"sip3", b"<html>no</html>", b"\xff\xfe", b'{"row_count":'])
    def test_something_else_is_no_list(self, body: bytes) -> None:
        for parse in (profile_table, json_table, xml_table):
            assert problem(parse, body) is Problem.GARBAGE
        assert problem(delimited_table, body) is Problem.TRUNCATED

    @pytest.mark.parametrize(
        "body", [b'{"row_count": 1e400}', b'{"row_count": 1}', b'{"row_count": 1, "rows": [7]}', b"[" * 100_000, b"[]"]
    )
    def test_odd_json(self, body: bytes) -> None:
        assert problem(json_table, body) in (Problem.GARBAGE, Problem.TRUNCATED)


class TestCounting:
    def test_a_list_without_its_end_is_cut(self) -> None:
        for body, parse in (
            (answer(LIST), profile_table),
            (answer("show registrations as xml"), xml_table),
            (tabbed(answer("show registrations")), delimited_table),
        ):
            for end in range(200, len(body) - len("</registrations>\n</profile>\n"), 97):
                assert problem(parse, body[:end]) is Problem.TRUNCATED

    def test_less_rows_than_announced(self) -> None:
        assert problem(delimited_table, tab_list(row(), total=2)) is Problem.TRUNCATED
        assert problem(json_table, b'{"row_count":2,"rows":[{}]}') is Problem.TRUNCATED
        assert problem(xml_table, b'<result row_count="2">\n</result>\n') is Problem.TRUNCATED

    def test_more_rows_than_announced(self) -> None:
        assert problem(delimited_table, tab_list(row(), row(), total=1)) is Problem.GARBAGE

    def test_a_list_that_can_mostly_not_be_read(self) -> None:
        spoilt = record(status=b"later")
        assert problem(profile_table, document(spoilt, spoilt, record())) is Problem.GARBAGE
        widened = tab_list(row(), row(), row()).replace(b"metadata", b"metadata\tmore")
        assert problem(delimited_table, widened) is Problem.GARBAGE

    def test_another_header(self) -> None:
        assert problem(delimited_table, answer("show registrations")) is Problem.GARBAGE

    def test_numbers(self) -> None:
        assert core_count(answer("show registrations count")) == 5
        assert profile_count(answer("sofia xmlstatus profile internal")) == 5
        for count in (core_count, profile_count):
            with pytest.raises(SipError):
                count(b"five")

    def test_short_answers(self) -> None:
        assert version(answer("version", "01-auth-and-empty")) == "1.11.1-release"
        assert version(b"-ERR no reply\n") is None
        assert running_profiles(answer("sofia xmlstatus", "01-auth-and-empty")) == ["single", "internal"]
        assert whole_number(b"4\n") == 4
        assert [whole_number(odd) for odd in (b"", b"-1", b"4.5", b"9" * 11, b"-ERR no reply")] == [None] * 5


class TestTime:
    def test_a_clock_that_is_right_but_for_rounding_leaves_epochs_alone(self) -> None:
        for late in (0.0, 0.4, 0.999):
            clock = Clock(
                RECORDED_AT + timedelta(seconds=late), int((RECORDED_AT + timedelta(seconds=late)).timestamp())
            )
            assert clock.at(1795416797) == datetime.fromtimestamp(1795416737, UTC)

    @settings(deadline=None)
    @given(ahead=st.integers(-86_400, 86_400), left=st.integers(-100, 86_400), margin=st.integers(0, 600))
    def test_a_server_whose_clock_is_wrong_misleads_nobody(self, ahead: int, left: int, margin: int) -> None:
        server = int(RECORDED_AT.timestamp()) + ahead
        clock = Clock(RECORDED_AT, server, margin)
        truth = RECORDED_AT + timedelta(seconds=left - margin)
        assert abs(clock.after(left) - truth) <= timedelta(seconds=3)
        assert clock.after(left) == clock.at(server + left)
        assert abs(Clock(RECORDED_AT, None, margin).after(left) - truth) < timedelta(seconds=1)

    def test_a_binding_at_its_very_end_has_ended(self) -> None:
        ending = document(record(status=b"Registered(UDP)(unknown) exp(x) expsecs(60)"))
        clock = Clock(RECORDED_AT, None)
        assert list(registrations(profile_table(ending, clock, HOME).bindings, RECORDED_AT)) == []

    def test_the_same_phone_twice_counts_with_its_later_end(self) -> None:
        older = record(call_id=b"before-restart", status=b"Registered(UDP)(unknown) exp(x) expsecs(99)")
        [line] = registrations(profile_table(document(record(), older), CLOCK, HOME).bindings, RECORDED_AT)
        assert [contact.expires_at for contact in line.contacts] == [CLOCK.after(3659)]
