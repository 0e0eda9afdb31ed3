"""Enqueues a pull of each live server when it is due. Any number of schedulers do the work of one."""

import contextlib
import logging
import threading
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from redis.exceptions import RedisError, WatchError
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.registry import ScheduledJobRegistry
from rq.serializers import JSONSerializer
from sqlalchemy import or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.domain.sign import StatusRule, stretched
from app.models import SipServer, Unique, UniqueType
from app.store import keys, servers
from app.store.lease import Lease
from app.store.servers import ServerState
from workers.pulling import QUEUED_SECONDS, pull_lease, queued_key
from workers.runtime import Runtime

JOB = "workers.jobs.pull"
PRUNE = "workers.jobs.prune"
_PRUNE_EVERY = timedelta(minutes=1)
_JOB_SECONDS = 300
_FAILURE_SECONDS = 60
_LEADER_SECONDS = 3.0
_REREAD = timedelta(seconds=2)
"""How old the list of servers may be: an operator's change is noticed within a few seconds."""
_IDLE = 1.0
_BUSY = 0.5
TAKE_UP = timedelta(seconds=2)
"""How long a worker may be busy with a pull that it took out of the queue before the pull's lease says so."""
# Whether the pull that a mark tells of waits. One that is no longer in the queue is begun any moment, or was lost with
# the worker that took it or on the way there: it must not hold the next one back for as long as a queue may be long.
_WAITS = """
local job=redis.call('get',KEYS[1])
if not job then return 0 end
if not redis.call('lpos',KEYS[2],job) and redis.call('pttl',KEYS[1])>tonumber(ARGV[1]) then
  redis.call('pexpire',KEYS[1],ARGV[1])
end
return 1
"""

log = logging.getLogger(__name__)


