"""One whole stack for all of the browser's tests, and a fresh browser profile for each."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.stack import Place, Stack
from tests.support.browser import context_for, log_in
from tests.support.databases import Databases


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[Stack]:
    """Everything that runs in production, running."""
    with Stack(tmp_path_factory.mktemp("stack"), databases) as running:
        yield running


@pytest.fixture
def profile(browser: Browser, stack: Stack, complaints: list[str]) -> Iterator[Callable[[], BrowserContext]]:
    """Makes fresh browser profiles. What goes wrong in any page of theirs fails the test."""
    with ExitStack() as opened:

        def make() -> BrowserContext:
            context = context_for(browser, stack.web.url, complaints)
            opened.callback(context.close)
            return context

        yield make
    assert complaints == []


@pytest.fixture
def page(profile: Callable[[], BrowserContext]) -> Page:
    """An empty page of a person in Japan."""
    return profile().new_page()


@pytest.fixture
def open_list(page: Page) -> Callable[[Place], Page]:
    """Logs in as a circle, whose list then is the page."""

    def opened(place: Place) -> Page:
        log_in(page, "circle", place.number)
        page.wait_for_url(f"**/circles/{place.id}")
        return page

    return opened
