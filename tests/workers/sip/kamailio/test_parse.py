from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.registration import Contact
from tests.workers.sip.kamailio.recordings import HOME, NOW, dumped, every_lookup, recording, result_of
from workers.sip.base import Problem, SipError
from workers.sip.kamailio import parse

WHOLE = NOW.replace(microsecond=0)


def looked_up(name: str, aor: str) -> tuple[Contact, ...]:
    return parse.looked_up(result_of(name), aor, HOME, NOW).contacts


def only(name: str, aor: str) -> Contact:
    (contact,) = looked_up(name, aor)
    return contact


def problem_of(result: object) -> Problem:
    with pytest.raises(SipError) as raised:
        dumped(result)
    return raised.value.problem


class TestDump:
    def test_five_lines(self) -> None:
        lines, broken = dumped(result_of("rpc/05-ul.dump-5"))
        assert sorted(lines) == ["1001", "1002", "1003", "1004", "1005"]
        assert broken == 0
        assert lines["1004"].contacts == (
            Contact(
                uri="sip:1004@10.1.2.4:5060",
                source=None,
                transport="udp",
                user_agent="Yealink SIP-T46S 66.86.0.3",
                refreshed_at=datetime.fromtimestamp(1795414721, UTC),
                expires_at=WHOLE + timedelta(seconds=3597),
            ),
        )

    def test_none(self) -> None:
        assert dumped(result_of("rpc/01-ul.dump-empty")) == ({}, 0)

    def test_a_thousand(self) -> None:
        lines, broken = dumped(result_of("scale/01-ul.dump-1000"))
        assert len(lines) == 1000
        assert broken == 0
        assert all(len(line.contacts) == 1 for line in lines.values())

    def test_a_brief_one_holds_no_lines_that_can_be_read(self) -> None:
        assert dumped(result_of("rpc/06-ul.dump-brief")) == ({}, 5)

    def test_another_table(self) -> None:
        with pytest.raises(SipError) as raised:
            dumped(result_of("rpc/05-ul.dump-5"), "aliases")
        assert raised.value.problem is Problem.TABLE_MISSING

    @pytest.mark.parametrize("records", [4, 6, None, "5"])
    def test_another_number_of_lines_than_announced(self, records: object) -> None:
        result = result_of("rpc/05-ul.dump-5")
        result["Domains"][0]["Domain"]["Stats"]["Records"] = records
        assert problem_of(result) is Problem.TRUNCATED

    @pytest.mark.parametrize("result", [{}, [], None, "Domains", {"Domains": {}}])
    def test_no_dump(self, result: object) -> None:
        assert problem_of(result) is Problem.GARBAGE

    def test_a_table_without_lines(self) -> None:
        assert problem_of({"Domains": [{"Domain": {"Domain": "location", "Stats": {}}}]}) is Problem.GARBAGE

    def test_two_records_of_one_line_are_one_registration(self) -> None:
        result = result_of("rpc/05-ul.dump-5")
        records = result["Domains"][0]["Domain"]["AoRs"]
        records[0]["Info"]["AoR"] = f"1005@{HOME}"
        lines, _ = dumped(result)
        assert [contact.uri for contact in lines["1005"].contacts] == [
            "sip:1004@10.1.2.4:5060",
            "sip:1005@10.1.2.5:5060",
        ]


def with_contact(**changes: object) -> Any:
    """The recorded dump of five; the contact of 1004 changed."""
    result = result_of("rpc/05-ul.dump-5")
    contact = result["Domains"][0]["Domain"]["AoRs"][0]["Info"]["Contacts"][0]["Contact"]
    for name, value in changes.items():
        contact[name.replace("_", "-")] = value
    return result


def changed(**changes: object) -> Contact:
    lines, broken = dumped(with_contact(**changes))
    assert broken == 0
    (contact,) = lines["1004"].contacts
    return contact


