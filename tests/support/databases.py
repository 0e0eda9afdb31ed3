"""Databases for tests: each test has a fresh one, a copy of one that the real migrations made once."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.postgres import Postgres
from tests.support.process import flask

KINDS = ("sqlite", "postgresql")
SECRET = "only tests have this secret, and it is long enough"
PUBLIC_URL = "https://portal.example.jp"


def settings(database_url: str, redis_url: str) -> dict[str, str]:
    """The environment of a portal or worker over plain HTTP."""
    return {
        "SECRET_KEY": SECRET,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "INSECURE_COOKIES": "1",
        "MAIL_URL": "console:",
        "PUBLIC_URL": PUBLIC_URL,
    }


class Databases:
    """Makes databases of each kind; PostgreSQL is started only when a test wants one."""

    def __init__(self, folder: Path, postgres: Callable[[], Postgres]) -> None:
        self._folder = folder
        self._postgres = postgres
        self._numbers = itertools.count(1)
        self._templates: dict[str, str] = {}

    def empty(self, kind: str) -> str:
        """The URL of a database without a table."""
        if kind == "sqlite":
            return f"sqlite:///{self._file()}"
        server = self._postgres()
        return server.url(server.create())

    def migrated(self, kind: str) -> str:
        """The URL of a database as `flask db upgrade` leaves an empty one."""
        if kind not in self._templates:
            self._templates[kind] = self.empty(kind)
            flask(settings(self._templates[kind], "redis://127.0.0.1:1/0"), "db", "upgrade")
        template = self._templates[kind]
        if kind == "sqlite":
            return f"sqlite:///{shutil.copyfile(template.removeprefix('sqlite:///'), self._file())}"
        server = self._postgres()
        return server.url(server.create(template.rpartition("/")[2]))

    def drop(self, url: str) -> None:
        """Remove a database that no test needs any more."""
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).unlink(missing_ok=True)
        else:
            self._postgres().drop(url.rpartition("/")[2])

    def _file(self) -> Path:
        return self._folder / f"test_{next(self._numbers)}.sqlite3"
