"""Snapshots of a replayed Asterisk, over the real transport."""

import socket
from datetime import timedelta

import pytest

from tests.support.replay_ami import END, RECORDED_AT, SECRET, Answer, ReplayAmi, answer_of, payload, refusal, starting
from tests.support.replay_stream import Manner, Wire
from tests.support.serve import Peer, ScriptedServer
from tests.workers.sip.asterisk.common import DENIED, LINES, STATUSES, UNKNOWN, adapter, problem_of, pulled
from workers.sip.asterisk.client import AsteriskAdapter
from workers.sip.base import Capability, Endpoint, Problem


@pytest.mark.parametrize("source", ["astdb", "contacts"])
@pytest.mark.parametrize(
    "manner",
    [Manner(), Manner(1), Manner(7), Manner(97), Manner(2000, pause=0.01)],
    ids=["whole", "1", "7", "97", "slow"],
)
def test_a_snapshot_in_pieces_and_with_pauses(source: str, manner: Manner) -> None:
    with ReplayAmi(manner=manner) as server:
        pull = adapter(server, source=source).snapshot()
        lines = {line.aor: line for line in pull}
    assert set(lines) == LINES
    assert len(lines["1002"].contacts) == 2
    assert pull.report.broken == 0
    assert pull.report.taken_at == RECORDED_AT
    assert pull.report.clock_skew == pytest.approx(1795413182.240882 - 1795413760)


FOREIGN = (
    payload("04-security/10-ami-line-injection-by-From-user.s2c.raw").partition(b"\r\n\r\n")[2]
    + b"Event: DBGetTreeResponse\r\nKey: /registrar/contact/9999;@x\r\nVal: {}\r\nActionID: c1\r\n\r\n"
    + b"Event: DBGetTreeComplete\r\nEventList: Complete\r\nListItems: 0\r\n\r\n"
)


@pytest.mark.parametrize("source", ["astdb", "contacts"])
def test_messages_of_others_in_between_are_not_believed(source: str) -> None:
    with ReplayAmi(between=FOREIGN, manner=Manner(1000)) as server:
        assert pulled(server, source=source) == LINES


@pytest.mark.parametrize("cut", [0, 10, 100, 300, 2000, 5000])
def test_a_connection_that_is_cut_is_no_answer(cut: int) -> None:
    with ReplayAmi(manner=Manner(cut=cut)) as server:
        assert problem_of(lambda: pulled(server)).problem is Problem.TRUNCATED


@pytest.mark.parametrize("stall", [0, 10, 100, 300, 2000, 5000])
def test_a_connection_that_falls_silent_ends_in_time(stall: int) -> None:
    with ReplayAmi(manner=Manner(stall=stall)) as server:
        adapted = AsteriskAdapter(server.endpoint(timeout=0.2), now=lambda: RECORDED_AT)
        assert problem_of(lambda: list(adapted.snapshot())).problem is Problem.TIMEOUT


def without(answer: bytes, count: int) -> bytes:
    blocks = answer.split(END)
    return END.join(blocks[:1] + blocks[1 + count :])


@pytest.mark.parametrize(("action", "source"), [("DBGetTree", "astdb"), (STATUSES, "contacts")])
def test_a_list_with_less_than_it_announces_is_cut_short(action: str, source: str) -> None:
    with ReplayAmi() as server:
        whole = server.answers[action]
        assert isinstance(whole, bytes)
        server.answers[action] = without(whole, 1)
        assert problem_of(lambda: pulled(server, source=source)).problem is Problem.TRUNCATED
        server.answers[action] = whole.replace(b"ListItems: 1", b"ListItems: ")
        assert problem_of(lambda: pulled(server, source=source)).problem is Problem.GARBAGE
        server.answers[action] = whole.replace(b"ListItems: 1", b"ListItems: x")
        assert problem_of(lambda: pulled(server, source=source)).problem is Problem.GARBAGE


