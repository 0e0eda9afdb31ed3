"""The source "dump": one `ul.dump`, whose cost grows with the square of the lines. For small servers."""

import time
from dataclasses import replace

from workers.sip.base import Problem, SipError
from workers.sip.kamailio import parse
from workers.sip.kamailio.site import Records, Site, State, is_loading, report_of, state


def pull(site: Site) -> Records:
    """Every line of the location table. Raises SipError."""
    taken_at = site.now()
    with site.rpc() as rpc:
        # A server that keeps its state to itself can still be read.
        found = state(rpc, site)
        refuse_large(site, found)
        loading = is_loading(rpc, site, found.uptime)
        began = time.monotonic()
        result = rpc.call("ul.dump")
        busy = time.monotonic() - began
    broken = yield from parse.dumped(result, site.table, site.home, site.now())
    return replace(report_of(taken_at, found, broken), loading=loading, busy=busy)


def refuse_large(site: Site, found: State) -> None:
    """Raises SipError(TOO_LARGE) where a dump would keep the server busy for long."""
    if found.users is not None and found.users > site.dump_limit:
        detail = f"{found.users} lines, and the source dump is for {site.dump_limit}: use htable, sql or sweep"
        raise SipError(Problem.TOO_LARGE, detail, permanent=True)
