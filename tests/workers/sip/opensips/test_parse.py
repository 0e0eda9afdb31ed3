"""The parser on every recording, on made-up records, and on mutated bytes."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.registration import Contact, Registration
from tests.support.replay_mi import PAYLOADS, body
from workers.sip.base import Problem, SipError
from workers.sip.opensips import parse
from workers.sip.opensips.contact import wire_aor
from workers.sip.opensips.parse import MiError

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOME = "flood.test"


def shown(name: str, aor: str, home: str = "elsewhere.test") -> tuple[Registration, int]:
    return parse.registration(parse.result(parse.envelope(body(name))), aor, home, NOW)


def contact(name: str, user: str) -> Contact:
    registration, broken = shown(f"contacts/{name}", f"{user}@odd.test")
    assert (registration.aor, broken, len(registration.contacts)) == (f"{user}@odd.test", 0, 1)
    return registration.contacts[0]


def refusal(name: str) -> MiError:
    with pytest.raises(MiError) as caught:
        parse.result(parse.envelope(body(name)))
    return caught.value


def dumped(name: str) -> parse.Dump:
    return parse.dump(body(name), "location", HOME, NOW)


def test_two_contacts_are_one_line() -> None:
    registration, broken = shown("contacts/01-two-contacts", "two@odd.test", home="odd.test")
    assert (registration.aor, broken) == ("two", 0)
    assert registration.contacts == (
        Contact("sip:two@10.1.1.2:5070;transport=tcp", None, "tcp", "Phone B", None, NOW + timedelta(seconds=600)),
        Contact("sip:two@10.1.1.1:5060", None, "udp", "Phone A", None, NOW + timedelta(hours=1)),
    )


@pytest.mark.parametrize(
    ("name", "user", "agent"),
    [
        ("10-ua-quotes", "ua-quotes", "Foo \"bar\" \\back\\ slash/1.0 <x> & 'y'"),
        ("11-ua-unicode", "ua-unicode", "Téléphone ☎ Кириллица 電話 😀"),
        ("12-ua-colon", "ua-colon", "Vendor: Model: 1.2:3, AOR:: x"),
        ("13-ua-long", "ua-long", None),
        ("16-ua-none", "ua-none", None),
        ("17-ua-empty", "ua-empty", None),
    ],
)
def test_user_agents(name: str, user: str, agent: str | None) -> None:
    assert contact(name, user).user_agent == agent


@pytest.mark.parametrize(
    ("name", "user", "transport", "source"),
    [
        ("20-tcp", "tcp1", "tcp", None),
        ("22-received", "nat", "udp", "127.0.0.1:35189"),
        ("23-path", "path", "udp", None),
        ("27-contact-params", "par", "udp", None),
        ("34-sips", "sips", "udp", None),
        ("35-received-and-nat-flag", "nat2", "udp", "127.0.0.1:54647"),
    ],
)
def test_where_it_is_and_how_it_came(name: str, user: str, transport: str, source: str | None) -> None:
    found = contact(name, user)
    assert (found.transport, found.source, found.refreshed_at) == (transport, source, None)


def test_case_and_escapes_of_an_aor() -> None:
    assert shown("contacts/28-aor-case-exact", "mixed.case+1@odd.test")[0].aor == "mixed.case+1@odd.test"
    assert shown("contacts/31-aor-escaped-decoded", "per%63ent@odd.test")[0].aor == "percent@odd.test"


def test_ten_contacts() -> None:
    assert len(shown("contacts/36-max-contacts-10", "many@odd.test")[0].contacts) == 10


def test_a_permanent_contact_never_ends() -> None:
    (permanent,) = shown("mi/52-ul_show_contact-permanent", "1009@flood.test")[0].contacts
    assert permanent.expires_at is None
    assert permanent.transport is None


def test_without_use_domain_the_user_answers_for_every_domain() -> None:
    for name, aor in (
        ("01-ul_show_contact-user-only", "05012000001"),
        ("02-ul_show_contact-user-at-domain", "05012000001@flood.test"),
        ("03-ul_show_contact-other-domain", "05012000001@other.test"),
    ):
        assert len(shown(f"use_domain-0/{name}", aor, home=HOME)[0].contacts) == 1


def test_an_answer_about_another_line_is_not_believed() -> None:
    with pytest.raises(SipError) as caught:
        shown("contacts/20-tcp", "tcp2@odd.test")
    assert caught.value.problem is Problem.GARBAGE


@pytest.mark.parametrize("moment", range(0, 20, 4))
def test_an_expiring_contact_ends_before_the_timer_removes_it(moment: int) -> None:
    """One of two contacts has 3 s: it is listed as expired until the server's timer runs."""
    lines = (PAYLOADS / "expiry-timeline.txt").read_text().splitlines()
    told = next(line for line in lines if line.startswith(f"+{moment:5.1f}s ul_show_contact exp1"))
    found = parse.result(parse.envelope(told.partition(": ")[2].encode()))
    contacts = parse.registration(found, "exp1@exp.test", HOME, NOW)[0].contacts
    assert [found.uri for found in contacts][-1] == "sip:exp1@10.2.0.2"
    assert len(contacts) == (2 if moment < 4 else 1)


