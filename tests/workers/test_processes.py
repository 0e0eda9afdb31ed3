"""The real scheduler and the real workers as processes: killed, stopped, and without Redis for a while."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, Worker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from sqlalchemy.orm import Session

from app.domain.changes import LineState
from app.domain.standing import Standing
from app.models import SipServer, Unique
from app.store import codec, keys, lookups, servers
from app.store.servers import ServerState
from tests.support.customers import LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.process import ROOT, Child, environment, flask, python
from tests.support.redis import RedisServer
from tests.support.wait import until
from workers.jobs import QUEUES
from workers.pool import ROLES, PortalWorker


class Folder:
    """One server of the family that `tests.workers.program` adds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.holds("1001", "1002")

    def holds(self, *aors: str) -> None:
        whole = self.path / "whole.json"
        whole.write_text(json.dumps(aors))
        whole.rename(self.path / "lines.json")

    def hang(self) -> None:
        (self.path / "hang").touch()

    def go_on(self) -> None:
        (self.path / "hang").unlink()
        (self.path / "hanging").unlink(missing_ok=True)

    def who_hangs(self) -> int:
        """The worker's process id, 0 for none."""
        try:
            return int((self.path / "hanging").read_text() or 0)
        except FileNotFoundError:
            return 0


@pytest.fixture
def folders(tmp_path: Path, session: Session, customers: Customers) -> dict[str, Folder]:
    """Both servers of the customers, as folders; with a short interval."""
    made = {}
    for hostname, server_id in customers.servers.items():
        made[hostname] = Folder(tmp_path / hostname)
        row = session.get_one(SipServer, server_id)
        row.family, row.management_url, row.pull_interval = "folder", str(made[hostname].path), 0.5
    session.commit()
    return made


