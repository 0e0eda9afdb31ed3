"""Device passwords in the `subscriber` table that Kamailio's and OpenSIPS's auth_db read: hashes, no clear text."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from app.domain.aor import aor_key
from workers.sip.base import Problem, SipError
from workers.sip.sql import Database, database, identifier


@dataclass(frozen=True, slots=True)
class SubscriberTable:
    """Where the credentials lie. Names are checked when they are used: SipError(CONFIGURATION)."""

    url: str
    """postgresql://… or sqlite:///path."""
    table: str = "subscriber"
    user_column: str = "username"
    domain_column: str = "domain"
    """Empty where the table knows users only."""
    ha1_column: str = "ha1"
    ha1b_column: str = "ha1b"

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Self | None:
        """The table that a server's options name by `subscriber_url` and `subscriber_*`; None where they do not."""
        if not (url := options.get("subscriber_url")):
            return None
        names = ("table", "user_column", "domain_column", "ha1_column", "ha1b_column")
        return cls(url, **{name: options[f"subscriber_{name}"] for name in names if f"subscriber_{name}" in options})


def set_password(
    store: SubscriberTable, aor: str, password: str, *, home: str, realm: str | None = None, timeout: float = 5.0
) -> None:
    """Overwrite the hashes of a line and empty its clear text password.

    `aor` is a line's key, `home` the domain of a key without one, `realm` what the server challenges with if that is
    not the user's domain. Columns for SHA-256 and SHA-512/256 are filled where the table has them.
    Raises SipError: FAULT "no such subscriber" (permanent), or what the database failed of.
    """
    user, domain = _split(aor)
    with database(store.url, timeout) as opened:
        columns = opened.columns(store.table)
        if store.ha1_column.lower() not in columns:
            raise SipError(Problem.TABLE_MISSING, f"no column {store.ha1_column}", permanent=True)
        name, held_domain = _row(opened, store, user, domain or home.lower())
        hashes = _hashes(store, name, held_domain, realm or held_domain or home, password)
        new = {column: value for column, value in hashes.items() if column.lower() in columns}
        assignments = ", ".join(f"{identifier(column)} = ?" for column in new)
        where, bound = _condition(store, name, held_domain)
        statement = f"UPDATE {identifier(store.table, schema=True)} SET {assignments} {where}"  # noqa: S608  checked names
        opened.execute(statement, (*new.values(), *bound))


def check_table(store: SubscriberTable, timeout: float) -> None:
    """Raises SipError where the table cannot be reached or lacks a column that `set_password` needs."""
    with database(store.url, timeout, read_only=True) as opened:
        columns = opened.columns(store.table)
    needed = {store.user_column, store.ha1_column} | ({store.domain_column} - {""})
    if missing := sorted(column for column in needed if column.lower() not in columns):
        raise SipError(Problem.TABLE_MISSING, f"{store.table} has no {', '.join(missing)}", permanent=True)


def _split(aor: str) -> tuple[str, str]:
    try:
        user, at, domain = aor_key(aor).rpartition("@")
    except ValueError:
        raise SipError(Problem.CONFIGURATION, "no address-of-record", permanent=True) from None
    return (user, domain) if at else (domain, "")


def _row(opened: Database, store: SubscriberTable, user: str, domain: str) -> tuple[str, str]:
    """User and domain as the table spells them: the hash is over the spelling that the phone uses."""
    names = [identifier(column) for column in (store.user_column, store.domain_column) if column]
    where = " AND ".join(f"lower({name}) = ?" for name in names)
    query = f"SELECT {', '.join(names)} FROM {identifier(store.table, schema=True)} WHERE {where}"  # noqa: S608  checked names
    found = list(opened.rows(query, (user, domain)[: len(names)]))
    if not found:
        raise SipError(Problem.FAULT, "no such subscriber", permanent=True)
    if len(found) > 1:
        raise SipError(Problem.FAULT, "several subscribers differ by case only", permanent=True)
    return found[0][0], found[0][1] if store.domain_column else domain


def _condition(store: SubscriberTable, name: str, domain: str) -> tuple[str, tuple[str, ...]]:
    if not store.domain_column:
        return f"WHERE {identifier(store.user_column)} = ?", (name,)
    return f"WHERE {identifier(store.user_column)} = ? AND {identifier(store.domain_column)} = ?", (name, domain)


def _hashes(store: SubscriberTable, user: str, domain: str, realm: str, password: str) -> dict[str, str]:
    secret = f"{user}:{realm}:{password}".encode()
    return {
        store.ha1_column: hashlib.md5(secret).hexdigest(),  # noqa: S324  digest authentication's own hash (RFC 3261 §22.4)
        store.ha1b_column: hashlib.md5(f"{user}@{domain}:{realm}:{password}".encode()).hexdigest(),  # noqa: S324  the same
        "ha1_sha256": hashlib.sha256(secret).hexdigest(),
        "ha1_sha512t256": hashlib.new("sha512_256", secret).hexdigest(),
        "password": "",
    }
