"""The sources against servers that answer what no well-configured Kamailio does."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.registration import PullReport
from tests.support.serve import Peer, Script, ScriptedServer
from tests.workers.sip.kamailio.test_client import MISSING, recorded, speaks
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.kamailio.client import KamailioAdapter

HOME = "ht.test"
RECORDED_AT = datetime.fromtimestamp(1795418082, UTC)
MIRROR: Any = recorded("htable-mirror/01-htable.dump-3-contacts")
FOUND: Any = recorded("rpc/07-ul.lookup-found")
NOBODY: Any = recorded("rpc/10-ul.lookup-notfound")


def counted(contacts: int) -> object:
    lines = [f"usrloc:location_contacts = {contacts}", "usrloc:location_users = 2"]
    return {"jsonrpc": "2.0", "result": lines}


def clock(*, ahead: int = 0) -> object:
    """What a server says whose clock is ahead by so many seconds."""
    now = RECORDED_AT + timedelta(seconds=ahead)
    return {"jsonrpc": "2.0", "result": {"now": f"{now:%a %b %d %H:%M:%S %Y}", "up_since": "", "uptime": 5000}}


def sizes(**tables: int) -> object:
    return {"jsonrpc": "2.0", "result": [{"name": name, "all": count} for name, count in tables.items()]}


def read(script: Script, source: str, *ours: str) -> tuple[list[str], PullReport]:
    with ScriptedServer(script) as server:
        url = f"http://127.0.0.1:{server.port}/RPC"
        endpoint = Endpoint(url, HOME, options={"source": source, "in_flight": "2", "rate": "1000000"})
        pull = KamailioAdapter(endpoint, now=lambda: RECORDED_AT, known_aors=lambda: ours).snapshot()
        return sorted(line.aor for line in pull), pull.report


def problem_of(script: Script, source: str, *ours: str) -> Problem:
    with pytest.raises(SipError) as raised:
        read(script, source, *ours)
    return raised.value.problem


class TestMirror:
    def server(self, **changes: object) -> Script:
        usual = {
            "htable_stats": sizes(reg=3),
            "htable_dump": MIRROR,
            "stats_get_statistics": counted(3),
            "core_uptime": clock(),
        }
        return speaks(**(usual | changes))

    def with_entry(self, **changes: object) -> Script:
        changed = json.loads(json.dumps(MIRROR))
        changed["result"][0]["slot"][0] |= changes
        return self.server(htable_dump=changed)

    def test_as_recorded(self) -> None:
        lines, report = read(self.server(), "htable")
        assert lines == ["h1", "h2"]
        assert (report.broken, report.unread, report.announced) == (0, (), 2)

    @pytest.mark.parametrize("value", ["", "soon|3|udp:h:1|d|a", "1795418081|3|udp:h:1", 5, None])
    def test_a_line_that_cannot_be_read_is_named(self, value: object) -> None:
        lines, report = read(self.with_entry(value=value), "htable")
        assert lines == ["h1"]
        assert (report.broken, report.unread) == (1, ("h2",))

    def test_an_entry_of_nobody_knows_whom(self) -> None:
        lines, report = read(self.with_entry(name="x"), "htable")
        assert lines == ["h1"]
        assert (report.broken, report.unread) == (1, ())

    def test_a_contact_that_has_ended_is_no_registration(self) -> None:
        lines, report = read(self.with_entry(value="1795418000|60|udp:h:1|d|a"), "htable")
        assert lines == ["h1"]
        assert (report.broken, report.unread) == (0, ())

    @pytest.mark.parametrize("ahead", [-300, 300])
    @pytest.mark.parametrize(("left", "lines"), [(1, ["h2"]), (-1, [])])
    def test_a_clock_that_is_wrong_is_made_up_for(self, ahead: int, left: int, lines: list[str]) -> None:
        theirs = int(RECORDED_AT.timestamp()) + ahead
        value = f"{theirs - 60}|{60 + left}|udp:h:1|d|a"
        told = {"name": "h2::sip:h2@10.0.0.1", "value": value, "type": "str"}
        dump = {"jsonrpc": "2.0", "result": [{"entry": 1, "size": 1, "slot": [told]}]}
        script = self.server(
            htable_dump=dump, htable_stats=sizes(reg=1), stats_get_statistics=counted(1), core_uptime=clock(ahead=ahead)
        )
        found, report = read(script, "htable")
        assert found == lines
        assert report.clock_skew == ahead

    def test_fewer_contacts_than_the_server_has(self) -> None:
        assert problem_of(self.server(stats_get_statistics=counted(4)), "htable") is Problem.LOADING

    def test_stale_entries_end_by_themselves(self) -> None:
        assert read(self.server(stats_get_statistics=counted(1)), "htable")[0] == ["h1", "h2"]

    def test_much_less_than_the_table_holds(self) -> None:
        assert problem_of(self.server(htable_stats=sizes(reg=1000)), "htable") is Problem.TRUNCATED

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"htable_stats": sizes(other=3)}, Problem.TABLE_MISSING),
            ({"htable_stats": MISSING}, Problem.COMMAND_MISSING),
            ({"htable_dump": recorded("auth/10-htable.dump-missing-table")}, Problem.TABLE_MISSING),
            ({"htable_dump": {"jsonrpc": "2.0", "result": 5}}, Problem.GARBAGE),
            ({"stats_get_statistics": MISSING}, Problem.TABLE_MISSING),
        ],
    )
    def test_what_is_no_mirror(self, changes: dict[str, object], problem: Problem) -> None:
        assert problem_of(self.server(**changes), "htable") is problem

    def test_a_datagram_socket_holds_none(self) -> None:
        endpoint = Endpoint("udp://127.0.0.1:9", HOME, options={"source": "htable"})
        with pytest.raises(SipError):
            list(KamailioAdapter(endpoint).snapshot())


class TestSweep:
    def server(self, *uptimes: int, **lines: object) -> Script:
        """Answers each look-up as `lines` says (an underscore stands for the at sign), by default "not found"."""
        left = list(uptimes)

        def script(peer: Peer) -> None:
            while request := peer.request():
                question = json.loads(request.partition(b"\r\n\r\n")[2])
                answer: Any = {"result": []}
                if question["method"] == "ul.lookup":
                    answer = lines.get(question["params"][1].partition("@")[0], NOBODY)
                elif question["method"] == "core.uptime":
                    answer = {"result": {"uptime": left.pop(0) if left else 5000}}
                elif question["method"] == "ul.db_users":
                    answer = recorded("rpc/36-ul.db_users-memory-only")
                body = json.dumps(answer | {"id": question["id"]}).encode()
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        return script

    def test_only_those_that_are_registered(self) -> None:
        lines, report = read(self.server(**{"1001": FOUND}), "sweep", "1000", "1001", "1002")
        assert lines == ["1001"]
        assert (report.broken, report.unread, report.uptime) == (0, (), 5000.0)

    @pytest.mark.parametrize("answer", [{"result": 5}, {"result": {}}, FOUND, {}])
    def test_a_line_that_cannot_be_read_is_named(self, answer: object) -> None:
        lines, report = read(self.server(**{"1001": FOUND, "1002": answer}), "sweep", "1001", "1002")
        assert lines == ["1001"]
        assert (report.broken, report.unread) == (1, ("1002",))

    def test_not_one_answer_that_can_be_read(self) -> None:
        assert problem_of(self.server(**{"1001": {}}), "sweep", "1001") is Problem.GARBAGE

    def test_a_fault_is_no_answer_about_a_line(self) -> None:
        missing = recorded("rpc/11-ul.lookup-table-notfound")
        assert problem_of(self.server(**{"1001": missing}), "sweep", "1001") is Problem.TABLE_MISSING

    def test_a_server_that_restarts_meanwhile(self) -> None:
        assert problem_of(self.server(5000, 3), "sweep", "1001") is Problem.LOADING

    def test_no_lines_of_ours(self) -> None:
        assert read(self.server(), "sweep")[0] == []


class TestDump:
    def test_a_line_that_cannot_be_read_is_named(self) -> None:
        dump: Any = recorded("rpc/05-ul.dump-5")
        records = dump["result"]["Domains"][0]["Domain"]["AoRs"]
        records[2]["Info"]["Contacts"][0]["Contact"]["Expires"] = "soon"
        records[3]["Info"]["Contacts"].append({"Contact": 5})
        lines, report = read(speaks(ul_dump=dump), "dump")
        assert len(lines) == 4
        assert (report.broken, report.unread) == (2, (records[2]["Info"]["AoR"],))

    def test_a_restarted_server_with_a_database(self) -> None:
        loading = {"error": {"code": 500, "message": "Failed to query AoR count"}}
        assert read(speaks(ul_db_users=loading), "dump")[1].loading

    def test_a_restarted_server_that_is_too_old_to_say(self) -> None:
        lines, report = read(speaks(ul_db_users=MISSING), "dump")
        assert len(lines) == 5
        assert not report.loading
