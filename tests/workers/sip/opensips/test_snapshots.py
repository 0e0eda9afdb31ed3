"""Whole snapshots against recorded answers: counted, paced, and not believed where something is odd."""

import pytest

from tests.support.replay_mi import Book, MiHttp, http, recorded, statistics, uptime
from tests.support.replay_stream import Manner
from tests.workers.sip.opensips.given import NOW, adapter, problem_of
from workers.sip.base import Problem
from workers.sip.pace import Pace

TEN = [f"100{number}" for number in range(10)]


def test_a_sweep_asks_for_every_known_line_over_one_connection(server: MiHttp) -> None:
    server.book.say("get_statistics", statistics(2))
    server.book.hold("mi/10-ul_show_contact-found")
    server.book.hold("contacts/01-two-contacts")
    pull = adapter(server.url, ["1001", "sip:1002@flood.test", "two@odd.test", "", "a b", "1001"]).snapshot()
    assert [(found.aor, len(found.contacts)) for found in pull] == [("1001", 1), ("two@odd.test", 2)]
    asked = [call["params"]["aor"] for call in server.book.asked if call["method"] == "ul_show_contact"]
    assert asked == ["1001@flood.test", "1002@flood.test", "two@odd.test"]
    assert server.accepted == 1
    report = pull.report
    assert (report.taken_at, report.broken, report.announced, report.uptime) == (NOW, 0, 2, 24.0)


def test_one_unreadable_line_costs_itself(server: MiHttp) -> None:
    server.book.hold("mi/10-ul_show_contact-found")
    server.book.lines["1002@flood.test"] = http(b"no json")
    server.book.lines["1003@flood.test"] = recorded("scale/01-ul_dump-buffer-too-small")
    server.book.lines["1004@flood.test"] = recorded("mi/14-ul_show_contact-no-domain")
    server.book.lines["1005@flood.test"] = server.book.lines["1001@flood.test"]
    pull = adapter(server.url, TEN).snapshot()
    assert [found.aor for found in pull] == ["1001"]
    assert (pull.report.broken, pull.report.unread) == (4, ("1002", "1003", "1004", "1005"))


def test_no_readable_line_at_all_is_an_error(server: MiHttp) -> None:
    server.book.say("ul_show_contact", http(b"{}"))
    assert problem_of(adapter(server.url, TEN)).problem is Problem.GARBAGE


def test_what_ails_the_server_ends_the_sweep(server: MiHttp) -> None:
    server.book.say("ul_show_contact", recorded("mi/12-ul_show_contact-aor-notfound"), recorded("mi/19-unknown-method"))
    error = problem_of(adapter(server.url, TEN))
    assert (error.problem, error.permanent) == (Problem.COMMAND_MISSING, True)


def test_a_server_that_restarts_meanwhile_is_not_believed(server: MiHttp) -> None:
    server.book.say("uptime", uptime(5000), uptime(3))
    assert problem_of(adapter(server.url, TEN)).problem is Problem.LOADING


def test_facts_that_the_server_keeps_to_itself_are_not_vital(server: MiHttp) -> None:
    server.book.say("uptime", recorded("mi/19-unknown-method"))
    server.book.say("get_statistics", recorded("mi/40-get_statistics-unknown-group"))
    pull = adapter(server.url, TEN).snapshot()
    assert list(pull) == []
    assert (pull.report.uptime, pull.report.announced) == (None, None)


def test_an_endless_sweep_ends(server: MiHttp) -> None:
    error = problem_of(adapter(server.url, TEN, sweep_seconds="0.000001"))
    assert error.problem is Problem.TIMEOUT


def test_a_sweep_needs_to_know_lines(server: MiHttp) -> None:
    error = problem_of(adapter(server.url))
    assert (error.problem, error.permanent) == (Problem.CONFIGURATION, True)


def test_a_sweep_keeps_its_pace() -> None:
    clock, pauses = [100.0], []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    pace = Pace(10, clock=lambda: clock[0], pause=pause)
    for _ in range(5):
        pace.wait()
    assert pauses == pytest.approx([0.1] * 4)
    clock[0] += 5
    pace.wait(4)
    pace.wait()
    assert pauses[4:] == pytest.approx([0.4])


# -- the dump ------------------------------------------------------------------------------------------------------


def test_a_dump(server: MiHttp) -> None:
    server.book.say("get_statistics", statistics(1000))
    server.book.say("ul_dump", recorded("scale/03-ul_dump-1000"))
    pull = adapter(server.url, source="dump").snapshot()
    assert len(list(pull)) == 1000
    assert (pull.report.announced, pull.report.broken, pull.report.uptime) == (1000, 0, 24.0)


def test_an_empty_dump(server: MiHttp) -> None:
    assert list(adapter(server.url, source="dump").snapshot()) == []


def test_a_dump_of_many_is_refused_before_it_is_asked_for(server: MiHttp) -> None:
    server.book.say("get_statistics", statistics(5001))
    error = problem_of(adapter(server.url, source="dump"))
    assert (error.problem, error.permanent) == (Problem.TOO_LARGE, True)
    assert "ul_dump" not in server.book.methods()
    assert problem_of(adapter(server.url, source="dump", dump_limit="5001")).problem is Problem.TRUNCATED


def test_a_dump_shorter_than_announced_is_not_believed(server: MiHttp) -> None:
    server.book.say("get_statistics", statistics(6))
    server.book.say("ul_dump", recorded("mi/05-ul_dump-5"))
    assert problem_of(adapter(server.url, source="dump")).problem is Problem.TRUNCATED


def test_what_came_and_went_meanwhile_is_allowed_for(server: MiHttp) -> None:
    server.book.say("get_statistics", statistics(7, accepted=10, expired=1), statistics(6, accepted=11, expired=2))
    server.book.say("ul_dump", recorded("mi/05-ul_dump-5"))
    assert len(list(adapter(server.url, source="dump").snapshot())) == 5


def test_a_dump_larger_than_the_servers_buffer_does_not_hang(server: MiHttp) -> None:
    server.book.say("ul_dump", recorded("scale/01-ul_dump-buffer-too-small"))
    error = problem_of(adapter(server.url, source="dump", timeout=20))
    assert (error.problem, error.permanent) == (Problem.TOO_LARGE, True)


def test_a_cut_dump(book: Book) -> None:
    book.say("ul_dump", recorded("scale/03-ul_dump-1000"))
    with MiHttp(book, Manner(cut=200_000)) as server:
        assert problem_of(adapter(server.url, source="dump")).problem is Problem.TRUNCATED
