"""What a registrar says of its lines (RFC 3261 §10): values only, all times aware UTC."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Contact:
    """One binding of an address-of-record: where one phone can be reached, and until when."""

    uri: str
    """The Contact URI as the phone wrote it, cleaned and cut."""
    source: str | None = None
    """host:port that the REGISTER came from, where the server tells it."""
    transport: str | None = None
    """udp, tcp, tls, ws or wss."""
    user_agent: str | None = None
    refreshed_at: datetime | None = None
    """When the server last accepted a REGISTER for it; None where the server does not tell."""
    expires_at: datetime | None = None
    """When the binding ends unless it is refreshed; None for one that never ends."""
    since: datetime | None = None
    """When the portal first saw it without a gap; the store fills this in, no adapter does."""

    def current(self, now: datetime) -> bool:
        """Whether the binding still holds at `now`."""
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True)
class Registration:
    """The unexpired bindings of one line; without any the line is not registered."""

    aor: str
    """In the form of `app.domain.aor.aor_key`."""
    contacts: tuple[Contact, ...] = ()

    def current(self, now: datetime) -> "Registration":
        """The same line without the bindings that have ended by `now`."""
        kept = tuple(contact for contact in self.contacts if contact.current(now))
        return self if len(kept) == len(self.contacts) else Registration(self.aor, kept)


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a server answered when it was asked for one line."""

    registration: Registration
    """Without contacts where the server said that there is none."""
    asked_at: datetime
    """Just before the question was sent: the answer is at least as new as this."""


class FailureReason(StrEnum):
    """Why an authentication failed, in the words of the portal."""

    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a reason's word
    UNKNOWN_USER = "unknown_user"
    WRONG_REALM = "wrong_realm"
    USER_MISMATCH = "user_mismatch"
    ADDRESS_REFUSED = "address_refused"
    TOO_MANY_CONTACTS = "too_many_contacts"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class AuthFailure:
    """One failed authentication, as the server told it. The user is what the caller claimed."""

    aor: str
    reason: FailureReason
    at: datetime
    source: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class PullReport:
    """What is known of a whole snapshot once its last record has been read."""

    taken_at: datetime
    """Just before the server was asked: the snapshot is at least as new as this."""
    broken: int = 0
    """Records that could not be read and were left out."""
    announced: int | None = None
    """How many lines the server said it holds, where it says so."""
    uptime: float | None = None
    """Seconds since the server started, where it says so."""
    clock_skew: float | None = None
    """Server's clock minus ours in seconds, where the server tells its time."""
    unread: tuple[str, ...] = ()
    """Keys of the lines among the broken, where the key at least could be read: of these nothing is known."""
    contacts: int | None = None
    """How many contacts the server itself counts, where it says so."""
    loading: bool = False
    """Whether the server may still be reading its bindings from a database into memory."""
    explicit: bool = False
    """Whether lines that are not registered were told too: of a line that was not told then nothing is known."""
    busy: float = 0.0
    """Seconds of the server's time that it took."""
