"""The device password in Asterisk's realtime table of credentials, as a hash (`ps_auths`, auth_type ``md5``)."""

import hashlib

from app.domain.aor import aor_key
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.sql import Database, database, identifier

_TABLE = "ps_auths"
# What Asterisk challenges with unless its configuration names another realm.
_REALM = "asterisk"
_COLUMNS = frozenset(("id", "auth_type", "username", "realm", "password", "md5_cred"))


def set_password(endpoint: Endpoint, aor: str, password: str) -> None:
    """Overwrite the hash of the credentials whose user name is the line's, and remove their clear text.

    The realm is the row's own, else options["realm"], else Asterisk's default. Raises SipError: UNSUPPORTED without
    options["realtime_url"], FAULT where not exactly one row has that user name, or what the database failed of.
    """
    url, table = _where(endpoint)
    try:
        user = aor_key(aor, endpoint.hostname).partition("@")[0]
    except ValueError:
        raise SipError(Problem.CONFIGURATION, "no address-of-record", permanent=True) from None
    with database(url, endpoint.timeout) as opened:
        _need_columns(opened, table)
        row, name, realm = _row(opened, table, user)
        secret = f"{name}:{realm or endpoint.options.get('realm', _REALM)}:{password}"
        cred = hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest()
        statement = f"UPDATE {table} SET auth_type = 'md5', md5_cred = ?, password = NULL WHERE id = ?"  # noqa: S608  checked name
        opened.execute(statement, (cred, row))


def check(endpoint: Endpoint) -> None:
    """Raises SipError where the table cannot be reached or is not Asterisk's."""
    url, table = _where(endpoint)
    with database(url, endpoint.timeout, read_only=True) as opened:
        _need_columns(opened, table)


def _where(endpoint: Endpoint) -> tuple[str, str]:
    url = endpoint.options.get("realtime_url")
    if not url:
        raise SipError(Problem.UNSUPPORTED, "the credentials are not in a realtime database", permanent=True)
    return url, identifier(endpoint.options.get("realtime_table", _TABLE), schema=True)


def _need_columns(opened: Database, table: str) -> None:
    if missing := sorted(_COLUMNS - opened.columns(table)):
        raise SipError(Problem.TABLE_MISSING, f"{table} has no {', '.join(missing)}", permanent=True)


def _row(opened: Database, table: str, user: str) -> tuple[str, str, str | None]:
    """Id, user name as it is spelt, and realm."""
    query = f"SELECT id, username, realm FROM {table} WHERE lower(username) = ?"  # noqa: S608  checked name
    found = list(opened.rows(query, (user,)))
    if len(found) != 1:
        what = "several credentials of that name" if found else "no such subscriber"
        raise SipError(Problem.FAULT, what, permanent=True)
    return found[0][0], found[0][1], found[0][2]
