"""The adapter against servers that answer what no well-configured Kamailio does."""

import json
from typing import Any

import pytest

from tests.support.serve import Peer, Script, ScriptedServer
from tests.workers.sip.kamailio.recordings import recording
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.kamailio.client import KamailioAdapter


def recorded(name: str) -> object:
    return json.loads(recording(name).body)


USUAL = {
    "core.version": recorded("rpc/04-core.version"),
    "core.uptime": recorded("rpc/04b-core.uptime"),
    "system.listMethods": recorded("rpc/02-system.listMethods"),
    "stats.get_statistics": recorded("rpc/03-stats.get_statistics-usrloc"),
    "ul.dump": recorded("rpc/05-ul.dump-5"),
    "ul.lookup": recorded("rpc/10-ul.lookup-notfound"),
    "ul.db_users": recorded("rpc/36-ul.db_users-memory-only"),
    "htable.stats": recorded("rpc/16-unknown-method"),
}
MISSING = recorded("rpc/16-unknown-method")


def speaks(**changes: object) -> Script:
    """A Kamailio that answers as recorded, but for `changes` (a _ stands for the dot)."""
    answers: dict[str, Any] = USUAL | {name.replace("_", ".", 1): answer for name, answer in changes.items()}

    def script(peer: Peer) -> None:
        while request := peer.request():
            question = json.loads(request.partition(b"\r\n\r\n")[2])
            body = json.dumps(answers[question["method"]] | {"id": question["id"]}).encode()
            status = b"500 No" if b'"error"' in body else b"200 OK"
            peer.send(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    return script


def says(answer: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer)

    return script


def adapter(server: ScriptedServer) -> KamailioAdapter:
    return KamailioAdapter(Endpoint(f"http://127.0.0.1:{server.port}/RPC", "sip.example.jp"))


def snapshot_problem(script: Script) -> Problem:
    with ScriptedServer(script) as server, pytest.raises(SipError) as raised:
        list(adapter(server).snapshot())
    return raised.value.problem


def test_as_recorded() -> None:
    with ScriptedServer(speaks()) as server:
        pull = adapter(server).snapshot()
        assert len(list(pull)) == 5
        # What it said when it was asked, less the moment since the pull began.
        assert pull.report.uptime is not None
        assert 57.0 < pull.report.uptime < 58.0
        assert pull.report.announced == 0
        assert server.accepted == 1


def test_a_server_that_keeps_uptime_and_statistics_to_itself_is_still_read() -> None:
    with ScriptedServer(speaks(core_uptime=MISSING, stats_get_statistics=MISSING)) as server:
        pull = adapter(server).snapshot()
        assert len(list(pull)) == 5
        assert pull.report.uptime is None
        assert pull.report.announced is None


def test_a_broken_record_is_counted_and_the_others_come() -> None:
    dump: Any = recorded("rpc/05-ul.dump-5")
    dump["result"]["Domains"][0]["Domain"]["AoRs"][2] = {"Info": 5}
    with ScriptedServer(speaks(ul_dump=dump)) as server:
        pull = adapter(server).snapshot()
        assert len(list(pull)) == 4
        assert pull.report.broken == 1


def test_a_server_without_the_dump() -> None:
    assert snapshot_problem(speaks(ul_dump=MISSING)) is Problem.COMMAND_MISSING


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno", Problem.FAULT),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", Problem.FAULT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", Problem.GARBAGE),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", Problem.CONFIGURATION),
        (b"HTTP/1.1 401 Who?\r\nContent-Length: 2\r\n\r\nno", Problem.CREDENTIALS),
    ],
)
def test_no_json_rpc(answer: bytes, problem: Problem) -> None:
    assert snapshot_problem(says(answer)) is problem


def test_an_answer_to_another_question() -> None:
    def script(peer: Peer) -> None:
        while peer.request():
            body = b'{"jsonrpc":"2.0","result":{},"id":77}'
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    assert snapshot_problem(script) is Problem.GARBAGE


def test_check_names_each_missing_command() -> None:
    with ScriptedServer(speaks(system_listMethods={"result": ["ul.lookup", "core.version"]})) as server:
        check = adapter(server).check()
    assert [finding for finding in check.problems if finding[0] is not Problem.CLOCK_SKEW] == [
        (Problem.COMMAND_MISSING, "ul.dump")
    ]
    assert check.version == "kamailio 5.6.3 (x86_64/linux)"
    assert check.lines == 0


def test_check_finds_that_the_table_is_missing() -> None:
    with ScriptedServer(speaks(ul_lookup=recorded("rpc/11-ul.lookup-table-notfound"))) as server:
        assert Problem.TABLE_MISSING in [problem for problem, _ in adapter(server).check().problems]


def test_contacts_that_have_expired_but_are_still_held_are_no_registration() -> None:
    held = {"error": {"code": 500, "message": "AOR has no contacts"}}
    with ScriptedServer(speaks(ul_lookup=held)) as server:
        assert adapter(server).lookup("1001").registration.contacts == ()
