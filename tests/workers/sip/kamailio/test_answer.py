import pytest

from tests.workers.sip.kamailio.recordings import dumped, fault_of, recording, result_of
from workers.sip.base import Problem, SipError
from workers.sip.kamailio import facts, parse


class TestAnswer:
    @pytest.mark.parametrize("agent", [b"M\xfcller", b"a\x01b\tc"])
    def test_bytes_that_are_no_text_spoil_nothing(self, agent: bytes) -> None:
        made = recording("rpc/05-ul.dump-5")
        body = made.body.replace(b"Yealink SIP-T46S 66.86.0.3", agent)
        lines, broken = dumped(parse.answer(body, made.request_id))
        assert len(lines) == 5
        assert broken == 0
        assert lines["1004"].contacts[0].user_agent in {"M\ufffdller", "abc"}

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"no",
            b"[]",
            b"5",
            b'{"jsonrpc":"2.0","result":{}}',
            b'{"jsonrpc":"2.0","result":{},"id":2}',
            b'{"jsonrpc":"2.0","id":1}',
            b'{"jsonrpc":"2.0","error":"bad","id":1}',
            b"[" * 100_000,
            b'{"id":' + b"9" * 10_000 + b"}",
        ],
    )
    def test_what_is_no_answer(self, body: bytes) -> None:
        with pytest.raises(SipError) as raised:
            parse.answer(body, 1)
        assert raised.value.problem is Problem.GARBAGE

    @pytest.mark.parametrize("name", ["rpc/21-batch-array", "rpc/20-notification-no-id"])
    def test_an_answer_to_nobody(self, name: str) -> None:
        with pytest.raises(SipError):
            parse.answer(recording(name).body, 1)

    def test_nobody(self) -> None:
        assert fault_of("rpc/10-ul.lookup-notfound").nobody
        assert parse.Fault(500, "AOR has no contacts").nobody
        assert not fault_of("rpc/11-ul.lookup-table-notfound").nobody

    @pytest.mark.parametrize(
        ("name", "problem", "permanent"),
        [
            ("rpc/11-ul.lookup-table-notfound", Problem.TABLE_MISSING, True),
            ("rpc/16-unknown-method", Problem.COMMAND_MISSING, True),
            ("rpc/17-opensips-style-name", Problem.COMMAND_MISSING, True),
            ("rpc/12-ul.lookup-missing-param", Problem.FAULT, False),
            ("rpc/36-ul.db_users-memory-only", Problem.FAULT, False),
        ],
    )
    def test_faults(self, name: str, problem: Problem, permanent: bool) -> None:
        error = fault_of(name).error()
        assert error.problem is problem
        assert error.permanent is permanent

    def test_the_code_of_json_rpc_itself(self) -> None:
        answer = parse.answer(b'{"jsonrpc":"2.0","error":{"code":-32601,"message":"?"},"id":1}', 1)
        assert isinstance(answer, parse.Fault)
        assert answer.error().problem is Problem.COMMAND_MISSING

    def test_a_fault_without_words(self) -> None:
        assert parse.answer(b'{"error":{"code":null,"message":[]},"id":1}', 1) == parse.Fault(0, "no message")


class TestFacts:
    def test_users(self) -> None:
        result = result_of("rpc/35-stats.get_statistics-several")
        assert facts.count(result, "location", "users") == 3
        assert facts.count(result, "aliases", "users") is None
        assert facts.count(["usrloc:location-users = 7"], "location", "users") == 7

    @pytest.mark.parametrize("result", [None, {}, "usrloc:location_users = 3", ["usrloc:location_users = x"], [5]])
    def test_no_users(self, result: object) -> None:
        assert facts.count(result, "location", "users") is None

    def test_uptime(self) -> None:
        assert facts.uptime(result_of("rpc/04b-core.uptime")) == 58.0

    @pytest.mark.parametrize("result", [None, [], {"uptime": "58"}, {"uptime": -1}, {"uptime": True}])
    def test_no_uptime(self, result: object) -> None:
        assert facts.uptime(result) is None

    def test_version(self) -> None:
        assert facts.version(result_of("rpc/04-core.version")) == "kamailio 5.6.3 (x86_64/linux)"
        assert facts.version(5) is None

    def test_methods(self) -> None:
        assert {"ul.dump", "ul.lookup"} <= facts.methods(result_of("rpc/02-system.listMethods"))
        assert facts.methods([1, None, "a"]) == {"a"}