def test_ten_thousand_of_which_some_were_dropped() -> None:
    """As a slow reader gets them: whole events are gone, two are spliced, and the end says Complete."""
    whole = payload(f"10-scale/sample-10000-{STATUSES}.s2c.raw.gz")
    start, end = whole.index(b"RegExpire", 2_000_000), whole.index(b"RegExpire", 2_030_000)
    spliced = whole[:start] + whole[end:]
    with ReplayAmi({STATUSES: whole, "DBGetTree": DENIED}) as server:
        options = {"source": "contacts", "dump_limit": "20000"}
        assert len(pulled(server, **options)) == 10_000
        server.answers[STATUSES] = spliced
        error = problem_of(lambda: pulled(server, **options))
    assert error.problem is Problem.TRUNCATED
    assert "of 10000" in error.detail


def test_one_broken_record_is_counted_and_costs_no_other() -> None:
    with ReplayAmi() as server:
        whole = server.answers["DBGetTree"]
        assert isinstance(whole, bytes)
        server.answers["DBGetTree"] = whole.replace(b'"uri":"sip:1001@127.0.0.1:5301",', b"")
        pull = adapter(server).snapshot()
        assert {line.aor for line in pull} == LINES - {"1001"}
        assert pull.report.broken == 1


@pytest.mark.parametrize(
    ("action", "source", "answer"),
    [
        ("DBGetTree", "astdb", answer_of("07-ami-auth/15-dbgettree-single-aor.s2c.raw", "DBGetTree-428")),
        (STATUSES, "contacts", answer_of(f"00-no-objects/{STATUSES}.s2c.raw", f"q-{STATUSES}")),
        (STATUSES, "contacts", answer_of("00-no-objects/PJSIPShowContacts.s2c.raw", "q-PJSIPShowContacts")),
    ],
)
def test_nobody_is_registered(action: str, source: str, answer: bytes) -> None:
    assert answer
    with ReplayAmi({action: answer}) as server:
        assert pulled(server, source=source) == set()


def test_what_has_expired_is_not_registered_though_listed() -> None:
    with ReplayAmi() as server:
        endpoint = server.endpoint(options={"source": "contacts"})
        later = AsteriskAdapter(endpoint, now=lambda: RECORDED_AT + timedelta(hours=1))
        assert {line.aor for line in later.snapshot()} == {"1003"}
        assert not later.lookup("1001").registration.contacts
        assert len(later.lookup("1003").registration.contacts) == 1


@pytest.mark.parametrize(("limit", "too_large"), [("14", False), ("13", True), ("0", True)])
def test_the_quadratic_source_is_refused_above_its_limit(limit: str, too_large: bool) -> None:
    with ReplayAmi({"DBGetTree": DENIED}) as server:
        if too_large:
            error = problem_of(lambda: pulled(server, source="contacts", dump_limit=limit))
            assert (error.problem, error.permanent) == (Problem.TOO_LARGE, True)
        else:
            assert pulled(server, source="contacts", dump_limit=limit) == LINES


def test_the_quadratic_list_is_not_even_asked_of_a_large_server() -> None:
    with ReplayAmi() as server:
        assert problem_of(lambda: pulled(server, source="contacts", dump_limit="12")).problem is Problem.TOO_LARGE
        assert STATUSES not in {fields["Action"] for fields in server.asked}


def test_the_older_of_the_quadratic_lists_will_do() -> None:
    with ReplayAmi({STATUSES: UNKNOWN}) as server:
        assert pulled(server, source="contacts") == LINES


@pytest.mark.parametrize("options", [{"source": "dump"}, {"source": "contacts", "dump_limit": "many"}])
def test_an_option_that_is_none(options: dict[str, str]) -> None:
    with ReplayAmi() as server:
        error = problem_of(lambda: pulled(server, **options))
    assert (error.problem, error.permanent) == (Problem.CONFIGURATION, True)


