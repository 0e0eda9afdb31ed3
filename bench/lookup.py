"""From a click on ? to the answer in the cell, as a browser has it; and a hundred people who click on the same line.

What the server itself takes for one answer is measured beside it, and taken off.
"""

import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from redis import Redis

from app.store import keys
from bench.report import Times, finish, options
from bench.soak.pages import Browser
from tests.support.breakable import FaultStack, Site
from tests.support.customers import PASSWORD
from tests.support.databases import Databases
from tests.support.portal import forms
from tests.support.postgres import Postgres
from workers.sip.kamailio.rpc import Rpc

_THEN = 0.3
"""Seconds between two askings of a cell for its answer, the first being at once: as in partials/sign.html."""
_CLICKS, _SMALL_CLICKS = 200, 8
_PEOPLE, _SMALL_PEOPLE = 100, 10
_PAUSE = 0.02
_PATIENCE = 10.0


def main() -> None:
    """Click, one after the other and all at once."""
    asked = options(__doc__.partition("\n")[0])
    clicks, people = (_SMALL_CLICKS, _SMALL_PEOPLE) if asked.small else (_CLICKS, _PEOPLE)
    with ExitStack() as parts:
        stack, site = _stack(parts)
        own = _own_answers(site, clicks)
        browser, token = _opened(stack, site)
        alone = [_alone(stack, site, browser, token, index) for index in range(clicks)]
        everybody = _people(stack, people)
        before = site.proxy.counted
        crowd = _at_once(stack, site, everybody)
        lookups = site.proxy.counted - before
    times, together = Times.of([taken - median(own) for taken in alone]), Times.of(crowd)
    rows = [
        {"what": "the server alone", **Times.of(own).row()},
        {"what": "click to answer, less that", **times.row()},
        {"what": f"{people} people at once", **together.row()},
    ]
    finish(asked, "lookup", rows, p95_ms=round(times.p95, 1), people=people, lookups_of_all_people=lookups)


def _stack(parts: ExitStack) -> tuple[FaultStack, Site]:
    folder = Path(tempfile.mkdtemp(prefix="tsunagari-lookup-"))
    postgres = Postgres()
    parts.callback(postgres.stop)
    postgres.start()
    databases = folder / "databases"
    databases.mkdir()
    stack = parts.enter_context(FaultStack(folder, Databases(databases, lambda: postgres), postgres))
    site = stack.site("asked")
    stack.ask_only(site)
    return stack, site


def _own_answers(site: Site, count: int) -> list[float]:
    """How long the server takes for one answer, on a connection of its own as the portal's."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        with Rpc(site.kamailio.endpoint()) as rpc:
            rpc.ask("ul.lookup", "location", "x@y")
        taken.append(time.perf_counter() - began)
    return taken


def _opened(stack: FaultStack, site: Site) -> tuple[Browser, str]:
    browser = Browser(stack.web.port)
    browser.log_in("faults", PASSWORD)
    return browser, _token(browser, f"/circles/{site.circle_id}")


def _token(browser: Browser, path: str) -> str:
    """What a form of this page carries."""
    _, text, _ = browser.request("GET", path)
    return next(form.fields["csrf_token"] for form in forms(text) if "csrf_token" in form.fields)


def _people(stack: FaultStack, count: int) -> list[tuple[Browser, str]]:
    """So many members of support, each logged in."""
    found = []
    for cookie in stack.staff(count):
        browser = Browser(stack.web.port, cookie)
        found.append((browser, _token(browser, "/support/")))
    return found


def _alone(stack: FaultStack, site: Site, browser: Browser, token: str, index: int) -> float:
    """Seconds from one click to its answer."""
    line = site.lines[index % len(site.lines)]
    with stack.redis.client() as redis:
        _forget(redis, site)
    time.sleep(_PAUSE)
    return _click(browser, token, line)


def _at_once(stack: FaultStack, site: Site, people: list[tuple[Browser, str]]) -> list[float]:
    """The same of many who click on one line at the same moment."""
    with stack.redis.client() as redis:
        _forget(redis, site)
    ready = threading.Barrier(len(people))

    def click(who: tuple[Browser, str]) -> float:
        ready.wait()
        return _click(*who, site.lines[0])

    with ThreadPoolExecutor(len(people)) as pool:
        return list(pool.map(click, people))


def _forget(redis: "Redis", site: Site) -> None:
    """Nobody has asked lately, and nobody has clicked too often."""
    for pattern in (f"{keys.lookup(site.server_id, '').rpartition(':')[0]}:*", "tsunagari:limit*"):
        for key in redis.scan_iter(pattern):
            redis.delete(key)


def _click(browser: Browser, token: str, line: int) -> float:
    began = time.perf_counter()
    _, text, _ = browser.request("POST", f"/live/uniques/{line}/lookup", f"csrf_token={token}")
    asked_at = began
    while "checking" in text:
        time.sleep(max(0.0, asked_at - time.perf_counter()))
        asked_at = time.perf_counter() + _THEN
        digest = text.partition('name="h" value="')[2].partition('"')[0]
        status, fresh, _ = browser.request("GET", f"/live/uniques/{line}/sign?h={digest}")
        if status != 204:
            text = fresh
        if time.perf_counter() - began > _PATIENCE:
            raise RuntimeError("no answer came")
    if "registered" not in text:
        raise RuntimeError(f"no answer: {text[-400:]}")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
