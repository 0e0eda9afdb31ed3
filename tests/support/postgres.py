"""A real PostgreSQL for tests, in a folder of its own."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support.ports import free_port
from tests.support.wait import until

_USER = "tsunagari"


def _program(name: str) -> str:
    # Debian keeps the server's programs out of PATH, one folder a version.
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    found = shutil.which(name, path=os.pathsep.join([*map(str, reversed(folders)), os.environ.get("PATH", "")]))
    if found is None:
        raise AssertionError(f"{name} is not installed: apt-get install postgresql")
    return found


class Postgres:
    """One cluster. It refuses to run as root, so that root starts it as the user `postgres`."""

    def __init__(self) -> None:
        self.port = free_port()
        self._directory = Path(tempfile.mkdtemp(prefix="tsunagari-postgres-"))
        self._log = self._directory / "log"
        self._owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Make the cluster and wait until it answers."""
        self._make()
        self.resume()

    def halt(self) -> None:
        """End it at once, whoever is connected; its data stay."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def _make(self) -> None:
        if self._owner:
            os.chown(self._directory, self._owner.pw_uid, self._owner.pw_gid)
        data = str(self._directory / "data")
        made = self._run(["initdb", "-D", data, "-U", _USER, "--auth=trust", "--no-sync", "--locale=C", "-E", "UTF8"])
        if made.wait(60):
            raise AssertionError(f"initdb failed: {self._words()}")

    def resume(self) -> None:
        """Start it with the data that it has, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._directory),
            "fsync": "off",
            "max_connections": "60",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        data = str(self._directory / "data")
        self._process = self._run(["postgres", "-D", data, "-p", str(self.port), *options])
        until(self._answers, 20, "PostgreSQL answers")

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        name, *arguments = command
        owner = self._owner
        with self._log.open("ab") as output:
            return subprocess.Popen(
                [_program(name), *arguments],
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=owner.pw_uid if owner else None,
                group=owner.pw_gid if owner else None,
                extra_groups=[] if owner else None,
            )

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of one database."""
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template0") -> str:
        """The name of a new database, a copy of `template`, which nobody may be connected to."""
        name = f"test_{next(self._numbers)}"
        self._admin(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self._admin(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def stop(self) -> None:
        """End it without waiting for clients, and remove the folder."""
        self.halt()
        shutil.rmtree(self._directory)

    def _admin(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._dsn(), autocommit=True) as connection:
            connection.execute(statement)

    def _dsn(self) -> str:
        return f"host=127.0.0.1 port={self.port} user={_USER} dbname=postgres connect_timeout=5"

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"PostgreSQL ended: {self._words()}")
        try:
            psycopg.connect(self._dsn()).close()
        except psycopg.OperationalError:
            return False
        return True

    def _words(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
