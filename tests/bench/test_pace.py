"""The measurements poll as often as a page does: the real script in a real browser, on a clock of ours."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Page

from bench.pace import LATE, LIVELY, SOON, pause_after
from tests.support.process import ROOT

_PAGE = """<form id="live"></form>"""
_HTMX = """
const polls = [], changes = [];
const htmx = { trigger: (form) => {
  polls.push(Date.now());
  const status = changes.includes(polls.length) ? 200 : 204;
  const ctx = { sourceElement: form, response: { status, headers: { get: () => null } } };
  for (const name of ["htmx:after:request", "htmx:finally:request"])
    document.dispatchEvent(new CustomEvent(name, { detail: { ctx } }));
} };
"""
"""Each poll is answered at once; `changes` are the polls, counted from 1, that bring something new."""


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.clock.install(time=0)
    page.clock.pause_at(1)
    page.set_content(_PAGE)
    yield page
    page.close()


def moments(page: Page, changes: list[int], *, seconds: float, touched: float | None = None) -> list[float]:
    """When the page polls, in seconds from its load."""
    page.add_script_tag(content=_HTMX + f"changes.push(...{changes});")
    began = page.evaluate("Date.now()")
    page.add_script_tag(path=ROOT / "app" / "static" / "live.js")
    if touched is not None:
        page.clock.run_for(int(touched * 1000))
        page.evaluate("document.dispatchEvent(new Event('pointerdown'))")
    page.clock.run_for(int((seconds - (touched or 0)) * 1000))
    found = cast("list[Any]", page.evaluate("polls"))
    return [(moment - began) / 1000 for moment in found]


def expected(changes: list[int], *, seconds: float) -> list[float]:
    """The same by the rule of the measurements."""
    now, lively, pause, found = 0.0, 0.0, SOON, list[float]()
    while (now := now + pause) <= seconds:
        found.append(now)
        if len(found) in changes:
            lively = now
        pause = pause_after(pause, now - lively)
    return found


@pytest.mark.parametrize("changes", [[], [25], [5, 22, 30]])
def test_the_script_and_the_measurements_poll_alike(tab: Page, changes: list[int]) -> None:
    found = moments(tab, changes, seconds=300)
    assert found == pytest.approx(expected(changes, seconds=300), abs=0.01)
    gaps = [later - sooner for sooner, later in pairwise(found)]
    assert min(gaps) == pytest.approx(SOON, abs=0.01)
    assert max(gaps) == pytest.approx(LATE, abs=0.01)


def test_who_touches_the_page_polls_soon_again(tab: Page) -> None:
    quiet = LIVELY + 4 * LATE + 1
    found = [moment for moment in moments(tab, [], seconds=quiet + 10, touched=quiet) if moment > quiet]
    assert found[:3] == pytest.approx([quiet + SOON, quiet + 2 * SOON, quiet + 3 * SOON], abs=0.01)