def test_the_secret_never_crosses_the_wire_and_events_are_off() -> None:
    with ReplayAmi() as server:
        pulled(server)
        assert SECRET.encode() not in server.received
        assert [fields["Events"] for fields in server.asked if fields["Action"] == "Login"] == ["off"]
        ids = [fields["ActionID"] for fields in server.asked]
    assert len(set(ids)) == len(ids)
    assert all(len(action_id) == 24 for action_id in ids)


def test_a_wrong_secret() -> None:
    with ReplayAmi() as server:
        adapted = AsteriskAdapter(server.endpoint(password="bad-secret"))
        error = problem_of(lambda: list(adapted.snapshot()))
    assert (error.problem, error.permanent) == (Problem.CREDENTIALS, True)
    assert "bad-secret" not in str(error)


@pytest.mark.parametrize(
    ("answer", "problem", "permanent"),
    [
        (DENIED, Problem.PERMISSION, True),
        (starting("Permission denied"), Problem.LOADING, False),
        (starting("Invalid/unknown command: DBGetTree."), Problem.LOADING, False),
        (UNKNOWN, Problem.COMMAND_MISSING, True),
        (refusal("Out of memory"), Problem.FAULT, False),
        (refusal("No such family found"), Problem.FAULT, False),
    ],
)
def test_an_action_that_is_refused(answer: Answer, problem: Problem, permanent: bool) -> None:
    with ReplayAmi({"DBGetTree": answer}) as server:
        error = problem_of(lambda: pulled(server))
    assert (error.problem, error.permanent) == (problem, permanent)


@pytest.mark.parametrize("status", ["1970-01-01", "1969-12-31"])
def test_a_command_that_is_missing_while_the_server_starts(status: str) -> None:
    booting = b"Response: Success\r\nActionID: x\r\nCoreStartupDate: %s\r\nCoreStartupTime: 05:30:00" % status.encode()
    with ReplayAmi({"DBGetTree": UNKNOWN, "CoreStatus": booting + END}) as server:
        assert problem_of(lambda: pulled(server)).problem is Problem.LOADING
        server.answers["CoreStatus"] = DENIED
        assert problem_of(lambda: pulled(server)).problem is Problem.COMMAND_MISSING
        server.answers["CoreStatus"] = UNKNOWN
        assert problem_of(lambda: pulled(server)).problem is Problem.LOADING


@pytest.mark.parametrize(
    ("greeting", "problem"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", Problem.GARBAGE),
        (b"x" * 5000, Problem.GARBAGE),
        (b"Asterisk Call Manager/11.0.0\r\n" + b"x" * 3_000_000, Problem.TOO_LARGE),
        (b"", Problem.TRUNCATED),
    ],
)
def test_another_server_on_the_port(greeting: bytes, problem: Problem) -> None:
    def write(peer: Peer) -> None:
        wire = Wire(peer, Manner())
        wire.write(greeting)
        wire.read_until(END)

    with ScriptedServer(write if greeting else lambda _peer: None) as server:
        endpoint = Endpoint(f"tcp://127.0.0.1:{server.port}", "x", user="u", password="p")
        assert problem_of(lambda: list(AsteriskAdapter(endpoint).snapshot())).problem is problem


def test_nobody_listens_or_nothing_is_configured() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    refused = AsteriskAdapter(Endpoint(url, "x", user="u", password="p"))
    assert problem_of(lambda: list(refused.snapshot())).problem is Problem.REFUSED
    bare = AsteriskAdapter(Endpoint(url, "x"))
    assert problem_of(lambda: list(bare.snapshot())).problem is Problem.CONFIGURATION


def test_what_asterisk_cannot_do() -> None:
    adapted = AsteriskAdapter(Endpoint("tcp://127.0.0.1:1", "x"))
    assert adapted.capabilities == {Capability.SNAPSHOT, Capability.LOOKUP, Capability.EVENTS}
    for action in (lambda: adapted.auth_failures(RECORDED_AT), lambda: adapted.set_password("1001", "new")):
        error = problem_of(action)
        assert (error.problem, error.permanent) == (Problem.UNSUPPORTED, True)
