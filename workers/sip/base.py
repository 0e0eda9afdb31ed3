"""What every SIP server family's adapter offers, and the one error that it raises."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self

from app.domain.record import Row, contacts_of, row_of
from app.domain.registration import AuthFailure, Lookup, PullReport, Registration

BATCH = 1000
"""Lines that are handed on together."""


class Problem(StrEnum):
    """What kept a server from answering, as a word that is stored and translated where it is shown."""

    NO_ROUTE = "no_route"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    TLS = "tls"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    COMMAND_MISSING = "command_missing"
    TABLE_MISSING = "table_missing"
    TRUNCATED = "truncated"
    GARBAGE = "garbage"
    TOO_LARGE = "too_large"
    LOADING = "loading"
    OUTDATED = "outdated"
    HELD = "held"
    FOREIGN = "foreign"
    CLOCK_SKEW = "clock_skew"
    UNSUPPORTED = "unsupported"
    CONFIGURATION = "configuration"
    FAULT = "fault"


class SipError(Exception):
    """A server gave no answer that can be believed.

    `permanent` says that asking again changes nothing until a person has mended something.
    `detail` is for operators: it never holds a credential.
    """

    def __init__(self, problem: Problem, detail: str = "", *, permanent: bool = False) -> None:
        super().__init__(f"{problem.value}: {detail}" if detail else problem.value)
        self.problem = problem
        self.detail = detail
        self.permanent = permanent


class Capability(StrEnum):
    """What a family, with the server configured as it is, can be asked for."""

    SNAPSHOT = "snapshot"
    LOOKUP = "lookup"
    AUTH_FAILURES = "auth_failures"
    SET_PASSWORD = "set_password"  # noqa: S105 - a capability's word
    EVENTS = "events"


class Pull(Iterator[Registration]):
    """All registrations of a server, to be believed only when the last has come.

    Iterate it once: one by one as values, or by `rows` many at a time as bytes, which a million of them want. An
    exception on the way means that nothing of it may be believed. Afterwards `report` says what is known of the whole.
    """

    def __init__(self, batches: Generator[list[Row], None, PullReport], *, lag: float = 0.0) -> None:
        self.lag = lag
        """Seconds by which the answer may be behind what the server itself knows."""
        self._batches = batches
        self._one_by_one = self._values()
        self._report: PullReport | None = None

    @classmethod
    def of(cls, records: Generator[Registration, None, PullReport], now: Callable[[], datetime]) -> Self:
        """A pull of registrations as values; those of their bindings that have ended by `now` do not count."""
        return cls(_batches(records, now))

    def rows(self) -> Iterator[list[Row]]:
        """Each line once, many at a time; where the report is `explicit` those that are not registered too."""
        self._report = yield from self._batches

    def __next__(self) -> Registration:
        return next(self._one_by_one)

    def _values(self) -> Iterator[Registration]:
        for batch in self.rows():
            for key, body in batch:
                if body:
                    yield Registration(key.decode("utf-8", "replace"), contacts_of(body))

    @property
    def report(self) -> PullReport:
        """What the whole snapshot amounts to. Raises RuntimeError before the last record has been read."""
        if self._report is None:
            raise RuntimeError("the pull has not come to its end")
        return self._report


def _batches(
    records: Generator[Registration, None, PullReport], now: Callable[[], datetime]
) -> Generator[list[Row], None, PullReport]:
    while True:
        batch: list[Row] = []
        try:
            while len(batch) < BATCH:
                batch.append(row_of(next(records).current(now())))
        except StopIteration as end:
            yield batch
            report: PullReport = end.value
            return report
        yield batch


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one server is reached: from the operator's configuration, credentials resolved."""

    url: str
    """The management URL. Its scheme chooses transport and TLS: http, https, udp, unix, tcp, tls, postgresql …"""
    hostname: str
    """The login server's name as customers know it; also its home domain."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = 5.0
    """Seconds for one whole exchange, not for one read."""
    size_limit: int = 512 * 1024 * 1024
    """Bytes that an answer may have."""
    options: dict[str, str] = field(default_factory=dict, repr=False)
    """What only this family knows: the source to use, a table's name, a CA file …"""


@dataclass(frozen=True, slots=True)
class Check:
    """What `check()` found: facts, and each thing that is wrong as a problem with a detail."""

    version: str | None = None
    capabilities: frozenset[Capability] = frozenset()
    lines: int | None = None
    clock_skew: float | None = None
    problems: tuple[tuple[Problem, str], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


class Adapter(Protocol):
    """One server. Every method raises SipError, and nothing else, for whatever the server or the network does."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What may be called here; the rest raises SipError(UNSUPPORTED)."""

    def snapshot(self) -> Pull:
        """Every registered line of the server."""

    def lookup(self, aor: str) -> Lookup:
        """One line by its key. "There is none" is an answer, not an error."""

    def auth_failures(self, since: datetime) -> list[AuthFailure]:
        """The failed authentications at or after `since` that the server still remembers."""

    def set_password(self, aor: str, password: str) -> None:
        """Overwrite the device password of a line in the server's credential store."""

    def check(self) -> Check:
        """What works and what does not, for the operator; wrong configuration is a finding here, not an error."""


@dataclass(frozen=True, slots=True)
class LineChanged:
    """A server's hint that a line registered, moved, ended or expired: the line is worth a look-up now."""

    aor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """The stream of events was interrupted: what happened from `since` until now was not heard."""

    since: datetime


Event = LineChanged | AuthFailure | Gap


class EventSource(Protocol):
    """An adapter that has Capability.EVENTS also hears its server."""

    def events(self) -> Iterator[Event | None]:
        """Events as they come, None about once a second while there are none. Raises SipError when the stream breaks.

        A hint is no truth: whoever reads it asks `lookup`.
        """
