"""One stack that may be broken, and pages that remember all that they show."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from tests.browser.faults.record import Record
from tests.support.breakable import FaultStack, Site
from tests.support.browser import context_for, log_in
from tests.support.databases import Databases
from tests.support.postgres import Postgres

Watch = Callable[[Site], Record]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultStack]:
    """Everything that runs in production, running, with a database of its own."""
    postgres = Postgres()
    try:
        postgres.start()
        databases = Databases(tmp_path_factory.mktemp("databases"), lambda: postgres)
        with FaultStack(tmp_path_factory.mktemp("faults"), databases, postgres) as running:
            yield running
    finally:
        postgres.stop()


@pytest.fixture
def watch(browser: Browser, stack: FaultStack) -> Iterator[Watch]:
    """Opens the list of a site's circle, waits until its signs are right, and remembers what it shows from then on."""
    with ExitStack() as opened:

        def open_list(site: Site) -> Record:
            context = context_for(browser, stack.web.url, [])
            opened.callback(context.close)
            page = context.new_page()
            log_in(page, "circle", site.number)
            page.wait_for_url(f"**/circles/{site.circle_id}")
            for line in site.here:
                page.locator(f"#c{line} .sign.registered").wait_for()
            page.locator(f"#c{site.away} .sign.not-registered").wait_for()
            return Record(page)

        yield open_list
