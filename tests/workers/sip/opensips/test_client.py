"""The adapter against recorded answers over HTTP as it really comes: endless bodies, cuts, pauses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.registration import FailureReason, Registration
from tests.support.ports import free_port
from tests.support.replay_mi import Book, MiHttp, body, recorded, result, statistics, uptime
from tests.support.replay_stream import Manner
from tests.workers.sip.opensips.given import NOW, adapter
from workers.sip.base import Capability, Endpoint, Problem, SipError
from workers.sip.opensips.client import OpensipsAdapter
from workers.sip.registry import adapter_for


def test_a_registered_line(server: MiHttp) -> None:
    server.book.hold("mi/10-ul_show_contact-found")
    found = adapter(server.url).lookup("1001")
    assert found.asked_at == NOW
    assert found.registration.aor == "1001"
    (contact,) = found.registration.contacts
    assert (contact.uri, contact.expires_at) == ("sip:1001@10.1.2.1:5060", NOW + timedelta(hours=1))
    assert server.book.asked[0]["params"] == {"table_name": "location", "aor": "1001@flood.test"}


def test_a_line_of_another_domain_and_table(server: MiHttp) -> None:
    server.book.hold("contacts/01-two-contacts")
    found = adapter(server.url, table="other").lookup("two@odd.test")
    assert len(found.registration.contacts) == 2
    assert server.book.asked[0]["params"] == {"table_name": "other", "aor": "two@odd.test"}


def test_no_such_line_is_an_answer(server: MiHttp) -> None:
    assert adapter(server.url).lookup("1001").registration == Registration("1001")


def test_a_line_that_cannot_be_read_is_an_error(server: MiHttp) -> None:
    server.book.lines["1001@flood.test"] = result({"AOR": "1001@flood.test", "Contacts": [{"Contact": 1}]})
    with pytest.raises(SipError) as caught:
        adapter(server.url).lookup("1001")
    assert caught.value.problem is Problem.GARBAGE


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("mi/13-ul_show_contact-table-notfound", Problem.TABLE_MISSING),
        ("mi/14-ul_show_contact-no-domain", Problem.CONFIGURATION),
        ("mi/19-unknown-method", Problem.COMMAND_MISSING),
        ("mi/24-notification-no-id", Problem.FAULT),
        ("mi/29-get", Problem.CONFIGURATION),
        ("mi/30-wrong-path", Problem.CONFIGURATION),
        ("mi/33-empty-body", Problem.CONFIGURATION),
        ("mi/26-no-content-type", Problem.TRUNCATED),
        ("scale/01-ul_dump-buffer-too-small", Problem.GARBAGE),
    ],
)
def test_what_is_no_answer_about_a_line(server: MiHttp, name: str, problem: Problem) -> None:
    server.book.say("ul_show_contact", recorded(name))
    with pytest.raises(SipError) as caught:
        adapter(server.url, timeout=20).lookup("1001")
    assert caught.value.problem is problem


@pytest.mark.parametrize("aor", ["", " ", "sip:", "a b"])
def test_rubbish_is_not_asked_for(server: MiHttp, aor: str) -> None:
    with pytest.raises(SipError) as caught:
        adapter(server.url).lookup(aor)
    assert caught.value.problem is Problem.CONFIGURATION
    assert server.book.asked == []


def test_nobody_listens() -> None:
    with pytest.raises(SipError) as caught:
        adapter(f"http://127.0.0.1:{free_port()}/mi").lookup("1001")
    assert caught.value.problem is Problem.REFUSED


@pytest.mark.parametrize(
    ("manner", "problem"),
    [
        (Manner(cut=300), Problem.TRUNCATED),
        (Manner(cut=0), Problem.TRUNCATED),
        (Manner(stall=300), Problem.TIMEOUT),
        (Manner(stall=0), Problem.TIMEOUT),
    ],
)
def test_an_answer_that_breaks_off(book: Book, manner: Manner, problem: Problem) -> None:
    book.hold("mi/10-ul_show_contact-found")
    with MiHttp(book, manner) as server, pytest.raises(SipError) as caught:
        adapter(server.url, timeout=0.4).lookup("1001")
    assert caught.value.problem is problem


def test_an_answer_in_pieces(book: Book) -> None:
    book.hold("mi/10-ul_show_contact-found")
    with MiHttp(book, Manner(piece=50, pause=0.01)) as server:
        assert len(adapter(server.url).lookup("1001").registration.contacts) == 1


def test_auth_failures(server: MiHttp) -> None:
    answers = json.loads(body("auth-minimal/mi/01-cache_fetch_chunk-all"))["result"]["keys"]
    server.book.say("cache_fetch_chunk", result({"keys": answers[1:2]}), result({"keys": answers[:1]}))
    at = datetime.fromtimestamp(1795419063, UTC)
    found = adapter(server.url, home="auth.test").auth_failures(at)
    assert [(failure.aor, failure.reason) for failure in found] == [
        ("alice", FailureReason.WRONG_PASSWORD),
        ("mallory", FailureReason.UNKNOWN_USER),
    ]
    assert [call["params"]["glob"] for call in server.book.asked] == ["authfail_*", "authscan_*"]
    assert adapter(server.url, home="auth.test").auth_failures(at + timedelta(seconds=1)) == []


def test_no_cache_no_failures(server: MiHttp) -> None:
    server.book.say("cache_fetch_chunk", recorded("mi/19-unknown-method"))
    with pytest.raises(SipError) as caught:
        adapter(server.url).auth_failures(NOW)
    assert caught.value.problem is Problem.COMMAND_MISSING


def test_a_healthy_server(server: MiHttp) -> None:
    server.book.say("get_statistics", statistics(23))
    check = adapter(server.url, ["1001"]).check()
    assert check.ok
    assert (check.version, check.lines, check.clock_skew) == ("OpenSIPS (3.6.8 (x86_64/linux))", 23, 0.0)
    wanted = {Capability.SNAPSHOT, Capability.LOOKUP, Capability.AUTH_FAILURES, Capability.EVENTS}
    assert check.capabilities == wanted


def test_opensips_4_lists_other_names(server: MiHttp) -> None:
    server.book.say("which", recorded("v4.0.1/01-which"))
    server.book.say("version", recorded("v4.0.1/02-version"))
    check = adapter(server.url, ["1001"]).check()
    assert check.ok
    assert Capability.AUTH_FAILURES in check.capabilities


def test_what_check_finds(server: MiHttp, tmp_path: Path) -> None:
    server.book.say("which", result(["uptime", "version"]))
    server.book.say("get_statistics", recorded("mi/39-get_statistics-unknown"))
    server.book.say("uptime", uptime(24, "Mon Nov 23 14:50:55 2026"))
    server.book.say("events_list", result({"Events": [{"name": "E_CORE_LOG", "id": 1}]}))
    check = adapter(server.url, source="sql", subscriber_url=f"sqlite:///{tmp_path}/none.db").check()
    assert [problem for problem, _words in check.problems] == [
        Problem.COMMAND_MISSING,
        Problem.TABLE_MISSING,
        Problem.CLOCK_SKEW,
        Problem.CONFIGURATION,
        Problem.CONFIGURATION,
    ]
    assert [words.partition(":")[0] for _problem, words in check.problems[3:]] == ["location_url", "subscriber_url"]
    assert check.clock_skew == 7.0
    assert check.capabilities == {Capability.SNAPSHOT, Capability.SET_PASSWORD}


def test_check_of_a_server_too_large_for_the_dump(server: MiHttp) -> None:
    server.book.say("get_statistics", statistics(9000))
    check = adapter(server.url, source="dump").check()
    assert [problem for problem, _words in check.problems] == [Problem.TOO_LARGE]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"source": "htable"}, Problem.CONFIGURATION),
        ({}, Problem.CONFIGURATION),
        ({"source": "dump", "dump_limit": "many"}, Problem.CONFIGURATION),
    ],
)
def test_check_of_wrong_options(server: MiHttp, options: dict[str, str], problem: Problem) -> None:
    opensips = OpensipsAdapter(Endpoint(server.url, "flood.test", options=options), now=lambda: NOW)
    assert [found for found, _words in opensips.check().problems] == [problem]


def test_check_of_a_dead_server() -> None:
    check = adapter(f"http://127.0.0.1:{free_port()}/mi").check()
    assert [problem for problem, _words in check.problems] == [Problem.REFUSED]
    assert check.version is None


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/mi", "udp://127.0.0.1", "http://", "udp://:x", ""])
def test_a_url_that_makes_no_sense(url: str) -> None:
    with pytest.raises(SipError) as caught:
        adapter(url).lookup("1001")
    assert caught.value.problem is Problem.CONFIGURATION


def test_a_password_needs_a_table(server: MiHttp) -> None:
    opensips = adapter(server.url)
    assert Capability.SET_PASSWORD not in opensips.capabilities
    with pytest.raises(SipError) as caught:
        opensips.set_password("1001", "secret")
    assert (caught.value.problem, caught.value.permanent) == (Problem.UNSUPPORTED, True)


def test_the_registry_knows_it(server: MiHttp) -> None:
    found = adapter_for("opensips", Endpoint(server.url, "flood.test")).lookup("1001")
    assert found.registration.contacts == ()
