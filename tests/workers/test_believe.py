"""`flask servers pull --believe`: an operator's word for an answer that nobody else would believe, and its trace."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from redis import Redis
from redis.exceptions import ConnectionError as LostError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.config import Config
from app.domain.registration import PullReport
from app.domain.sign import Mode, SignKind
from app.models import AuditEntry, PrincipalKind, SipServer, Unique
from app.store import lines, servers
from app.store.lines import Line
from app.store.servers import ServerState
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, Customers
from tests.support.kamailio import Kamailio
from tests.workers.fakes import FakeAdapter, failing, registration
from workers import history, operators
from workers.pulling import pull_lease, run_pull
from workers.runtime import Runtime
from workers.sip.base import Problem, SipError

Run = Callable[..., Result]
OURS = LINE_NUMBERS["live"]
TEN = [OURS, *(f"10{number:02}" for number in range(9))]
FOUR = TEN[:4]


@pytest.fixture
def run(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(operators, "current", lambda: runtime)
    return lambda *arguments: CliRunner().invoke(operators.servers, arguments)


@pytest.fixture
def ten(runtime: Runtime, adapter: FakeAdapter, server_id: int) -> FakeAdapter:
    """The server has answered with ten lines, and is going to answer with four of them."""
    answers(adapter, *TEN)
    assert run_pull(runtime, server_id)
    answers(adapter, *FOUR)
    return adapter


def answers(adapter: FakeAdapter, *aors: str, **changes: object) -> None:
    adapter.lines = [registration(aor) for aor in aors]
    adapter.report = PullReport(**({"taken_at": datetime.now(UTC)} | changes))  # type: ignore[arg-type] # as a test says


def state_of(redis: "Redis", server_id: int) -> ServerState:
    return servers.read_one(redis, server_id)


def sign_of(redis: "Redis", server_id: int, aor: str) -> SignKind:
    facts = lines.read(redis, [Line(1, server_id, aor, Mode.LIVE)])[1]
    return facts.sign(datetime.now(UTC)).kind


def noted(session: Session) -> list[AuditEntry]:
    return list(session.scalars(select(AuditEntry)))


def test_a_drop_that_would_be_held(run: Run, ten: FakeAdapter, redis: "Redis", server_id: int) -> None:
    refused = run("pull", LIVE_HOST)
    assert refused.exit_code == 1
    assert "wrong: held: more than half" in refused.output
    assert "flask servers pull --believe" in refused.output
    assert sign_of(redis, server_id, TEN[-1]) is SignKind.REGISTERED
    # It would confirm itself with the next pull: what is believed at once is another drop.
    answers(ten, *TEN)
    run("pull", LIVE_HOST)
    answers(ten, *FOUR)
    done = run("pull", LIVE_HOST, "--believe")
    assert done.exit_code == 0
    told, amounts = done.output.splitlines()
    assert told.startswith("believed: 10 lines before, 4 now; without --believe it would have been refused as held: ")
    assert told.endswith("(4 of 10 lines are left)")
    assert amounts.startswith("4 lines, 0 unreadable, as of ")
    assert (state_of(redis, server_id).problem, state_of(redis, server_id).held) == (None, None)
    assert sign_of(redis, server_id, OURS) is SignKind.REGISTERED
    assert sign_of(redis, server_id, TEN[-1]) is SignKind.NOT_REGISTERED


def test_another_servers_answer(run: Run, ten: FakeAdapter, redis: "Redis", server_id: int) -> None:
    others = [f"20{number:02}" for number in range(8)]
    for _ in range(3):
        answers(ten, *others)
        assert "wrong: foreign: " in run("pull", LIVE_HOST).output
    answers(ten, *others)
    done = run("pull", LIVE_HOST, "--believe")
    assert done.exit_code == 0
    assert "believed: 10 lines before, 8 now" in done.output
    assert "refused as foreign: " in done.output
    assert sign_of(redis, server_id, OURS) is SignKind.NOT_REGISTERED


def test_an_answer_of_before(run: Run, ten: FakeAdapter, redis: "Redis", server_id: int) -> None:
    known = state_of(redis, server_id).answered_at
    assert known is not None
    answers(ten, *TEN[:9], taken_at=known - timedelta(seconds=20))
    assert "wrong: outdated: " in run("pull", LIVE_HOST).output
    done = run("pull", LIVE_HOST, "--believe")
    assert "believed: 10 lines before, 9 now" in done.output
    assert "refused as outdated: " in done.output
    assert state_of(redis, server_id).answered_at == known - timedelta(seconds=20)


def test_what_is_not_whole_is_refused_all_the_same(
    run: Run, ten: FakeAdapter, redis: "Redis", server_id: int, session: Session
) -> None:
    before = state_of(redis, server_id)
    for cut in (SipError(Problem.TRUNCATED, "half"), SipError(Problem.GARBAGE), SipError(Problem.TIMEOUT)):
        ten.meanwhile = failing(cut)
        done = run("pull", LIVE_HOST, "--believe")
        assert (done.exit_code, "believed:" in done.output) == (1, False)
        assert state_of(redis, server_id).problem == cut.problem
    ten.meanwhile = lambda: None
    for changes, problem in (
        ({"broken": 5}, Problem.GARBAGE),
        ({"loading": True, "contacts": 4, "uptime": 3.0}, Problem.LOADING),
        # Where both are wrong it is what nobody may overrule that counts.
        ({"loading": True, "taken_at": datetime.now(UTC) - timedelta(seconds=9)}, Problem.LOADING),
    ):
        answers(ten, *FOUR, **changes)
        assert run("pull", LIVE_HOST, "--believe").exit_code == 1
        assert state_of(redis, server_id).problem == problem
    assert state_of(redis, server_id).answered_at == before.answered_at
    assert sign_of(redis, server_id, TEN[-1]) is SignKind.REGISTERED
    assert noted(session) == []


def test_nothing_implausible(run: Run, ten: FakeAdapter, redis: "Redis", server_id: int) -> None:
    answers(ten, *TEN[:8])
    done = run("pull", LIVE_HOST, "--believe")
    assert done.output.splitlines()[0] == "believed: 10 lines before, 8 now; nothing about it was implausible"


def test_who_believed_what_is_remembered(
    run: Run, ten: FakeAdapter, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "sato")
    run("pull", LIVE_HOST)
    assert noted(session) == []
    answers(ten, *TEN)
    run("pull", LIVE_HOST)
    answers(ten, *FOUR)
    run("pull", LIVE_HOST, "--believe")
    (entry,) = noted(session)
    assert (entry.who, entry.kind, entry.account_id) == ("sato (flask)", PrincipalKind.STAFF, None)
    assert (entry.action, entry.target) == ("server.believe", LIVE_HOST)
    assert json.loads(entry.detail) == {"lines": [10, 4], "doubt": "held"}


def test_who_has_no_name_is_remembered_by_number(
    run: Run, ten: FakeAdapter, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert run("pull", LIVE_HOST, "--believe").exit_code == 0
    (entry,) = noted(session)
    assert entry.who == "uid 54321 (flask)"


def test_what_goes_wrong_afterwards_hides_nobody(
    run: Run, ten: FakeAdapter, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise LostError

    monkeypatch.setattr(history, "drain", gone)
    assert run("pull", LIVE_HOST, "--believe").exit_code == 1
    assert len(noted(session)) == 1


def test_the_word_of_an_operator_is_for_one_pull(
    run: Run, ten: FakeAdapter, runtime: Runtime, redis: "Redis", server_id: int
) -> None:
    run("pull", LIVE_HOST, "--believe")
    answers(ten)
    run_pull(runtime, server_id)
    assert state_of(redis, server_id).problem == "held"
    assert state_of(redis, server_id).lines == 4


def test_beside_a_worker_nothing_is_believed(run: Run, ten: FakeAdapter, redis: "Redis", server_id: int) -> None:
    assert pull_lease(redis, server_id).take()
    done = run("pull", LIVE_HOST, "--believe")
    assert done.exit_code == 1
    assert "right now" in done.output
    assert state_of(redis, server_id).lines == 10


def test_whose_lease_is_lost_believes_nothing(
    run: Run, ten: FakeAdapter, redis: "Redis", server_id: int, session: Session
) -> None:
    def lose() -> None:
        redis.set(pull_lease(redis, server_id).key, "somebody else")

    ten.meanwhile = lose
    done = run("pull", LIVE_HOST, "--believe")
    assert "believed" not in done.output
    assert state_of(redis, server_id).lines == 10
    assert noted(session) == []


def test_with_a_real_server(
    config: Config,
    redis: "Redis",
    session: Session,
    customers: Customers,
    server_id: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Runtime.from_config(config)
    monkeypatch.setattr(operators, "current", lambda: real)
    assert session.get_one(Unique, customers.uniques["live"]).aor == OURS
    with Kamailio(tmp_path) as kamailio:
        session.get_one(SipServer, server_id).management_url = kamailio.endpoint().url
        session.commit()
        with kamailio.rpc() as rpc:
            for aor in TEN:
                fixed = ("3600", "1.0", "none", "0", "0", "4294967295")
                rpc.call("ul.add", "location", aor, f"sip:{aor}@10.0.0.1", *fixed)
            assert run_pull(real, server_id)
            for aor in TEN[4:]:
                rpc.call("ul.rm", "location", aor)
        done = CliRunner().invoke(operators.servers, ("pull", LIVE_HOST, "--believe"))
    real.redis.close()
    real.sessions.kw["bind"].dispose()
    assert done.output.startswith("believed: 10 lines before, 4 now; without --believe it would have been refused as h")
    assert sign_of(redis, server_id, TEN[-1]) is SignKind.NOT_REGISTERED
    assert sign_of(redis, server_id, OURS) is SignKind.REGISTERED
