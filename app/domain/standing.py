"""How one line stands: its state, since when, and the bindings; and how it stands after the next answer."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from app.domain import record
from app.domain.changes import Changes, LineState, changed
from app.domain.registration import Registration


class Cause(StrEnum):
    """Why a line changed its state, as far as the portal can tell."""

    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    """It went before its time: the phone said so, or the server threw it out."""
    EXPIRED = "expired"
    RESTARTED = "restarted"
    """Its server forgot it by starting anew."""
    UNREADABLE = "unreadable"
    UNOBSERVED = "unobserved"
    """It changed while nobody looked."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One line in its server's last good answer."""

    state: LineState
    changes: Changes
    body: bytes = b""
    """The bindings, in the form of `record`."""
    since: tuple[int, ...] = ()
    """Since when each binding is there, in the order of the body; empty where all are since the last change."""
    cause: Cause | None = None
    """Why it is not registered any more."""

    @property
    def of_each(self) -> tuple[int, ...]:
        """Since when each binding is there."""
        return self.since or self.changes[:1] * len(_bindings(self.body))

    def registration(self, aor: str) -> Registration:
        """The bindings as values, each with the time since which it is there. Raises ValueError."""
        contacts = record.contacts_of(self.body)
        times = (datetime.fromtimestamp(moment, UTC) for moment in self.of_each)
        return Registration(
            aor, tuple(replace(contact, since=moment) for contact, moment in zip(contacts, times, strict=True))
        )


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known of the answer that tells of a line, as epoch seconds."""

    at: float
    before: float = 0.0
    """When the server last answered before; 0 where it never did."""
    restarted: bool = False
    """Whether the server started anew after its last answer."""


def follow(old: Standing | None, state: LineState, body: bytes, answered: Answered) -> Standing:
    """How a line stands after an answer that tells `state` and `body`."""
    if old is not None and old.state is state:
        return Standing(state, old.changes, body, _carried(old, body, answered), old.cause)
    begun = [_begun(line, answered) for line in _bindings(body)]
    at = min(begun, default=int(answered.at))
    cause = _cause(old, answered) if state is LineState.NOT_REGISTERED else None
    since = () if all(moment == at for moment in begun) else tuple(begun)
    return Standing(state, changed(old.changes if old else (), at), body, since, cause)


def _bindings(body: bytes) -> list[bytes]:
    return body.split(b"\n") if body else []


def _begun(line: bytes, answered: Answered) -> int:
    """Since when a binding is there that was not there before: its REGISTER, where the server tells that."""
    refreshed = record.refreshed_of(line)
    return int(answered.at if refreshed is None else min(max(refreshed, answered.before), answered.at))


def _carried(old: Standing, body: bytes, answered: Answered) -> tuple[int, ...]:
    """Since when each binding is there: kept while it stays."""
    known = dict(zip(map(_uri, _bindings(old.body)), old.of_each, strict=True))
    since = [known.get(_uri(line)) or _begun(line, answered) for line in _bindings(body)]
    return () if all(moment == old.changes[0] for moment in since) else tuple(since)


def _uri(line: bytes) -> bytes:
    return line.split(b"\t", 3)[2]


def _cause(old: Standing | None, answered: Answered) -> Cause:
    if old is None or old.state is not LineState.REGISTERED:
        return Cause.UNOBSERVED
    ends = [record.expires_of(line) for line in _bindings(old.body)]
    if all(end is not None and end <= answered.at + record.JITTER for end in ends):
        return Cause.EXPIRED
    return Cause.RESTARTED if answered.restarted else Cause.UNREGISTERED
