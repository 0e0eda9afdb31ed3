"""What an operator should know of one Kamailio, in words."""

from collections.abc import Callable, Iterator

from workers.sip.base import Capability, Check, Problem, SipError
from workers.sip.kamailio import events, facts, htable, location
from workers.sip.kamailio.dump import refuse_large
from workers.sip.kamailio.parse import Fault
from workers.sip.kamailio.rpc import Rpc
from workers.sip.kamailio.site import DATABASES, Site, State, refuse_loading, state
from workers.sip.subscriber import SubscriberTable, check_table

_TOLERATED_SKEW = 5.0
_COMMANDS = {"dump": ("ul.dump",), "htable": ("htable.dump", "htable.stats"), "sql": (), "sweep": ()}
Finding = tuple[Problem, str]


def examine(site: Site, able: frozenset[Capability]) -> Check:
    """What works and what does not. Raises SipError where the server does not answer at all."""
    findings = [*_failing("subscriber_url", lambda: _subscriber(site))]
    if site.source == "sql":
        findings += _failing("sql_url", lambda: location.probe(site))
    if site.scheme in DATABASES:
        return Check(capabilities=able, problems=tuple(findings))
    with site.rpc() as rpc:
        version = facts.version(rpc.ask("core.version"))
        asked_at = site.now()
        skew = facts.clock_skew(rpc.ask("core.uptime"), asked_at)
        found = state(rpc, site)
        findings += _commands(rpc, site)
        findings += _failing("", lambda: _table(rpc, site))
        findings += _failing("", lambda: _source(rpc, site, found))
        lacking, more = _failures(rpc, site, able)
    if Capability.EVENTS in able:
        try:
            skew = events.clock_skew(site, site.endpoint.options["events"])
        except SipError as error:
            lacking |= {Capability.EVENTS}
            more.append((error.problem, f"events: {error.detail}"))
    findings += [*more, *_skewed(skew)]
    return Check(version, able - lacking, found.users, skew, tuple(findings))


def _commands(rpc: Rpc, site: Site) -> Iterator[Finding]:
    known = facts.methods(rpc.call("system.listMethods"))
    for method in ("ul.lookup", *_COMMANDS[site.source]):
        if method not in known:
            yield Problem.COMMAND_MISSING, method


def _table(rpc: Rpc, site: Site) -> None:
    # Any address-of-record will do: what matters is whether the table is found.
    answer = rpc.ask("ul.lookup", *site.question(site.home))
    if isinstance(answer, Fault) and not answer.nobody and not answer.unknown_method:
        raise answer.error()


def _source(rpc: Rpc, site: Site, found: State) -> None:
    if site.source == "dump":
        refuse_large(site, found)
    elif site.source == "htable":
        htable.believed(rpc, site)
    elif site.source == "sweep":
        site.lines()
        with site.sweeper() as sweeper:
            sweeper.call("core.version")
    if site.source != "sql":
        refuse_loading(rpc, site, found.uptime)


def _failures(rpc: Rpc, site: Site, able: frozenset[Capability]) -> tuple[set[Capability], list[Finding]]:
    """What is lacking, and whether that is wrong: it is where the operator named the table."""
    if Capability.AUTH_FAILURES not in able or facts.entries(rpc.ask("htable.stats"), site.failures) is not None:
        return set(), []
    named = "failures" in site.endpoint.options
    problem = (Problem.TABLE_MISSING, f"no htable {site.failures}: is tsunagari.cfg included?")
    return {Capability.AUTH_FAILURES}, [problem] if named else []


def _skewed(skew: float | None) -> Iterator[Finding]:
    if skew is not None and abs(skew) > _TOLERATED_SKEW:
        yield Problem.CLOCK_SKEW, f"the server's clock differs from ours by {skew:+.0f} s"


def _subscriber(site: Site) -> None:
    if store := SubscriberTable.of(site.endpoint.options):
        check_table(store, site.endpoint.timeout)


def _failing(what: str, attempt: Callable[[], None]) -> Iterator[Finding]:
    try:
        attempt()
    except SipError as error:
        yield error.problem, f"{what}: {error.detail}" if what else error.detail
