"""A database for a real Kamailio: its own tables, made by the scripts that its packages bring."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

from demo.kamailio import ha1_of
from tests.support.postgres import Postgres
from workers.sip.sql import database

_SCRIPTS = Path("/usr/share/kamailio")
_TABLES = ("standard", "usrloc", "auth_db")


@dataclass(frozen=True)
class KamailioDatabase:
    """Its two URLs: as Kamailio writes them, and as we do."""

    theirs: str
    ours: str

    def defines(self, *, db_mode: int = 1, epochs: bool = False) -> list[str]:
        """What makes Kamailio keep its bindings there."""
        chosen = ["WITH_SQLITE", "WITH_POSTGRES", f'LOCATION="{self.theirs}"', f"DB_MODE={db_mode}"]
        return [*chosen, "EXPIRES_TYPE=1"] if epochs else chosen

    def subscribe(self, user: str, realm: str, password: str) -> None:
        """Add a subscriber, with hashes only."""
        row = (user, realm, ha1_of(user, realm, password), ha1_of(f"{user}@{realm}", realm, password))
        self.execute("INSERT INTO subscriber (username, domain, ha1, ha1b) VALUES (?, ?, ?, ?)", *row)

    def execute(self, statement: str, *values: object) -> None:
        """Run one statement."""
        with database(self.ours, 10) as opened:
            opened.execute(statement, values)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """All that a query finds."""
        with database(self.ours, 10, read_only=True) as opened:
            return list(opened.rows(query))


def on_sqlite(folder: Path, *, epochs: bool = False) -> KamailioDatabase:
    """A new file in `folder`."""
    path = folder / "kamailio.db"
    with closing(sqlite3.connect(path)) as connection:
        # Kamailio writes from several processes.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_script("db_sqlite", epochs=epochs))
    return KamailioDatabase(f"sqlite:///{path}", f"sqlite:///{path}")


def on_postgres(postgres: Postgres, *, epochs: bool = False) -> KamailioDatabase:
    """A new database of the cluster."""
    url = postgres.url(postgres.create())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_script("postgres", epochs=epochs).encode())
    return KamailioDatabase(url.replace("postgresql://", "postgres://"), url)


def _script(folder: str, *, epochs: bool) -> str:
    script = "\n".join((_SCRIPTS / folder / f"{name}-create.sql").read_text() for name in _TABLES)
    if not epochs:
        return script
    lines = (
        line.replace("TIMESTAMP WITHOUT TIME ZONE DEFAULT '2030-05-28 21:32:15'", "BIGINT DEFAULT 0").replace(
            "TIMESTAMP WITHOUT TIME ZONE DEFAULT '2000-01-01 00:00:01'", "BIGINT DEFAULT 0"
        )
        for line in script.splitlines()
    )
    return "\n".join(lines)
