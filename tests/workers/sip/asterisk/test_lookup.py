"""Look-ups of single lines at a replayed Asterisk."""

import pytest

from app.domain.registration import Registration
from tests.support.replay_ami import RECORDED_AT, ReplayAmi, answer_of
from tests.workers.sip.asterisk.common import DENIED, adapter, problem_of
from workers.sip.base import Problem


@pytest.mark.parametrize(
    ("asked", "uris"),
    [
        ("1001", ["sip:1001@127.0.0.1:5301"]),
        ("1002", ["sip:1002@127.0.0.1:5305", "sip:1002@127.0.0.1:5304"]),
        ("sip:1001@pbx.example.com", ["sip:1001@127.0.0.1:5301"]),
        ("alice", ["sip:alice@127.0.0.1:5320"]),
        ("desk1", ["sip:desk@127.0.0.1:5321"]),
        ("desk2", ["sip:desk@127.0.0.1:5322"]),
        ("desk", []),
        ("noaor", []),
        ("nosuch", []),
        ("1007", []),
        ("1008", []),
        ("1009", []),
        ("trunk-acme", []),
    ],
)
def test_a_lookup(asked: str, uris: list[str]) -> None:
    with ReplayAmi() as server:
        found = adapter(server).lookup(asked)
    assert [contact.uri for contact in found.registration.contacts] == uris
    assert found.asked_at == RECORDED_AT
    assert "@" not in found.registration.aor


def test_a_lookup_asks_no_list_where_the_endpoint_knows() -> None:
    with ReplayAmi() as server:
        adapter(server).lookup("1007")
        assert "DBGetTree" not in {fields["Action"] for fields in server.asked}


def test_a_lookup_agrees_with_the_snapshot() -> None:
    with ReplayAmi() as server:
        adapted = adapter(server, source="contacts")
        for line in list(adapted.snapshot()):
            assert set(adapted.lookup(line.aor).registration.contacts) == set(line.contacts)


def test_a_user_who_may_read_the_database_only_is_answered_from_it() -> None:
    with ReplayAmi({f"PJSIPShowEndpoint {line}": DENIED for line in ("1001", "1007")}) as server:
        assert len(adapter(server).lookup("1001").registration.contacts) == 1
        assert adapter(server).lookup("1007").registration == Registration("1007")


@pytest.mark.parametrize("asked", ["", "@x", "10\r\nAction: Reload", "1001@x\r\nAction: Reload", "x" * 2000])
def test_a_lookup_of_what_is_no_line(asked: str) -> None:
    with ReplayAmi() as server:
        error = problem_of(lambda: adapter(server).lookup(asked))
        assert error.permanent
        assert b"Reload" not in server.received


def test_a_lookup_does_not_take_a_broken_contact_for_none() -> None:
    answer = answer_of("02-populated/PJSIPShowEndpoint-1001.s2c.raw", "ep1").replace(b"RegExpire: 1", b"RegExpire: ?")
    with ReplayAmi({"PJSIPShowEndpoint 1001": answer}) as server:
        error = problem_of(lambda: adapter(server).lookup("1001"))
    assert error.problem is Problem.GARBAGE


def test_a_broken_contact_of_another_line_does_not_hinder_a_lookup() -> None:
    with ReplayAmi() as server:
        whole = server.answers["DBGetTree"]
        assert isinstance(whole, bytes)
        server.answers["DBGetTree"] = whole.replace(b"Val: {", b"Val: [", 1)
        assert adapter(server).lookup("nosuch").registration.contacts == ()
