"""The first sight of a page waits for its HTML and one stylesheet; what else it needs is fetched once for all pages."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.stack import QUICK, Stack
from tests.support.browser import log_in

MOST = 60_000
"""Bytes of a page's HTML on the wire."""
_PAINTED = """() => new Promise(painted => {
  new PerformanceObserver(painted).observe({type: 'paint', buffered: true});
})"""
_LOADED = """() => ({
  page: performance.getEntriesByType('navigation')[0].toJSON(),
  files: performance.getEntriesByType('resource').filter(file => file.name.includes('/static/')).map(file => ({
    ...file.toJSON(),
    name: new URL(file.name).pathname.split('/').pop(),
    blocking: file.renderBlockingStatus,
  })),
})"""


def loaded(page: Page) -> Any:
    """What was loaded for a page that has been painted, and how."""
    page.evaluate(_PAINTED)
    page.wait_for_load_state("load")
    return page.evaluate(_LOADED)


@pytest.fixture
def paths(stack: Stack, page: Page) -> list[str]:
    """Pages of an account that is logged in in `page`, which begins where it has nothing in its cache."""
    place = stack.circle(*[QUICK] * 100)
    log_in(page, "account", "browser")
    return ["/circles", f"/circles/{place.id}", f"/uniques/{place.lines[0].id}", "/search/uniques?q=0", "/account"]


def test_nothing_but_one_stylesheet_is_waited_for(paths: list[str], page: Page) -> None:
    for path in paths:
        page.goto(path)
        found = loaded(page)
        assert [file["name"] for file in found["files"] if file["blocking"] == "blocking"] == ["style.css"], path
        assert {"htmx.min.js", "live.js"} <= {file["name"] for file in found["files"]}
        assert 0 < found["page"]["encodedBodySize"] <= MOST
        assert found["page"]["encodedBodySize"] < found["page"]["decodedBodySize"] / 2


def test_the_first_page_of_all(profile: Callable[[], Any]) -> None:
    page = profile().new_page()
    page.goto("/login")
    found = loaded(page)
    assert [file["name"] for file in found["files"] if file["blocking"] == "blocking"] == ["style.css"]
    for file in found["files"]:
        assert 0 < file["encodedBodySize"] <= file["decodedBodySize"], file["name"]
    texts = [file for file in found["files"] if file["name"].endswith((".css", ".js"))]
    assert all(file["encodedBodySize"] < file["decodedBodySize"] / 2 for file in texts)
    assert len(texts) == 3


def test_files_are_fetched_once_for_all_pages(paths: list[str], page: Page) -> None:
    page.goto(paths[0])
    loaded(page)
    for path in paths[1:]:
        page.goto(path)
        fetched = {file["name"]: file["transferSize"] for file in loaded(page)["files"]}
        assert [fetched[name] for name in ("style.css", "htmx.min.js", "live.js")] == [0, 0, 0], path
