"""What an operator configured of one OpenSIPS, and the ways to read its whole location table."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.registration import PullReport, Registration
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.opensips import parse
from workers.sip.opensips.contact import line_key, wire_aor
from workers.sip.opensips.mi import Mi, open_mi
from workers.sip.opensips.parse import MiError
from workers.sip.pace import Pace

SOURCES = ("sweep", "dump", "sql")
_RATE = 5000
_DUMP_LIMIT = 5000
_SWEEP_SECONDS = 120
Records = Generator[Registration, None, PullReport]


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
    def table(self) -> str:
        """usrloc's name for the table of bindings."""
        return self.endpoint.options.get("table", "location")

    @property
    def source(self) -> str:
        """Which way a snapshot is taken."""
        source = self.endpoint.options.get("source", "sweep")
        if source not in SOURCES:
            raise SipError(Problem.CONFIGURATION, f"source must be one of {', '.join(SOURCES)}", permanent=True)
        return source

    @property
    def dump_limit(self) -> int:
        """Lines above which a dump is refused: its cost to the server grows by the square."""
        return int(self._number("dump_limit", _DUMP_LIMIT))

    @property
    def sweep_seconds(self) -> float:
        """How long a whole sweep may take before its first answers are too old to stand beside its last."""
        return self._number("sweep_seconds", _SWEEP_SECONDS)

    def pace(self) -> Pace:
        """At most so many look-ups a second."""
        return Pace(self._number("rate", _RATE))

    def lines(self) -> dict[str, str]:
        """Every line that we know: its key, and how the server wants to be asked. Rubbish among them is left out."""
        if self.known_aors is None:
            raise SipError(Problem.CONFIGURATION, "a sweep needs to be told the lines to ask for", permanent=True)
        lines = {}
        for aor in self.known_aors():
            try:
                lines[line_key(aor, self.home)] = wire_aor(aor, self.home)
            except ValueError:
                continue
        return lines

    def question(self, wire: str) -> dict[str, object]:
        """The parameters of `ul_show_contact`."""
        return {"table_name": self.table, "aor": wire}

    def _number(self, name: str, default: float) -> float:
        try:
            value = float(self.endpoint.options.get(name, default))
        except ValueError:
            value = 0.0
        if not 0 < value < 1e9:
            raise SipError(Problem.CONFIGURATION, f"{name} must be a number above 0", permanent=True)
        return value


@dataclass
class Tally:
    """What a snapshot could not read, while it is read."""

    broken: int = 0
    unread: list[str] = field(default_factory=list)

    def report(self, taken_at: datetime, after: "State") -> PullReport:
        """The same as the end of a pull."""
        return PullReport(
            taken_at,
            broken=self.broken,
            unread=tuple(self.unread),
            announced=after.counters.users,
            uptime=after.clock.uptime,
        )


@dataclass(frozen=True, slots=True)
class State:
    """What the server says of itself at one moment."""

    counters: parse.Counters
    clock: parse.Clock


def state(mi: Mi, table: str) -> State:
    """Counts and uptime; what the server does not let us ask for is None."""
    counts = allowed(mi, "get_statistics", {"statistics": ["usrloc:", "registrar:"]})
    return State(parse.counters(counts, table), parse.clock(allowed(mi, "uptime")))


def allowed(mi: Mi, method: str, params: Mapping[str, object] | None = None) -> object:
    """The result of a command that is not vital, None where the server refuses it."""
    try:
        return mi.call(method, params)
    except MiError:
        return None


def not_restarted(before: State, after: State) -> None:
    """Raises SipError(LOADING) if the server started anew in between: two halves that do not fit make no snapshot."""
    first, last = before.clock.uptime, after.clock.uptime
    if first is not None and last is not None and last < first:
        raise SipError(Problem.LOADING, "the server restarted while it was asked")


def sweep(site: Site) -> Records:
    """Every line that we know, asked for one by one: what it costs the server does not grow with its table."""
    lines, tally = site.lines(), Tally()
    taken_at = site.now()
    with closing(open_mi(site.endpoint)) as mi:
        before = state(mi, site.table)
        yield from asked(mi, site, lines, tally)
        after = state(mi, site.table)
    not_restarted(before, after)
    return tally.report(taken_at, after)


def asked(mi: Mi, site: Site, lines: Mapping[str, str], tally: Tally) -> Iterator[Registration]:
    """Those of `lines` that are registered. Raises SipError(GARBAGE) where not one answer can be read."""
    end = time.monotonic() + site.sweep_seconds
    unreadable = 0
    answers = mi.each("ul_show_contact", map(site.question, lines.values()), site.pace())
    for key, answer in zip(lines, answers, strict=True):
        if time.monotonic() > end:
            raise SipError(Problem.TIMEOUT, f"a sweep of {len(lines)} lines takes more than {site.sweep_seconds:g} s")
        try:
            registration, bad_contacts = line(answer, key, site)
        except SipError as error:
            if not _of_one_line(error):
                raise
            registration, bad_contacts = Registration(key), 1
            unreadable += 1
        tally.broken += bad_contacts
        if registration.contacts:
            yield registration
        elif bad_contacts:
            tally.unread.append(key)
    if unreadable and unreadable == len(lines):
        raise SipError(Problem.GARBAGE, "not one answer could be read")


def _of_one_line(error: SipError) -> bool:
    return error.problem is Problem.GARBAGE or (isinstance(error, MiError) and error.bad_parameter)


def line(answer: dict[str, object] | None, aor: str, site: Site) -> tuple[Registration, int]:
    """The line in one answer to `ul_show_contact`, and how many of its contacts could not be read.

    "AOR not found" is an answer. Raises SipError: GARBAGE for one about nothing, or what the server refused.
    """
    if answer is None:
        raise SipError(Problem.GARBAGE, "no answer for this line")
    try:
        found = parse.result(answer)
    except MiError as refusal:
        if not refusal.no_such_aor:
            raise
        return Registration(line_key(aor, site.home)), 0
    return parse.registration(found, aor, site.home, site.now())


def dump(site: Site) -> Records:
    """The server's whole table in one answer, which it takes the square of its size to build."""
    taken_at = site.now()
    with closing(open_mi(site.endpoint)) as mi:
        before = state(mi, site.table)
        if (before.counters.users or 0) > site.dump_limit:
            count = f"{before.counters.users} lines, the limit is {site.dump_limit}"
            raise SipError(Problem.TOO_LARGE, f"too large for ul_dump: {count}", permanent=True)
        found = parse.dump(mi.whole("ul_dump"), site.table, site.home, site.now())
        after = state(mi, site.table)
    not_restarted(before, after)
    _complete(found, before.counters, after.counters)
    for key, contacts in found.lines.items():
        yield Registration(key, tuple(contacts))
    return Tally(found.broken, list(found.unread)).report(taken_at, after)


def _complete(found: parse.Dump, before: parse.Counters, after: parse.Counters) -> None:
    """Raises SipError(TRUNCATED) for fewer lines than the server counts, allowing for what happened meanwhile."""
    if before.users is None or after.users is None:
        return
    least = min(before.users, after.users) - max(after.turnover - before.turnover, 0)
    if found.listed < least:
        raise SipError(Problem.TRUNCATED, f"the server counts {after.users} lines, its dump has {found.listed}")
