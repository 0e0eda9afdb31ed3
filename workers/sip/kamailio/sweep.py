"""The source "sweep": `ul.lookup` for each line that we know, which costs the server the same however many it has."""

import time
from collections.abc import Generator, Iterator
from dataclasses import replace

from app.domain.record import Row, row_of
from workers.sip.base import BATCH, Problem, SipError
from workers.sip.kamailio import parse
from workers.sip.kamailio.found import Finder
from workers.sip.kamailio.parse import Broken
from workers.sip.kamailio.rpc import Answer, asking, told
from workers.sip.kamailio.site import Batches, Site, is_loading, refuse_restarted, report_of, state

_LINE = "the-key-of-a-line"


def pull(site: Site) -> Batches:
    """Each of our lines, registered or not. Raises SipError."""
    taken_at, broken, pace = site.now(), Broken(), site.pace()
    with site.sweeper() as rpc:
        before = state(rpc, site)
        loading = is_loading(rpc, site, before.uptime)
        began = time.monotonic()
        yield from _told(site, rpc.sweep(_questions(site), pace.wait), broken)
        busy = time.monotonic() - began - pace.paused
        after = state(rpc, site)
    refuse_restarted(before, after)
    return replace(report_of(taken_at, after, broken), loading=loading, explicit=True, busy=busy)


def _questions(site: Site) -> Iterator[tuple[str, bytes]]:
    # Encoding JSON a million times would take longer than asking.
    head, tail = asking("ul.lookup", *site.question(_LINE)).split(_LINE.encode())
    for aor in site.lines():
        simple = aor.isascii() and aor.isalnum()
        yield aor, head + aor.encode() + tail if simple else asking("ul.lookup", *site.question(aor))


def _told(site: Site, answers: Iterator[tuple[str, bytes | None]], broken: Broken) -> Generator[list[Row], None, None]:
    asked, rows, finder = 0, list[Row](), Finder(site.home)
    for key, answer in answers:
        asked += 1
        row = finder.row(key, answer, time.time()) or _row(site, key, told(answer), broken)
        if row is not None:
            rows.append(row)
        if len(rows) == BATCH:
            yield rows
            rows = []
    yield rows
    if asked and broken.records == asked:
        raise SipError(Problem.GARBAGE, "not one answer could be read")


def _row(site: Site, key: str, answer: Answer | None, broken: Broken) -> Row | None:
    """A line and its bindings; None for one that nobody can read."""
    if isinstance(answer, parse.Fault):
        if not answer.nobody:
            raise answer.error()
        return key.encode(), b""
    try:
        return row_of(parse.looked_up(answer, key, site.home, site.now()))
    except SipError:
        broken.note(key, site.home)
        return None
