"""Faults of our own parts behind an open page: no sign ever blames a phone, nothing is lost, and all of it heals."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import select

from app.models import LineChange
from tests.browser.faults.conftest import Watch
from tests.browser.faults.record import Record
from tests.support.breakable import INTERVAL, POLL, FaultStack, Site
from tests.support.breaks import full, gone, locked, no_child, slow, stopped
from tests.support.process import Child, python
from tests.support.proxy import PASS, Mode, Proxy
from tests.support.wait import until
from workers.pulling import LEASE_SECONDS
from workers.schedule import TAKE_UP

SLACK = 6.0
"""Seconds that a loaded machine may be late; a part that was stopped takes a while to start."""
HEALS_WITHIN = 2 * INTERVAL + POLL + SLACK
_PATIENCE = 40_000


@pytest.fixture(scope="module")
def site(stack: FaultStack) -> Site:
    return stack.site("ours")


@pytest.fixture
def record(watch: Watch, site: Site) -> Record:
    return watch(site)


@pytest.fixture(autouse=True)
def nothing_is_lost(stack: FaultStack, site: Site) -> Iterator[None]:
    """The phones never went away, and so the history knows of each only that it came."""
    yield
    query = select(LineChange.unique_id, LineChange.after).where(LineChange.unique_id.in_(site.lines))
    until(lambda: len(stack.changes(query)) == len(site.here), 10, "what changed is in the history")
    assert sorted(stack.changes(query)) == [(line, "registered") for line in site.here]


def unknown(record: Record, site: Site) -> None:
    """Wait until the page says of every line that it is not known."""
    for line in site.lines:
        record.page.locator(f"#c{line} .sign.unknown").wait_for(timeout=_PATIENCE)


def healed(record: Record, site: Site, ended: float, within: float = HEALS_WITHIN) -> None:
    """Wait until the signs are right again; all the while no phone was blamed, and none was claimed that is away."""
    for line in site.here:
        record.page.locator(f"#c{line} .sign.registered").wait_for(timeout=_PATIENCE)
    record.page.locator(f"#c{site.away} .sign.not-registered").wait_for(timeout=_PATIENCE)
    for line in site.here:
        assert set(record.kinds(line)) <= {"registered", "unknown"}
        assert record.since(line, "registered") - ended < within
    assert set(record.kinds(site.away)) <= {"not-registered", "unknown"}
    assert record.news() == [""]


@pytest.mark.parametrize("fault", [stopped, full, slow, locked, gone])
def test_a_store_that_fails(
    stack: FaultStack, site: Site, record: Record, fault: Callable[[FaultStack], AbstractContextManager[None]]
) -> None:
    with fault(stack):
        unknown(record, site)
    healed(record, site, time.time())


@pytest.mark.parametrize("how", ["flushed", "restarted"])
def test_a_redis_that_forgets(stack: FaultStack, site: Site, record: Record, how: str) -> None:
    if how == "flushed":
        with stack.redis.client() as client:
            client.flushall()
    else:
        stack.redis.kill()
        stack.redis.start()
    emptied = time.time()
    # Nothing is left of what was known: what the page shows next rests on a new answer.
    until(lambda: stack.state(site).answered_at, 15, "a pull after Redis forgot")
    healed(record, site, emptied)


@pytest.mark.parametrize("name", ["schedule", "run"])
def test_a_part_that_does_not_run_is_named(stack: FaultStack, site: Site, record: Record, name: str) -> None:
    with no_child(stack, name):
        unknown(record, site)
        # Not at once: a server that keeps us waiting would look the same.
        told = record.page.locator('.sign.unknown[title*="ポータルの取得処理が動いていない"]')
        told.first.wait_for(timeout=_PATIENCE)
    healed(record, site, time.time())


def test_of_two_schedulers_one_goes_on_alone(stack: FaultStack, site: Site, record: Record) -> None:
    command = python("-m", "flask", "--app", "wsgi", "workers", "schedule")
    second = Child(command, stack.sub("second") / "schedule.log", env=stack.environ_of_workers())
    try:
        with stack.redis.client() as client:
            leader = client.get("tsunagari:lease:schedule")
            stack.workers.child("schedule").kill()
            until(lambda: client.get("tsunagari:lease:schedule") not in (None, leader), 10, "the other one leads")
        healed(record, site, time.time())
    finally:
        second.stop()
        stack.workers.begin("schedule")


@pytest.mark.parametrize("step", ["fetch", "compare", "write"])
def test_a_worker_killed_in_the_middle(stack: FaultStack, site: Site, record: Record, step: str) -> None:
    """In the fetch the server keeps it waiting; later Redis does, at a command that is sent in that step only."""
    proxy = site.proxy if step == "fetch" else stack.redis_of_workers
    modes = {"fetch": Mode(hang=True), "compare": Mode(stall_on=b"HMGET"), "write": Mode(stall_on=b"EXEC")}
    proxy.become(modes[step])
    _caught(proxy, step, stack, site)
    stack.workers.kill_running()
    proxy.become(PASS)
    # A pull that was killed holds its lease for some seconds more, and one that was taken up just then its mark.
    healed(record, site, time.time(), HEALS_WITHIN + LEASE_SECONDS + TAKE_UP.total_seconds())


def _caught(proxy: Proxy, step: str, stack: FaultStack, site: Site) -> None:
    if step != "fetch":
        assert proxy.stalled.wait(20)
        return
    with stack.redis.client() as client:
        until(lambda: client.exists(f"tsunagari:lease:pull-{site.server_id}"), 10, "a pull that hangs")


def test_the_web_restarts_under_an_open_page(stack: FaultStack, watch: Watch) -> None:
    site = stack.site("restarted-web")
    record = watch(site)
    stack.web.stop()
    phone, line = site.phones[-1], site.away
    try:
        assert phone.register() == 200
    finally:
        stack.web.start()
    record.page.locator(f"#c{line} .sign.registered").wait_for(timeout=_PATIENCE)
    assert phone.unregister() == 200
    record.page.locator(f"#c{line} .sign.not-registered").wait_for(timeout=_PATIENCE)
    assert record.kinds(line) == ["not-registered", "registered", "not-registered"]
    assert set(record.kinds(site.here[0])) == {"registered"}


def test_a_browser_that_slept_for_an_hour(stack: FaultStack, watch: Watch) -> None:
    """Nobody may take what it showed an hour ago for what is: it says so before the first answer."""
    site = stack.site("sleeper")
    record = watch(site)
    page = record.page
    page.clock.install()
    page.reload()
    page.locator(f"#c{site.here[0]} .sign.registered").wait_for()
    page.route("**/live/page?*", lambda _route: None)
    assert site.phones[0].unregister() == 200
    page.clock.fast_forward("01:00:00")
    page.locator("#lost").wait_for(timeout=5000)
    assert page.locator("body.not-current").count() == 1
    page.unroute("**/live/page?*")
    page.clock.fast_forward(20_000)
    page.locator(f"#c{site.here[0]} .sign.not-registered").wait_for(timeout=_PATIENCE)
    page.locator("#lost").wait_for(state="hidden")