class Processes:
    """`flask workers schedule` and `flask workers run` with the family of folders."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ, self._folder = environ, folder
        self.children: list[Child] = []

    def start(self, *arguments: str) -> Child:
        log = self._folder / f"{len(self.children)}-{arguments[0]}.log"
        child = Child(python("-m", "tests.workers.program", "workers", *arguments), log, env=self._environ)
        self.children.append(child)
        return child


@pytest.fixture
def processes(environ: dict[str, str], folders: dict[str, Folder], tmp_path: Path) -> Iterator[Processes]:
    made = Processes(environ, tmp_path)
    yield made
    for child in made.children:
        child.kill()


def state_of(redis: "Redis", server_id: int) -> ServerState:
    return servers.read(redis, [server_id])[server_id]


def lines_of(redis: "Redis", server_id: int) -> set[object]:
    lines = cast("dict[bytes, bytes]", redis.hgetall(keys.lines(server_id)))
    return {name for name, value in lines.items() if codec.decode(value).state is LineState.REGISTERED}


def answered_after(redis: "Redis", server_id: int, moment: datetime) -> bool:
    at = state_of(redis, server_id).answered_at
    return at is not None and at > moment


def children_of(pid: int) -> set[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}


def test_a_worker_killed_in_the_middle_of_a_pull(
    processes: Processes, folders: dict[str, Folder], redis: "Redis", customers: Customers
) -> None:
    server_id, folder = customers.servers[LIVE_HOST], folders[LIVE_HOST]
    processes.start("schedule")
    pool = processes.start("run")
    until(lambda: lines_of(redis, server_id) == {b"1001", b"1002"}, 15, "the first snapshot")
    folder.hang()
    folder.holds("1003")
    victim = until(folder.who_hangs, 10, "a worker is in the middle of a pull")
    good = redis.get(keys.server(server_id))
    os.kill(victim, signal.SIGKILL)
    killed = datetime.now(UTC)
    assert (redis.get(keys.server(server_id)), lines_of(redis, server_id)) == (good, {b"1001", b"1002"})
    folder.go_on()
    until(lambda: answered_after(redis, server_id, killed), 4 + 3, "the next pull, after the lease of the killed one")
    assert lines_of(redis, server_id) == {b"1003"}
    until(lambda: len(children_of(pool.pid)) == 4, 5, "the dead worker is replaced")
    assert victim not in children_of(pool.pid)


def test_who_pulls_gives_way_to_phones_and_people(processes: Processes, folders: dict[str, Folder]) -> None:
    pool = processes.start("run")
    mine = os.getpriority(os.PRIO_PROCESS, 0)

    def niceness() -> list[int]:
        return sorted(os.getpriority(os.PRIO_PROCESS, pid) - mine for pid in children_of(pool.pid))

    # One for those who wait for a look-up, one for mails, two for pulls.
    until(lambda: niceness() == [0, 0, 10 - mine, 10 - mine], 15, "all workers are there")


def test_look_ups_do_not_wait_for_pulls(
    processes: Processes, folders: dict[str, Folder], redis: "Redis", customers: Customers, session: Session
) -> None:
    for folder in folders.values():
        folder.hang()
    processes.start("schedule")
    processes.start("run")
    until(lambda: all(folder.who_hangs() for folder in folders.values()), 15, "every other worker hangs")
    row = session.get_one(Unique, customers.uniques["on_demand"])
    server_id = customers.servers[ON_DEMAND_HOST]
    Queue("lookups", connection=redis, serializer=JSONSerializer).enqueue(
        "workers.jobs.lookup", server_id, row.aor, row.circle_id, datetime.now(UTC).isoformat()
    )

    def answer() -> Standing | None:
        return lookups.read(redis, server_id, row.aor).standing

    assert until(answer, 1, "the answer").state is LineState.REGISTERED


def test_they_go_on_by_themselves_when_redis_was_gone(
    processes: Processes, breakable_redis: RedisServer, redis: "Redis", customers: Customers
) -> None:
    server_id = customers.servers[LIVE_HOST]
    scheduler, pool = processes.start("schedule"), processes.start("run")
    until(lambda: lines_of(redis, server_id), 15, "the first snapshot")
    breakable_redis.kill()
    until(lambda: "Redis does not answer" in scheduler.words(), 5, "the scheduler notices")
    until(lambda: "could not connect to Redis" in pool.words(), 5, "the workers notice")
    breakable_redis.start()

    def back() -> bool:
        try:
            return bool(lines_of(redis, server_id))
        except RedisError:
            return False

    until(back, 10, "a new snapshot")
    assert scheduler.running
    assert pool.running


def test_a_signal_ends_all_of_it_even_while_a_pull_hangs(
    processes: Processes, folders: dict[str, Folder], redis: "Redis"
) -> None:
    folders[LIVE_HOST].hang()
    scheduler, pool = processes.start("schedule"), processes.start("run")
    until(folders[LIVE_HOST].who_hangs, 15, "a worker hangs")
    workers = children_of(pool.pid)
    assert len(workers) == 4
    assert scheduler.stop(5) == 0
    assert pool.stop(10) == 0
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert redis.keys("tsunagari:lease:pull-*") == []
    assert Worker.count(connection=redis) == 0


def test_a_worker_ends_with_the_pool_that_was_killed(redis: "Redis") -> None:
    worker = PortalWorker([Queue("pulls", connection=redis)], connection=redis)
    worker.parent = os.getppid()
    worker.heartbeat()
    worker.parent = -1
    with pytest.raises(StopRequested):
        worker.heartbeat()
    with redis.pipeline() as pipe:
        worker.heartbeat(60, pipe)


def test_rqs_own_worker_pool_runs_our_jobs(environ: dict[str, str], redis: "Redis", customers: Customers) -> None:
    Queue("pulls", connection=redis, serializer=JSONSerializer).enqueue("workers.jobs.pull", 999, result_ttl=0)
    command = python("-m", "rq.cli", "worker-pool", "pulls", "lookups", "--serializer", "json", "--burst")
    done = subprocess.run(
        [*command, "--url", environ["REDIS_URL"], "--num-workers", "1"],
        cwd=ROOT,
        env=environment(environ),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert state_of(redis, 999).problem == "configuration"


def test_every_queue_has_workers() -> None:
    assert set().union(*ROLES) == set(QUEUES)
    assert issubclass(PortalWorker, SimpleWorker)


def test_the_jobs_do_not_bring_the_web_along() -> None:
    code = "import sys, workers.jobs; print(sorted(name for name in sys.modules if name.startswith('flask')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("missing", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
def test_a_missing_setting_is_one_clear_line(environ: dict[str, str], missing: str) -> None:
    given = {name: value for name, value in environ.items() if name != missing}
    for command in (["-m", "flask", "--app", "wsgi", "workers", "schedule"], ["-c", "import wsgi"]):
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment(given), capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert missing in done.stderr


def test_the_operators_commands_are_registered(environ: dict[str, str]) -> None:
    assert {"servers", "workers"} <= set(flask(environ, "--help").split())
