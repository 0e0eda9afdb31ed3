"""The real web server on a free port: gunicorn as in production, and the real workers beside it."""

import http.client
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from tests.support.process import Child, python
from tests.support.wait import until


class LiveServer:
    """The portal under gunicorn. The port stays its own while it is stopped and started again."""

    def __init__(
        self, environ: Mapping[str, str], folder: Path, application: str = "wsgi:app", *, workers: int = 1
    ) -> None:
        self._environ = environ
        self._application = application
        self._workers = workers
        self._log = folder / "web.log"
        # The listening socket is ours and is handed on, so that nobody can take the port in between.
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._child: Child | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        descriptor = self._socket.fileno()
        child = Child(self._command(descriptor), self._log, env=self._environ, fds=(descriptor,))
        self._child = child
        until(lambda: child.running and self._answers(), 30, "the portal answers")

    def stop(self) -> None:
        """End it; requests then wait unanswered at its port."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def close(self) -> None:
        """End it and give the port up."""
        self.stop()
        self._socket.close()

    def words(self) -> str:
        """The end of its log."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]

    @property
    def processes(self) -> list[int]:
        """The ids of its workers, and of the process that watches over them."""
        return [] if self._child is None else [self._child.pid, *self._child.children()]

    def _command(self, descriptor: int) -> list[str]:
        """With the options of production, which gunicorn.conf.py holds."""
        return python(
            "-m", "gunicorn", "--workers", str(self._workers), "--no-control-socket", "--graceful-timeout", "2",
            "--bind", f"fd://{descriptor}", self._application,
        )  # fmt: skip

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/login")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Workers:
    """The scheduler and the pool of RQ workers, as operators start them."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder
        self._children: dict[str, Child] = {}

    def start(self) -> None:
        """Start both; whoever needs their work waits for what it does."""
        for name in ("schedule", "run"):
            self.begin(name)

    def begin(self, name: str) -> None:
        """Start `schedule` or `run`."""
        command = python("-m", "flask", "--app", "wsgi", "workers", name)
        self._children[name] = Child(command, self._folder / f"workers-{name}.log", env=self._environ)

    def end(self, name: str) -> None:
        """End one of them in good order."""
        self._children.pop(name).stop()

    def kill_running(self) -> None:
        """SIGKILL to all workers at once; their pool stays."""
        for worker in self._children["run"].children():
            os.kill(worker, signal.SIGKILL)

    def child(self, name: str) -> Child:
        """`schedule` or `run`, to be signalled."""
        return self._children[name]

    def words(self) -> str:
        """The ends of both logs."""
        return "\n".join(f"{name}: {child.words()}" for name, child in self._children.items())

    def stop(self) -> None:
        """End both in good order."""
        children, self._children = self._children, {}
        try:
            for child in children.values():
                child.stop()
        finally:
            for child in children.values():
                child.kill()
