"""Bindings as bytes: what adapters hand on in bulk, what Redis keeps, what pages read. A million of them must be cheap.

One line a contact, sorted: ``refreshed TAB ends TAB uri TAB source TAB agent TAB transport``. `refreshed` is the epoch
second of the last REGISTER, empty where nobody told it; `ends` that of the end, empty for a binding that never ends.
The source is a host and port, or the URI in which a server keeps them: such a line may stand in a server's table as it
stands here, and is then not put together at all.
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
_URI = b"sip:"
_NUMBER = rb"(?:-?[0-9]{1,12})?"
# The end is a time of these centuries: earlier versions kept there for how many seconds a binding holds, and a byte
# that no clean text holds for what a record said elsewhere.
_END = rb"(?:[0-9]{9,12})?"
_BINDING = _NUMBER + rb"\t" + _END + rb"(?:\t[^\t\n\x01]*){4}"
_BODY = re.compile(rb"%b(?:\n%b)*" % (_BINDING, _BINDING))


def row_of(registration: Registration) -> Row:
    """A line's key and the bindings that it has."""
    key = registration.aor.encode("utf-8", "replace")
    return key, body_of([_encode(contact) for contact in registration.contacts])


def body_of(bindings: list[bytes]) -> bytes:
    """Several bindings of one line as one record: the same ones always come out alike."""
    return b"\n".join(sorted(bindings)) if len(bindings) > 1 else b"".join(bindings)


def binding(
    uri: bytes,
    source: bytes = b"",
    transport: bytes = b"",
    agent: bytes = b"",
    *,
    refreshed: int | None,
    expires: int | None,
) -> bytes:
    """One binding from texts that are clean already: no control characters, cut to their lengths."""
    if source.startswith(_URI):
        source = _URI + source
    begun, ends = (b"" if moment is None else b"%d" % moment for moment in (refreshed, expires))
    return b"%b\t%b\t%b\t%b\t%b\t%b" % (begun, ends, uri, source, agent, transport)


def contacts_of(body: bytes) -> tuple[Contact, ...]:
    """The bindings in a record, in its order. Raises ValueError for what `binding` did not write."""
    return tuple(map(_decode, body.split(b"\n"))) if body else ()


def is_body(body: bytes) -> bool:
    """Whether this has the form of at least one binding as `binding` writes it."""
    return _BODY.fullmatch(body) is not None


def expires_of(line: bytes) -> int | None:
    """The epoch second at which one binding ends; None for never."""
    ends = line.split(_TAB, 2)[1]
    return int(ends) if ends else None


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


def _by_identity(body: bytes) -> list[tuple[tuple[bytes, ...], bytes]]:
    """Identity and line of each binding; the identity is all but its times."""
    return sorted((_identity(line), line) for line in body.split(b"\n")) if body else []


def _identity(line: bytes) -> tuple[bytes, ...]:
    _refreshed, _ends, uri, source, *more = line.split(_TAB)
    return uri, _host(source), *more


def _host(source: bytes) -> bytes:
    """Host and port of a source; the parameters of its URI say nothing of them."""
    return source[len(_URI) :].partition(b";")[0] if source.startswith(_URI) else source


def _alike(before: tuple[tuple[bytes, ...], bytes], after: tuple[tuple[bytes, ...], bytes]) -> bool:
    if before[0] != after[0]:
        return False
    moments = ((moment(before[1]), moment(after[1])) for moment in (refreshed_of, expires_of))
    return all(first == last or _near(first, last) for first, last in moments)


def _near(first: int | None, last: int | None) -> bool:
    return first is not None and last is not None and abs(first - last) <= JITTER


def _encode(contact: Contact) -> bytes:
    return binding(
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


def _decode(line: bytes) -> Contact:
    fields = line.split(_TAB)
    if len(fields) != _FIELDS:
        raise ValueError("not a record of ours")
    _refreshed, _ends, uri, source, agent, transport = fields
    return Contact(
        uri=uri.decode("utf-8", "replace"),
        source=_host(source).decode("utf-8", "replace") or None,
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
