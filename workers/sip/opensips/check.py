"""What an operator should know of one OpenSIPS, in words."""

from collections.abc import Callable, Iterator

from workers.sip.base import Capability, Check, Problem, SipError
from workers.sip.opensips import parse, table
from workers.sip.opensips.events import AUTH_FAILED, CHANGES
from workers.sip.opensips.mi import Mi
from workers.sip.opensips.site import Site, State, allowed, state
from workers.sip.subscriber import SubscriberTable, check_table

_TOLERATED_SKEW = 5.0
_NEEDED = {
    Capability.LOOKUP: "ul_show_contact",
    Capability.AUTH_FAILURES: "cache_fetch_chunk",
    Capability.EVENTS: "event_subscribe",
}
Finding = tuple[Problem, str]


def examine(mi: Mi, site: Site, able: frozenset[Capability]) -> Check:
    """What works on a server that answers. Raises SipError where it does not."""
    version = parse.version(mi.call("version"))
    asked_at = site.now()
    found = state(mi, site.table)
    skew = parse.clock_skew(found.clock.now, asked_at) if found.clock.now else None
    commands = parse.names(allowed(mi, "which"))
    lacking = {capability for capability, name in _NEEDED.items() if commands and name not in commands}
    events = parse.event_names(allowed(mi, "events_list"))
    if events and not set(CHANGES) <= events:
        lacking.add(Capability.EVENTS)
    problems = [
        *_commands(commands),
        *_counts(site, found),
        *_skew(skew),
        *_source(site),
        *_failing("subscriber_url", lambda: _subscriber(site)),
    ]
    if events and AUTH_FAILED not in events:
        lacking.add(Capability.AUTH_FAILURES)
    return Check(version, able - lacking, found.counters.users, skew, tuple(problems))


def _commands(commands: frozenset[str]) -> Iterator[Finding]:
    if commands and "ul_show_contact" not in commands:
        yield Problem.COMMAND_MISSING, "there is no ul_show_contact: is usrloc loaded?"


def _counts(site: Site, found: State) -> Iterator[Finding]:
    users = found.counters.users
    if users is None:
        yield Problem.TABLE_MISSING, f"usrloc counts no table {site.table}"
    elif site.endpoint.options.get("source") == "dump" and users > site.dump_limit:
        yield Problem.TOO_LARGE, f"{users} lines are too many for the source dump (limit {site.dump_limit}): use sweep"


def _skew(skew: float | None) -> Iterator[Finding]:
    if skew is not None and abs(skew) > _TOLERATED_SKEW:
        yield Problem.CLOCK_SKEW, f"the server's clock differs from ours by {skew:+.0f} s"


def _source(site: Site) -> Iterator[Finding]:
    if site.source == "sql":
        yield from _failing("location_url", lambda: table.probe(site))
    elif site.source == "sweep" and site.known_aors is None:
        yield Problem.CONFIGURATION, "a sweep needs to be told the lines to ask for"


def _subscriber(site: Site) -> None:
    if store := SubscriberTable.of(site.endpoint.options):
        check_table(store, site.endpoint.timeout)


def _failing(what: str, attempt: Callable[[], None]) -> Iterator[Finding]:
    try:
        attempt()
    except SipError as error:
        yield error.problem, f"{what}: {error.detail}"
