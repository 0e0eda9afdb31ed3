"""The table `subscriber` in a SQLite file, as auth_db would read it: what the portal overwrites device passwords in."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from demo.registrar.digest import ha1_of

_TABLE = """
CREATE TABLE IF NOT EXISTS subscriber (
    username TEXT NOT NULL, domain TEXT NOT NULL, password TEXT NOT NULL DEFAULT '',
    ha1 TEXT NOT NULL, ha1b TEXT NOT NULL, PRIMARY KEY (username, domain)
)
"""
_ADD = "INSERT OR IGNORE INTO subscriber (username, domain, ha1, ha1b) VALUES (?, ?, ?, ?)"


def add(path: Path, realm: str, users: Mapping[str, str]) -> set[str]:
    """Add the hashes of users who are missing to the file, which only its owner may read.

    What customers have overwritten stays: returns whose password is no longer that of `users`.
    """
    path.touch(mode=0o600)
    rows = [
        (user, realm, ha1_of(user, realm, password), ha1_of(f"{user}@{realm}", realm, password))
        for user, password in users.items()
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(_TABLE)
        connection.executemany(_ADD, rows)
        kept = dict(connection.execute("SELECT username, ha1 FROM subscriber"))
    return {user for user, _, ha1, _ in rows if kept[user] != ha1}


class Subscribers:
    """Reads it at every question, since the portal may just have written."""

    def __init__(self, path: Path, realm: str) -> None:
        self._url = f"{path.resolve().as_uri()}?mode=ro"
        self._realm = realm

    def ha1(self, user: str) -> str | None:
        """The hash of a user; None for nobody's, and while the file can't be read."""
        query = "SELECT ha1 FROM subscriber WHERE username = ? AND domain = ?"
        try:
            with closing(sqlite3.connect(self._url, uri=True)) as connection:
                row = connection.execute(query, (user, self._realm)).fetchone()
        except (sqlite3.Error, UnicodeEncodeError):
            return None
        return str(row[0]) if row else None