class TestContact:
    @pytest.mark.parametrize("left", ["expired", "deleted", 0, -5])
    def test_an_ended_one_is_no_registration(self, left: object) -> None:
        lines, broken = dumped(with_contact(Expires=left))
        assert sorted(lines) == ["1001", "1002", "1003", "1005"]
        assert broken == 0

    @pytest.mark.parametrize("left", ["soon", None, True, 1.5, [], {}, 10**30, -(10**30)])
    def test_an_end_that_cannot_be_read_is_counted(self, left: object) -> None:
        lines, broken = dumped(with_contact(Expires=left))
        assert sorted(lines) == ["1001", "1002", "1003", "1005"]
        assert broken == 1

    @pytest.mark.parametrize("address", [None, 5, "", "[not set]", "\u202e\x00"])
    def test_an_address_that_cannot_be_read_is_counted(self, address: object) -> None:
        lines, broken = dumped(with_contact(Address=address))
        assert sorted(lines) == ["1001", "1002", "1003", "1005"]
        assert broken == 1

    def test_a_permanent_one(self) -> None:
        contact = only("rpc/33-ul.lookup-permanent", "1009")
        assert contact.expires_at is None
        assert contact.refreshed_at is None
        assert contact.transport is None

    @pytest.mark.parametrize("value", [None, "yesterday", -1, 10**30, True])
    def test_a_refresh_that_cannot_be_read_is_not_known(self, value: object) -> None:
        assert changed(Last_Modified=value).refreshed_at is None

    @pytest.mark.parametrize(
        ("received", "source"),
        [
            ("sip:127.0.0.1:52842", "127.0.0.1:52842"),
            ("sip:[2001:db8::1]:5060;transport=tcp", "[2001:db8::1]:5060"),
            ("sips:phone@10.0.0.1:5061?x=1", "10.0.0.1:5061"),
            ("[not set]", None),
            ("http://10.0.0.1", None),
            (7, None),
        ],
    )
    def test_where_it_came_from(self, received: object, source: str | None) -> None:
        assert changed(Received=received).source == source

    @pytest.mark.parametrize(
        ("address", "socket", "transport"),
        [
            ("sip:a@h;transport=TLS?X=1", "udp:10.0.0.1:5060", "tls"),
            ("sip:a;transport=ws@h:5060", "tcp:10.0.0.1:5060", "tcp"),
            ("sip:a@h;transport=sctp", "WSS:10.0.0.1:443", "wss"),
            ("sip:a@h", "[not set]", None),
            ("sip:a@h", None, None),
        ],
    )
    def test_the_transport(self, address: str, socket: object, transport: str | None) -> None:
        assert changed(Address=address, Socket=socket).transport == transport

    @pytest.mark.parametrize("agent", ["n/a", "[not set]", "", " \u200b", None, 5])
    def test_no_user_agent(self, agent: object) -> None:
        assert changed(User_Agent=agent).user_agent is None

    def test_what_strangers_write_is_cleaned_and_cut(self) -> None:
        contact = changed(Address="sip:a@h" + "x" * 999, User_Agent="<b>\u202egpj\x00" + "x" * 65_536)
        assert contact.user_agent is not None
        assert contact.user_agent.startswith("<b>gpjx")
        assert len(contact.user_agent) == len(contact.uri) == 200


class TestRecordedContacts:
    def test_two(self) -> None:
        name = "contacts/01-two-contacts"
        assert len(looked_up(name, result_of(name)["AoR"])) == 2

    @pytest.mark.parametrize("name", every_lookup())
    def test_each_is_read_whole_or_is_nobody(self, name: str) -> None:
        made = recording(name)
        answer = parse.answer(made.body, made.request_id)
        if isinstance(answer, parse.Fault):
            assert answer.nobody
            return
        assert isinstance(answer, dict)
        contacts = looked_up(name, answer["AoR"].lower())
        assert len(contacts) == len(answer["Contacts"])
        assert all(contact.uri.startswith("sip:") for contact in contacts)

    def test_quotes_in_the_agent(self) -> None:
        assert (
            only("contacts/10-ua-quotes", "ua-quotes").user_agent
            == result_of("contacts/10-ua-quotes")["Contacts"][0]["Contact"]["User-Agent"]
        )

    def test_a_long_agent_is_none(self) -> None:
        assert only("contacts/13-ua-long", "ua-long").user_agent is None

    def test_over_tcp(self) -> None:
        assert only("contacts/20-tcp", "tcp1").transport == "tcp"

    def test_ipv6(self) -> None:
        assert only("contacts/21-ipv6", "v6").uri == "sip:v6@[2001:db8::1234]:5062;transport=udp"

    def test_behind_nat(self) -> None:
        assert only("contacts/22-received", "nat").source == "127.0.0.1:52842"

    def test_parameters_after_an_escaped_at(self) -> None:
        assert only("contacts/27-contact-params", "par").transport == "udp"


class TestLookup:
    def test_another_line_is_not_believed(self) -> None:
        with pytest.raises(SipError) as raised:
            looked_up("rpc/07-ul.lookup-found", "9999")
        assert raised.value.problem is Problem.GARBAGE

    def test_a_line_of_broken_contacts_is_no_answer(self) -> None:
        result = result_of("rpc/07-ul.lookup-found")
        result["Contacts"] = [{"Contact": 5}]
        with pytest.raises(SipError) as raised:
            parse.looked_up(result, result["AoR"], HOME, NOW)
        assert raised.value.problem is Problem.GARBAGE

    @pytest.mark.parametrize("result", [{}, None, [], {"AoR": "", "Contacts": []}, {"AoR": 5, "Contacts": []}])
    def test_what_is_no_line(self, result: object) -> None:
        with pytest.raises(SipError):
            parse.looked_up(result, "1001", HOME, NOW)

    def test_a_line_whose_contacts_have_ended(self) -> None:
        result = result_of("rpc/07-ul.lookup-found")
        result["Contacts"][0]["Contact"]["Expires"] = "expired"
        assert parse.looked_up(result, result["AoR"], HOME, NOW).contacts == ()