@pytest.mark.parametrize(
    ("name", "problem", "no_such_aor"),
    [
        ("mi/04-ul_show_contact-notfound-empty", Problem.FAULT, True),
        ("mi/12-ul_show_contact-aor-notfound", Problem.FAULT, True),
        ("v4.0.1/11-notfound", Problem.FAULT, True),
        ("mi/13-ul_show_contact-table-notfound", Problem.TABLE_MISSING, False),
        ("mi/14-ul_show_contact-no-domain", Problem.CONFIGURATION, False),
        ("mi/15-ul_show_contact-missing-param", Problem.FAULT, False),
        ("mi/16-ul_show_contact-wrong-name", Problem.FAULT, False),
        ("mi/08-ul_dump-brief-string", Problem.FAULT, False),
        ("mi/19-unknown-method", Problem.COMMAND_MISSING, False),
        ("v4.0.1/05-dump-local-name", Problem.COMMAND_MISSING, False),
        ("mi/22-parse-error", Problem.FAULT, False),
        ("mi/25-batch-array", Problem.FAULT, False),
        ("mi/46-ul_rm_contact-notfound", Problem.FAULT, False),
        ("events/mi/23-cache_fetch-none", Problem.FAULT, False),
    ],
)
def test_refusals_come_under_http_200(name: str, problem: Problem, no_such_aor: bool) -> None:
    error = refusal(name)
    assert (error.problem, error.no_such_aor) == (problem, no_such_aor)
    assert error.permanent is (problem is not Problem.FAULT)


def test_dumps() -> None:
    assert dumped("mi/02-ul_dump-empty") == parse.Dump({}, 0, 0, ())
    assert set(dumped("mi/05-ul_dump-5").lines) == {"1001", "1002", "1003", "1004", "1005"}
    assert dumped("mi/05-ul_dump-5").listed == 5
    assert set(dumped("v4.0.1/03-ul_dump-old-name").lines) == {"1001", "1002"}
    large = dumped("scale/03-ul_dump-1000")
    assert (len(large.lines), large.listed, large.broken) == (1000, 1000, 0)


def test_a_brief_dump_tells_nothing_of_contacts() -> None:
    assert dumped("mi/06-ul_dump-brief-1") == parse.Dump({}, 5, 5, ("1001", "1002", "1003", "1004", "1005"))


def test_a_dump_without_the_table() -> None:
    with pytest.raises(SipError) as caught:
        parse.dump(body("mi/05-ul_dump-5"), "aliases", HOME, NOW)
    assert caught.value.problem is Problem.TABLE_MISSING


