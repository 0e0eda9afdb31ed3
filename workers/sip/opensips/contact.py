"""One binding as OpenSIPS describes it, whether on its management interface or in its location table."""

from datetime import datetime, timedelta
from urllib.parse import unquote

from app.domain.aor import aor_key
from app.domain.registration import Contact
from app.domain.text import clean
from workers.sip.base import Problem, SipError

TRANSPORTS = frozenset(("udp", "tcp", "tls", "ws", "wss", "sctp"))
_ENDED = frozenset(("expired", "deleted"))


def line_key(text: object, home: str) -> str:
    """The key of the line that the server calls `text`. Raises ValueError where that is no name."""
    if not isinstance(text, str):
        raise ValueError("no address-of-record")  # noqa: TRY004  one error for every name that is none
    key = aor_key(text, home)
    # JSON can escape half a surrogate pair, which no store could write.
    key.encode()
    return key


def wire_aor(text: str, home: str) -> str:
    """`text` as the server wants to be asked: with a domain, and in the case in which it is given.

    A server without use_domain cuts the domain off. Raises ValueError where `text` is no address-of-record.
    """
    line_key(text, home)
    name = text.strip()
    if name.lower().startswith(("sip:", "sips:")):
        name = name.partition(":")[2]
    user, at, domain = unquote(name.partition(";")[0].partition("?")[0]).rpartition("@")
    return f"{user}@{domain.partition(':')[0]}" if at else f"{domain}@{home}"


def contacts_of(found: object, answered_at: datetime) -> tuple[list[Contact], int]:
    """The contacts that have not ended, and how many cannot be read. Raises SipError(GARBAGE) for no list."""
    if not isinstance(found, list):
        raise SipError(Problem.GARBAGE, "a line without a list of contacts")
    contacts: list[Contact] = []
    broken = 0
    for record in found:
        try:
            contact = _contact(record, answered_at)
        except (KeyError, TypeError, ValueError, OverflowError):
            broken += 1
        else:
            contacts += [contact] if contact else []
    return contacts, broken


def _contact(record: dict[str, object], answered_at: datetime) -> Contact | None:
    """One binding, None for one that has ended."""
    uri, expires = record["Contact"], record["Expires"]
    if not isinstance(uri, str) or not clean(uri):
        raise ValueError("no contact address")
    if isinstance(expires, str) and expires in _ENDED:
        return None
    return Contact(
        uri=clean(uri),
        source=source_of(record.get("Received")),
        transport=transport_of(uri, record.get("Socket")),
        user_agent=user_agent_of(record.get("User-agent")),
        expires_at=_expiry(expires, answered_at),
    )


def _expiry(expires: object, answered_at: datetime) -> datetime | None:
    if expires == "permanent":
        return None
    if isinstance(expires, bool) or not isinstance(expires, int | float) or expires < 0:
        raise ValueError("no expiry")
    return answered_at + timedelta(seconds=expires)


def source_of(received: object) -> str | None:
    """host:port in the URI that the server noted for a contact behind NAT."""
    if not isinstance(received, str):
        return None
    host = received.partition(":")[2].partition(";")[0].partition("?")[0].rpartition("@")[2]
    return clean(host) or None


def transport_of(uri: str, socket: object) -> str | None:
    """What the contact's URI asks for, else what the server's own socket speaks."""
    parameters = uri.rpartition("@")[2].partition("?")[0].lower().split(";")[1:]
    asked = [value for name, _, value in (parameter.partition("=") for parameter in parameters) if name == "transport"]
    spoken = [socket.partition(":")[0].lower()] if isinstance(socket, str) else []
    return next((name for name in asked + spoken if name in TRANSPORTS), None)


def user_agent_of(text: object) -> str | None:
    """The phone's name. The server says n/a for none, an empty one and one of 255 bytes or more."""
    return (clean(text) or None) if isinstance(text, str) and text != "n/a" else None