class Scheduler:
    """One of perhaps several; the one that holds the leader's lease enqueues."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._redis = runtime.redis
        self._queue = Queue("pulls", connection=runtime.redis, serializer=JSONSerializer)
        self._mails = Queue("mails", connection=runtime.redis, serializer=JSONSerializer)
        self._later = ScheduledJobRegistry(queue=self._mails)  # type: ignore[no-untyped-call] # RQ's is untyped
        """Mails that could not be sent and are to be tried again: the workers have no scheduler of their own."""
        self._leader = Lease(runtime.redis, "schedule", _LEADER_SECONDS)
        self._servers: Mapping[int, float] = {}
        self._read_at: datetime | None = None
        self._pruned_at: datetime | None = None
        self._outages: set[str] = set()

    def step(self, now: datetime) -> float:
        """Enqueue what is due at `now`; the seconds until it is worth looking again.

        With the database gone it goes on with the servers that it knows, with Redis gone it comes back to see.
        """
        self._reread(now)
        try:
            wait = self._lead(now) if self._leader.renew() or self._leader.take() else _IDLE
        except RedisError as error:
            self._gone("Redis", error)
            return _IDLE
        self._back("Redis")
        return wait

    def run(self, stop: threading.Event) -> None:
        """Step until `stop` is set, then let another scheduler take over."""
        while not stop.is_set():
            stop.wait(self.step(self._runtime.clock()))
        with contextlib.suppress(RedisError):
            self._leader.release()

    def _reread(self, now: datetime) -> None:
        if self._read_at is not None and timedelta() <= now - self._read_at < _REREAD:
            return
        self._read_at = now
        try:
            with self._runtime.sessions() as session:
                self._servers = live_servers(session)
        except SQLAlchemyError as error:
            self._gone("the database", error)
        else:
            self._back("the database")

    def _lead(self, now: datetime) -> float:
        for job_id in self._later.get_jobs_to_schedule(int(now.timestamp())):
            with contextlib.suppress(NoSuchJobError):
                self._mails.enqueue_job(Job.fetch(job_id, self._redis, serializer=JSONSerializer))
            self._later.remove(job_id)
        self._prune(now)
        return self._enqueue_due(now)

    def _prune(self, now: datetime) -> None:
        """Let old changes be forgotten, by the worker that mostly waits for mails: no pull is kept waiting."""
        if self._pruned_at is not None and timedelta() <= now - self._pruned_at < _PRUNE_EVERY:
            return
        started, self._pruned_at = self._pruned_at is None, now
        if started:
            return
        seconds = int(_PRUNE_EVERY.total_seconds())
        self._mails.enqueue(PRUNE, job_timeout=_JOB_SECONDS, ttl=seconds, result_ttl=0, failure_ttl=_FAILURE_SECONDS)

    def _enqueue_due(self, now: datetime) -> float:
        due = {int(name): float(at) for name, at in self._redis.hgetall(keys.due()).items()}
        if gone := due.keys() - self._servers.keys():
            self._redis.hdel(keys.due(), *map(str, gone))
        wait, states = _IDLE, servers.read(self._redis, self._servers)
        for server_id, interval in self._servers.items():
            ahead = due.get(server_id, 0.0) - now.timestamp()
            # A pull that took long has stretched its interval; what is due later still, somebody's clock wrote.
            if 0 < ahead <= _longest(interval, states[server_id]):
                wait = min(wait, ahead)
            elif self._enqueue(server_id):
                # A server that kept its time keeps it; one that is late, or whose interval changed, starts anew.
                following = ahead + interval if -interval < ahead <= 0 else interval
                self._redis.hset(keys.due(), str(server_id), now.timestamp() + following)
                wait = min(wait, following)
            else:
                wait = min(wait, _BUSY)
        return wait

    def _enqueue(self, server_id: int) -> bool:
        """Whether a pull is now in the queue that was not; False while one waits there or is at work."""
        if self._redis.exists(pull_lease(self._redis, server_id).key):
            return False
        if self._waits(server_id):
            return False
        self._drop_forgotten()
        try:
            self._put(server_id)
        except WatchError:
            return False
        return True

    def _waits(self, server_id: int) -> bool:
        mark, grace = queued_key(server_id), int(TAKE_UP.total_seconds() * 1000)
        return bool(self._redis.eval(_WAITS, 2, mark, self._queue.key, grace))

    def _put(self, server_id: int) -> None:
        """Enqueue and mark both, or neither, whatever becomes of the connection. Raises WatchError if another did."""
        job_id, mark = str(uuid.uuid4()), queued_key(server_id)
        with self._redis.pipeline() as pipe:
            pipe.watch(mark)  # type: ignore[no-untyped-call] # the client's one method without types
            if pipe.exists(mark):
                raise WatchError
            pipe.multi()
            pipe.set(mark, job_id, ex=QUEUED_SECONDS)
            self._queue.enqueue(
                JOB,
                server_id,
                job_id=job_id,
                job_timeout=_JOB_SECONDS,
                ttl=QUEUED_SECONDS,
                result_ttl=0,
                failure_ttl=_FAILURE_SECONDS,
                pipeline=pipe,
            )
            pipe.execute()

    def _drop_forgotten(self) -> None:
        """Keep the queue short while no worker takes anything from it: the ids of expired jobs stay there."""
        if self._queue.count <= 2 * len(self._servers):
            return
        log.warning("no worker takes up pulls")
        for job_id in self._queue.get_job_ids():
            if not Job.exists(job_id, self._redis):
                self._queue.remove(job_id)

    def _gone(self, what: str, error: Exception) -> None:
        if what not in self._outages:
            self._outages.add(what)
            log.warning("%s does not answer: %s", what, type(error).__name__)

    def _back(self, what: str) -> None:
        if what in self._outages:
            self._outages.remove(what)
            log.warning("%s answers again", what)


def _longest(interval: float, state: ServerState) -> float:
    """How many seconds after a pull the next may be due; an answer that was refused kept its server busy too."""
    busy = timedelta(seconds=state.busy)
    return max(state.interval, stretched(timedelta(seconds=interval), busy=busy)).total_seconds()


def live_servers(session: Session) -> dict[int, float]:
    """Seconds between two pulls, by server id: live servers, and those where a line's type alone makes it live."""
    # A look into an index for each server and type, every few seconds. Not EXISTS: PostgreSQL may answer that for all
    # servers at once, from a walk through all such lines.
    one_live_line = (
        select(Unique.id)
        .join(UniqueType, UniqueType.code == Unique.type_code)
        .where(
            Unique.server_id == SipServer.id,
            UniqueType.rule == StatusRule.LIVE,
            Unique.ip_authentication.is_(False),
        )
        .limit(1)
        .scalar_subquery()
    )
    wanted = select(SipServer.id, SipServer.pull_interval).where(or_(SipServer.live, one_live_line.is_not(None)))
    return dict(session.execute(wanted.order_by(SipServer.id)).all())
