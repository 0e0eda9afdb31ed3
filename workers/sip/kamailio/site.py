"""What an operator configured of one Kamailio, and what its server says of itself."""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from app.domain.record import Row
from app.domain.registration import PullReport, Registration
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.kamailio import facts
from workers.sip.kamailio.parse import Broken, Fault
from workers.sip.kamailio.rpc import DATAGRAMS, Rpc
from workers.sip.pace import Pace

DATABASES = frozenset(("postgresql", "postgres", "sqlite"))
"""The schemes of a URL that names the location table itself: such a server is never asked by RPC."""
SOURCES = ("dump", "htable", "sql", "sweep")
_DUMP_LIMIT = 5000
_RATE = 5000
_IN_FLIGHT = 8
_MOST_IN_FLIGHT = 64
# 48,000 contacts a second are loaded after a start.
_SETTLED = 60.0

# Told in whole seconds, and asked for a moment before it is answered.
_NOTABLE = 2.0

Records = Generator[Registration, None, PullReport]
Batches = Generator[list[Row], None, PullReport]


@dataclass(frozen=True, slots=True)
class Site:
    """One server, its options as values. Raises SipError(CONFIGURATION) for options that make no sense."""

    endpoint: Endpoint
    now: Callable[[], datetime]
    known_aors: Callable[[], Iterable[str]] | None

    @property
    def home(self) -> str:
        """The domain of lines that are named without one."""
        return self.endpoint.hostname

    @property
    def homes(self) -> frozenset[str]:
        """The domains and realms of users that are named without one."""
        return frozenset((self.home.lower(), self.endpoint.options.get("realm", self.home).lower()))

    @property
    def table(self) -> str:
        """usrloc's name for the table of bindings."""
        return self.endpoint.options.get("table", "location")

    @property
    def mirror(self) -> str:
        """The htable that mirrors the bindings."""
        return self.endpoint.options.get("mirror", "reg")

    @property
    def failures(self) -> str:
        """The htable of users' last failed authentications; empty where the operator wants none to be read."""
        return self.endpoint.options.get("failures", "authfail")

    @property
    def scheme(self) -> str:
        """That of the management URL."""
        return urlsplit(self.endpoint.url).scheme

    @property
    def source(self) -> str:
        """Which way a snapshot is taken."""
        usual = "sql" if self.scheme in DATABASES else "sweep" if self.scheme in DATAGRAMS else "dump"
        source = self.endpoint.options.get("source", usual)
        if source not in SOURCES:
            raise _wrong(f"source must be one of {', '.join(SOURCES)}")
        if self.scheme in DATABASES and source != "sql":
            raise _wrong(f"the source {source} needs the URL of Kamailio's JSON-RPC")
        return source

    @property
    def dump_limit(self) -> int:
        """Lines above which a dump is refused: its cost to the server grows by the square."""
        return int(self._number("dump_limit", _DUMP_LIMIT))

    @property
    def lag(self) -> float:
        """Seconds by which the location table may be behind: usrloc's timer_interval with db_mode 2, else 0."""
        return self._number("timer_interval", 0, least=0)

    def pace(self) -> Pace:
        """At most so many look-ups a second."""
        return Pace(self._number("rate", _RATE))

    def rpc(self) -> Rpc:
        """A connection for one question after the other."""
        return Rpc(self.endpoint)

    def sweeper(self) -> Rpc:
        """A connection for many look-ups at once: options["sweep_url"] may name a faster way than the usual."""
        in_flight = int(self._number("in_flight", _IN_FLIGHT, most=_MOST_IN_FLIGHT))
        url = self.endpoint.options.get("sweep_url", self.endpoint.url)
        return Rpc(replace(self.endpoint, url=url), in_flight=in_flight)

    def lines(self) -> Iterator[str]:
        """Every line that we know, by its key."""
        if self.known_aors is None:
            raise _wrong("a sweep needs to be told the lines to ask for")
        return iter(self.known_aors())

    def question(self, aor: str) -> tuple[str, str]:
        """The parameters of ul.lookup. A server whose table does not use domains ignores the one that it gets."""
        return self.table, aor if "@" in aor else f"{aor}@{self.home}"

    def _number(self, name: str, usual: float, *, least: float = 1, most: float = 1e9) -> float:
        try:
            value = float(self.endpoint.options.get(name, usual))
        except ValueError:
            value = -1.0
        if not least <= value <= most:
            raise _wrong(f"{name} must be a number from {least:g} to {most:g}")
        return value


@dataclass(frozen=True, slots=True)
class State:
    """What the server says of itself at one moment; None where it keeps that to itself."""

    users: int | None
    contacts: int | None
    uptime: float | None
    skew: float | None = None
    """Its clock minus ours in seconds."""
    asked_at: datetime | None = None
    """When it was asked for its uptime."""

    @property
    def correction(self) -> int:
        """What to take from the server's times to have ours; clocks that agree to about a second are left alone."""
        return round(self.skew) if self.skew is not None and abs(self.skew) >= _NOTABLE else 0


def report_of(taken_at: datetime, found: State, broken: Broken) -> PullReport:
    """What is known of a whole snapshot, once it has been read."""
    later = (found.asked_at - taken_at).total_seconds() if found.asked_at else 0.0
    return PullReport(
        taken_at,
        broken=broken.records,
        announced=found.users,
        uptime=None if found.uptime is None else found.uptime - later,
        clock_skew=found.skew,
        unread=tuple(sorted(broken.lines)),
        contacts=found.contacts,
    )


UNTOLD = State(None, None, None)
"""Of a server that is never asked."""


def state(rpc: Rpc, site: Site) -> State:
    """Counts, uptime and clock."""
    counts = rpc.ask("stats.get_statistics", "usrloc:")
    users, contacts = (facts.count(counts, site.table, what) for what in ("users", "contacts"))
    asked_at = site.now()
    told = rpc.ask("core.uptime")
    return State(users, contacts, facts.uptime(told), facts.clock_skew(told, asked_at), asked_at)


def is_loading(rpc: Rpc, site: Site, uptime: float | None) -> bool:
    """Whether the bindings may still be on their way from a database into memory.

    The server answers from the first moment on, as if it knew no more lines than it has read so far.
    """
    if uptime is None or uptime >= _SETTLED:
        return False
    answer = rpc.ask("ul.db_users", site.table)
    return not isinstance(answer, Fault) or not (answer.memory_only or answer.unknown_method)


def refuse_loading(rpc: Rpc, site: Site, uptime: float | None) -> None:
    """Raises SipError(LOADING) where a line that is missing may still be read from a database."""
    if is_loading(rpc, site, uptime):
        raise SipError(Problem.LOADING, f"started {uptime or 0:.0f} s ago, and reads its bindings from a database")


def refuse_restarted(before: State, after: State) -> None:
    """Raises SipError(LOADING) if the server started anew in between: two halves that do not fit make no snapshot."""
    if before.uptime is not None and after.uptime is not None and after.uptime < before.uptime:
        raise SipError(Problem.LOADING, "the server restarted while it was asked")


def _wrong(detail: str) -> SipError:
    return SipError(Problem.CONFIGURATION, detail, permanent=True)
