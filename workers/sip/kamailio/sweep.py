"""The source "sweep": `ul.lookup` for each line that we know, which costs the server the same however many it has."""

from collections.abc import Generator, Iterable
from itertools import tee

from app.domain.registration import Registration
from workers.sip.base import Problem, SipError
from workers.sip.kamailio import parse
from workers.sip.kamailio.parse import Broken
from workers.sip.kamailio.rpc import Answer
from workers.sip.kamailio.site import Records, Site, refuse_loading, refuse_restarted, state


def pull(site: Site) -> Records:
    """Those of our lines that are registered. Raises SipError."""
    taken_at = site.now()
    with site.sweeper() as rpc:
        before = state(rpc, site.table)
        refuse_loading(rpc, site.table, before.uptime)
        asked, keys = tee(site.lines())
        questions = (site.question(aor) for aor in asked)
        answers = rpc.each("ul.lookup", questions, site.pace().wait)
        broken = yield from _registered(site, zip(answers, keys, strict=False))
        after = state(rpc, site.table)
    refuse_restarted(before, after)
    return broken.report(taken_at, after.users, after.uptime)


def _registered(site: Site, told: Iterable[tuple[Answer | None, str]]) -> Generator[Registration, None, Broken]:
    broken = Broken()
    asked = 0
    for answer, key in told:
        asked += 1
        if isinstance(answer, parse.Fault):
            if not answer.nobody:
                raise answer.error()
            continue
        try:
            line = parse.looked_up(answer, key, site.home, site.now())
        except SipError:
            broken.note(key, site.home)
            continue
        if line.contacts:
            yield line
    if asked and broken.records == asked:
        raise SipError(Problem.GARBAGE, "not one answer could be read")
    return broken
