"""The source "dump": one `ul.dump`, whose cost grows with the square of the lines. For small servers."""

from workers.sip.base import Problem, SipError
from workers.sip.kamailio import parse
from workers.sip.kamailio.site import Records, Site, State, refuse_loading, state


def pull(site: Site) -> Records:
    """Every line of the location table. Raises SipError."""
    taken_at = site.now()
    with site.rpc() as rpc:
        # A server that keeps its state to itself can still be read.
        found = state(rpc, site.table)
        refuse_large(site, found)
        refuse_loading(rpc, site.table, found.uptime)
        result = rpc.call("ul.dump")
    broken = yield from parse.dumped(result, site.table, site.home, site.now())
    return broken.report(taken_at, found.users, found.uptime)


def refuse_large(site: Site, found: State) -> None:
    """Raises SipError(TOO_LARGE) where a dump would keep the server busy for long."""
    if found.users is not None and found.users > site.dump_limit:
        detail = f"{found.users} lines, and the source dump is for {site.dump_limit}: use htable, sql or sweep"
        raise SipError(Problem.TOO_LARGE, detail, permanent=True)
