"""The registrar's location service (RFC 3261 §10.3) as plain state.

Times are whole seconds since the epoch, as Kamailio tells them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

MAX_CONTACTS = 10
DEFAULT_EXPIRES = 3600
MIN_EXPIRES = 2
"""A shorter interval is lengthened to this, as Kamailio does with min_expires."""
MAX_EXPIRES = 2**31 - 1


class RejectedError(Exception):
    """A REGISTER that changes nothing."""

    def __init__(self, status: int, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Wanted:
    """One Contact of a REGISTER; `expires` 0 takes it away, None leaves it to the registrar."""

    uri: str
    expires: int | None = None
    q: float | None = None
    instance: str | None = None
    reg_id: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """What all Contacts of one REGISTER share. `received` is where it came from, as a SIP URI."""

    call_id: str
    cseq: int
    user_agent: str | None = None
    received: str | None = None
    path: str | None = None
    methods: int = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Binding:
    """An address-of-record's binding to one contact."""

    contact: Wanted
    origin: Origin
    expires_at: int
    modified_at: int
    ruid: str

    def current(self, now: int) -> bool:
        """Whether it still holds."""
        return self.expires_at > now


class Bindings:
    """Every binding of the registrar, by address-of-record (a user name in lower case)."""

    def __init__(self, prefix: str = "uloc-0-0", max_contacts: int = MAX_CONTACTS) -> None:
        self._prefix = prefix
        self._max_contacts = max_contacts
        self._lines: dict[str, dict[str, Binding]] = {}
        self._counter = 0
        self.expired = 0
        """How many bindings ended without being taken away."""

    def register(self, aor: str, wanted: list[Wanted], origin: Origin, now: int) -> list[Binding]:
        """Apply the Contacts all or none, and return what is bound then. Raises RejectedError."""
        kept = {binding.contact.uri: binding for binding in self.current(aor, now)}
        for contact in wanted:
            self._apply(kept, contact, origin, now)
        if len(kept) > self._max_contacts:
            raise RejectedError(503, "Service Unavailable", "Too many registered contacts")
        self._store(aor, kept)
        return self.current(aor, now)

    def clear(self, aor: str, origin: Origin, now: int) -> None:
        """`Contact: *` with `Expires: 0`: take every binding away, all or none. Raises RejectedError."""
        for binding in self.current(aor, now):
            _check_order(binding, origin)
        self._store(aor, {})

    def current(self, aor: str, now: int) -> list[Binding]:
        """The unexpired bindings of a line, the preferred first, else in the order in which they came."""
        bindings = [binding for binding in self._lines.get(aor, {}).values() if binding.current(now)]
        return sorted(bindings, key=lambda binding: -(-1.0 if binding.contact.q is None else binding.contact.q))

    def knows(self, aor: str) -> bool:
        """Whether the line has any binding, be it one that has expired and was not yet cleared away."""
        return aor in self._lines

    def lines(self) -> Iterator[tuple[str, list[Binding]]]:
        """Every line with its bindings, those included that have expired and were not yet cleared away."""
        for aor, bindings in self._lines.items():
            yield aor, list(bindings.values())

    def expire(self, now: int) -> list[tuple[str, Binding]]:
        """Clear away what has expired, and return it with its lines."""
        gone: list[tuple[str, Binding]] = []
        for aor, bindings in list(self._lines.items()):
            gone += [(aor, binding) for binding in bindings.values() if not binding.current(now)]
            self._store(aor, {uri: binding for uri, binding in bindings.items() if binding.current(now)})
        self.expired += len(gone)
        return gone

    def _apply(self, kept: dict[str, Binding], contact: Wanted, origin: Origin, now: int) -> None:
        known = kept.get(contact.uri)
        if known is not None:
            _check_order(known, origin)
        expires = DEFAULT_EXPIRES if contact.expires is None else min(contact.expires, MAX_EXPIRES)
        if expires == 0:
            kept.pop(contact.uri, None)
            return
        ends = now + max(expires, MIN_EXPIRES)
        if known is None:
            kept[contact.uri] = Binding(contact, origin, ends, now, self._next_ruid())
        elif not _repeated(known, origin):
            kept[contact.uri] = replace(known, contact=contact, origin=origin, expires_at=ends, modified_at=now)

    def _store(self, aor: str, kept: dict[str, Binding]) -> None:
        if kept:
            self._lines[aor] = kept
        else:
            self._lines.pop(aor, None)

    def _next_ruid(self) -> str:
        self._counter += 1
        return f"{self._prefix}-{self._counter:x}"


def _check_order(known: Binding, origin: Origin) -> None:
    """A REGISTER that was overtaken by a later one of the same phone must not undo it."""
    if origin.call_id == known.origin.call_id and origin.cseq < known.origin.cseq:
        raise RejectedError(400, "Bad Request", "Invalid CSeq number")


def _repeated(known: Binding, origin: Origin) -> bool:
    """Whether this is the same REGISTER again, because the answer was lost."""
    return origin.call_id == known.origin.call_id and origin.cseq == known.origin.cseq
