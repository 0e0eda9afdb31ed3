"""The worker processes: RQ's pool, with one worker that is kept for those who wait for a look-up."""

import gc
import logging
import os
import signal
import time
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import TYPE_CHECKING

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from rq.worker_pool import WorkerPool

from app.store.connection import connect
from workers.jobs import QUEUES

if TYPE_CHECKING:
    from redis.client import Pipeline

PULLS, LOOKUPS, MAILS = QUEUES
ROLES = ((LOOKUPS,), (MAILS,), (LOOKUPS, PULLS))
"""What the first and the second worker listen to, and what all others do: a person who waits comes before a pull, and
never waits for the end of one; nobody but mails ever waits for a mail server."""
_TTL = 30
"""Seconds after which RQ misses a worker; it says that it lives twice as often."""
_GRACE = 3.0
"""Seconds that a job gets to end by itself when the pool is stopped."""
_RECONNECT = 1.0
_NICE = 10
_QUIET = "WARNING"

log = logging.getLogger(__name__)


class PortalWorker(SimpleWorker):
    """Runs jobs in its own process, which saves a fork each, and ends with the pool that started it."""

    max_connection_wait_time = 2.0
    parent = 0

    def heartbeat(self, timeout: int | None = None, pipeline: "Pipeline | None" = None) -> None:
        """Say that it lives, unless its pool was killed: nobody would ever end it."""
        super().heartbeat(timeout, pipeline)
        # With a pipeline it is called in the middle of a job.
        if pipeline is None and os.getppid() != self.parent:
            raise StopRequested


class Pool(WorkerPool):
    """A pool of `size` workers; one that dies is replaced by one of its kind."""

    def __init__(self, url: str, size: int) -> None:
        super().__init__(QUEUES, connect(url), num_workers=size, worker_class=PortalWorker, serializer=JSONSerializer)
        self._url = url
        self._kept: dict[int, str] = {}
        self._stop_by: float | None = None

    def get_worker_process(
        self,
        name: str,
        burst: bool,  # noqa: ARG002, FBT001 - the base's signature
        _sleep: float = 0,
        logging_level: str = _QUIET,  # noqa: ARG002 - the base's signature
    ) -> BaseProcess:
        """A process for a new worker, with the role that is missing."""
        vacant = (role for role in range(len(ROLES) - 1) if self._kept.get(role) not in self.worker_dict)
        role = next(vacant, len(ROLES) - 1)
        self._kept[role] = name
        return get_context("fork").Process(target=_work, args=(self._url, name, ROLES[role]), name=f"worker {name}")

    def request_stop(self, signum: int | None = None, frame: FrameType | None = None) -> None:
        """Ask all workers to end after what they are at."""
        self._stop_by = time.monotonic() + _GRACE
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call] # RQ's is untyped

    def all_workers_have_stopped(self) -> bool:
        """Whether all have ended; who takes too long is asked again, which ends its job too."""
        if self._stop_by is not None and time.monotonic() > self._stop_by:
            self.stop_workers()  # type: ignore[no-untyped-call] # RQ's is untyped
        return bool(super().all_workers_have_stopped())


def _work(url: str, name: str, role: tuple[str, ...]) -> None:
    # The pool's own handlers came along with the fork.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = os.getppid()
    redis = connect(url)
    _await(redis)
    queues = [Queue(queue, connection=redis, serializer=JSONSerializer) for queue in role]
    worker = PortalWorker(queues, name=name, connection=redis, serializer=JSONSerializer, worker_ttl=_TTL)
    worker.parent = parent
    settle()
    if PULLS in role:
        give_way()
    worker.work(logging_level=_QUIET)


def settle() -> None:
    """What this process has loaded stays: to look through it for garbage again and again takes 40 ms each time."""
    gc.collect()
    gc.freeze()


def give_way() -> None:
    """On a host that has too little for all, phones and people are served before a pull goes on."""
    os.setpriority(os.PRIO_PROCESS, 0, _NICE)


def _await(redis: "Redis") -> None:
    """Return once Redis answers."""
    while True:
        try:
            redis.ping()
        except RedisError as error:
            log.warning("a worker waits for Redis: %s", type(error).__name__)
            time.sleep(_RECONNECT)
        else:
            return