@pytest.mark.parametrize("cut", [1, 2, 10, 150_000, 310_000])
def test_a_cut_dump_is_an_error(cut: int) -> None:
    with pytest.raises(SipError) as caught:
        parse.dump(body("scale/03-ul_dump-1000")[:-cut], "location", HOME, NOW)
    assert caught.value.problem in {Problem.TRUNCATED, Problem.GARBAGE}


def test_latin_1_costs_nothing() -> None:
    found = parse.dump(body("mi/05-ul_dump-5").replace(b"Yealink", b"T\xe9l\xe9phone"), "location", HOME, NOW)
    assert (len(found.lines), found.broken) == (5, 0)
    assert all("phone" in (contacts[0].user_agent or "") for contacts in found.lines.values())


def test_counters() -> None:
    found = parse.result(parse.envelope(body("contacts/46-get_statistics")))
    assert parse.counters(found, "location") == parse.Counters(23, 24, 33)
    assert parse.counters(found, "aliases") == parse.Counters(None, None, 33)
    assert parse.counters({}, "location") == parse.Counters(None, None, 0)
    assert parse.counters(None, "location") == parse.Counters(None, None, 0)


def test_the_clock() -> None:
    clock = parse.clock(parse.result(parse.envelope(body("mi/55-uptime"))))
    assert clock == parse.Clock(24.0, datetime(2026, 11, 23, 5, 50, 48, tzinfo=UTC))
    assert parse.clock({"Now": 3, "Up time": []}) == parse.Clock(None, None)


@pytest.mark.parametrize(
    ("hours", "seconds"), [(0.0, 0.0), (9.0, 7.0), (-5.0, -6.0), (5.75, 0.0), (0.0, 449.0), (-3.5, -449.0)]
)
def test_a_skew_is_what_no_time_zone_explains(hours: float, seconds: float) -> None:
    server = NOW + timedelta(hours=hours, seconds=seconds)
    assert parse.clock_skew(server, NOW) == pytest.approx(seconds)


def test_version_commands_and_events() -> None:
    def answer(name: str) -> object:
        return parse.result(parse.envelope(body(name)))

    assert parse.version(answer("v4.0.1/02-version")) == "OpenSIPS (4.0.1 (x86_64/linux))"
    wanted = {"ul_show_contact", "ul_dump", "get_statistics", "event_subscribe", "cache_fetch_chunk", "events_list"}
    assert wanted <= parse.names(answer("mi/01-which"))
    assert wanted <= parse.names(answer("v4.0.1/01-which"))
    assert "E_SIP_AUTH_FAILED" in parse.event_names(answer("mi/44-events_list"))
    for rubbish in (None, [], {}, {"Events": [None, {"name": 1}]}, "x", [1, None]):
        assert parse.names(rubbish) == frozenset()
        assert parse.event_names(rubbish) == frozenset()
        assert parse.version(rubbish) is None


def test_every_recording_is_an_answer_or_a_plain_error() -> None:
    names = sorted(path.relative_to(PAYLOADS) for path in PAYLOADS.rglob("*.response.http"))
    assert len(names) > 100
    for name in names:
        text = (PAYLOADS / name).read_bytes().partition(b"\r\n\r\n")[2]
        outcome = None
        try:
            parse.result(parse.envelope(text))
        except SipError as error:
            outcome = error
        # What is no JSON-RPC at all are the answers to misuse of HTTP: none, and a page.
        assert (not text.startswith(b"{")) is (outcome is not None and outcome.problem is Problem.GARBAGE)


@pytest.mark.parametrize(
    ("text", "home", "wire"),
    [
        ("alice", "h.test", "alice@h.test"),
        ("sip:Alice@Other.test:5060;x=1?y", "h.test", "Alice@Other.test"),
        ("per%63ent@o.test", "h.test", "percent@o.test"),
    ],
)
def test_what_the_server_is_asked_for(text: str, home: str, wire: str) -> None:
    assert wire_aor(text, home) == wire
