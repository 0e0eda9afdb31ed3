"""Bindings as bytes: what adapters hand on in bulk, what Redis keeps, what pages read. A million of them must be cheap.

One line a contact, sorted: ``refreshed TAB holds TAB uri TAB source TAB transport TAB agent``. `refreshed` is the epoch
second of the last REGISTER, empty where nobody told it; `holds` is for how many seconds from then, or the epoch second
of the end where `refreshed` is empty, and itself empty for a binding that never ends. A byte that no clean text holds
stands for ``sip:``, the line's key and ``@`` at the head of the URI, and as the source for the URI's own host and port.
"""

import re
from datetime import UTC, datetime

from app.domain.registration import Contact, Registration

Row = tuple[bytes, bytes]
"""A line's key and its bindings; no bindings for a line that is not registered."""

JITTER = 2
"""Seconds: servers tell whole seconds left, so the same end comes out up to this much apart."""
_FIELDS = 6
_TAB = b"\t"
SAME = b"\x01"
"""Stands for what the record says elsewhere."""
_NUMBER = rb"(?:-?[0-9]{1,12})?"
_BINDING = _NUMBER + rb"\t" + _NUMBER + rb"(?:\t[^\t\n]*){4}"
_BODY = re.compile(rb"%b(?:\n%b)*" % (_BINDING, _BINDING))


def row_of(registration: Registration) -> Row:
    """A line's key and the bindings that it has."""
    key = registration.aor.encode("utf-8", "replace")
    return key, body_of([_encode(key, contact) for contact in registration.contacts])


def body_of(bindings: list[bytes]) -> bytes:
    """Several bindings of one line as one record: the same ones always come out alike."""
    return b"\n".join(sorted(bindings)) if len(bindings) > 1 else b"".join(bindings)


def binding(
    key: bytes,
    uri: bytes,
    source: bytes = b"",
    transport: bytes = b"",
    agent: bytes = b"",
    *,
    refreshed: int | None,
    expires: int | None,
) -> bytes:
    """One binding from texts that are clean already: no control characters, cut to their lengths."""
    head = b"sip:%b@" % key
    if uri.startswith(head):
        uri = SAME + uri[len(head) :]
    if source and uri.endswith(source) and uri[-len(source) - 1 : -len(source)] in (SAME, b"@"):
        source = SAME
    if refreshed is None:
        return b"\t%b\t%b\t%b\t%b\t%b" % (b"" if expires is None else b"%d" % expires, uri, source, transport, agent)
    holds = b"" if expires is None else b"%d" % (expires - refreshed)
    return b"%d\t%b\t%b\t%b\t%b\t%b" % (refreshed, holds, uri, source, transport, agent)


def contacts_of(key: bytes, body: bytes) -> tuple[Contact, ...]:
    """The bindings in a record, in its order. Raises ValueError for what `binding` did not write."""
    return tuple(_decode(key, line) for line in body.split(b"\n")) if body else ()


def is_body(body: bytes) -> bool:
    """Whether this has the form of at least one binding as `binding` writes it."""
    return _BODY.fullmatch(body) is not None


def expires_of(line: bytes) -> int | None:
    """The epoch second at which one binding ends; None for never."""
    refreshed, holds = line.split(_TAB, 2)[:2]
    return int(refreshed or 0) + int(holds) if holds else None


def refreshed_of(line: bytes) -> int | None:
    """The epoch second of one binding's last REGISTER; None where nobody told it."""
    refreshed = line[: line.index(_TAB)]
    return int(refreshed) if refreshed else None


def alike(old: bytes, new: bytes) -> bool:
    """Whether nothing differs that a person could see, whole seconds of rounding aside."""
    if old == new:
        return True
    before, after = _by_identity(old), _by_identity(new)
    return len(before) == len(after) and all(_alike(*pair) for pair in zip(before, after, strict=True))


def _by_identity(body: bytes) -> list[tuple[bytes, bytes]]:
    """Identity and line of each binding; the identity is all but its times."""
    return sorted((line.split(_TAB, 2)[2], line) for line in body.split(b"\n")) if body else []


def _alike(before: tuple[bytes, bytes], after: tuple[bytes, bytes]) -> bool:
    if before[0] != after[0]:
        return False
    moments = ((moment(before[1]), moment(after[1])) for moment in (refreshed_of, expires_of))
    return all(first == last or _near(first, last) for first, last in moments)


def _near(first: int | None, last: int | None) -> bool:
    return first is not None and last is not None and abs(first - last) <= JITTER


def _encode(key: bytes, contact: Contact) -> bytes:
    return binding(
        key,
        _text(contact.uri),
        _text(contact.source),
        _text(contact.transport),
        _text(contact.user_agent),
        refreshed=_epoch(contact.refreshed_at),
        expires=_epoch(contact.expires_at),
    )


def _text(text: str | None) -> bytes:
    """What adapters wrote is clean; should something not be, it may spoil no other record."""
    return b"" if text is None else text.replace("\t", " ").replace("\n", " ").encode("utf-8", "replace")


def _epoch(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp())


def _decode(key: bytes, line: bytes) -> Contact:
    fields = line.split(_TAB)
    if len(fields) != _FIELDS:
        raise ValueError("not a record of ours")
    _refreshed, _holds, uri, source, transport, agent = fields
    if source == SAME:
        source = uri.rpartition(b"@")[2].removeprefix(SAME)
    whole = b"sip:%b@%b" % (key, uri[1:]) if uri.startswith(SAME) else uri
    return Contact(
        uri=whole.decode("utf-8", "replace"),
        source=source.decode("utf-8", "replace") or None,
        transport=transport.decode("utf-8", "replace") or None,
        user_agent=agent.decode("utf-8", "replace") or None,
        refreshed_at=_moment(refreshed_of(line)),
        expires_at=_moment(expires_of(line)),
    )


def _moment(seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("a time out of range") from error
