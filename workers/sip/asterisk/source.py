"""Where the contacts of an Asterisk are read from."""

from workers.sip.asterisk.session import RefusalError, Session
from workers.sip.base import Endpoint, Problem, SipError

ASTDB = "astdb"
CONTACTS = "contacts"
_DUMP_LIMIT = 5000


def source_of(endpoint: Endpoint) -> str:
    """The configured source. Raises SipError(CONFIGURATION) for a word that names none."""
    source = endpoint.options.get("source", ASTDB)
    if source not in (ASTDB, CONTACTS):
        raise SipError(Problem.CONFIGURATION, f"the source must be {ASTDB} or {CONTACTS}", permanent=True)
    return source


def contacts_of(session: Session, source: str, endpoint: Endpoint) -> list[bytes]:
    """The messages with all contacts, whole by their number. Raises SipError."""
    if source == ASTDB:
        return session.listing("DBGetTree", Family="registrar/contact")
    limit = _dump_limit(endpoint)
    # The server builds the whole list before the first byte: what it holds is asked where that costs little.
    if len(in_astdb(session)) > limit:
        raise SipError(Problem.TOO_LARGE, f"more than {limit} contacts: choose the source {ASTDB}", permanent=True)
    try:
        return session.listing("PJSIPShowRegistrationInboundContactStatuses", most=limit)
    except SipError as error:
        if error.problem is not Problem.COMMAND_MISSING:
            raise
        return session.listing("PJSIPShowContacts", most=limit)


def in_astdb(session: Session) -> list[bytes]:
    """What Asterisk's own database holds; nothing where it cannot be asked."""
    try:
        return session.listing("DBGetTree", Family="registrar/contact")
    except SipError as error:
        if error.permanent or isinstance(error, RefusalError):
            return []
        raise


def _dump_limit(endpoint: Endpoint) -> int:
    text = endpoint.options.get("dump_limit", str(_DUMP_LIMIT))
    if not text.isascii() or not text.isdigit():
        raise SipError(Problem.CONFIGURATION, "dump_limit must be a number", permanent=True)
    return int(text[:9])
