"""Every page is for everybody: axe finds nothing, and the keyboard alone reaches, shows and does everything."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from app import create_app
from app.config import Config
from tests.browser.sights import ERRORS, NOT_PAGES, PEOPLE, SIGHTS, Sight
from tests.browser.stack import Stack
from tests.browser.watch import focused, wait_for_sign
from tests.browser.world import World, world
from tests.support.browser import context_for, log_in
from tests.support.customers import PASSWORD
from tests.support.databases import settings

_OPTIONS = {"resultTypes": ["violations"], "preload": False}
# The schemes differ in nothing but colours: in the dark only what axe says of those is new.
_OF_COLOURS = {**_OPTIONS, "runOnly": ["color-contrast", "link-in-text-block"]}
_RUN = """async options => (await axe.run(options)).violations.flatMap(
  ({id, nodes}) => nodes.map(({target, failureSummary}) => `${id}: ${target} ${failureSummary}`))"""

# What a person can do something with; remembers what the keyboard reached, and whether that could be seen.
_LISTEN = """() => {
  const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')].filter(
    e => e.type !== 'hidden' && e.tabIndex >= 0 && !e.disabled && e.checkVisibility({visibilityProperty: true}));
  window.reached = new Set();
  window.unseen = new Set();
  window.name_of = e => e.id || e.getAttribute('aria-label') || e.textContent.trim() || e.outerHTML.slice(0, 80);
  document.addEventListener('focusin', ({target}) => {
    window.reached.add(target);
    if (getComputedStyle(target).outlineStyle === 'none') window.unseen.add(target);
  });
  window.wanted = all;
  return all.length;
}"""
_MISSED = """() => [
  ...window.wanted.filter(e => e.isConnected && !window.reached.has(e)).map(e => 'not reached: ' + window.name_of(e)),
  ...[...window.unseen].map(e => 'focus not seen: ' + window.name_of(e)),
]"""


@pytest.fixture(scope="module")
def shown(stack: Stack) -> Iterator[World]:
    with world(stack, "reader") as made:
        yield made


class Visitors:
    """A page of each kind of person, logged in."""

    def __init__(self, browser: Browser, stack: Stack, world: World, locale: str = "ja-JP") -> None:
        self.complaints: list[str] = []
        self._names = world.names
        self._opened = ExitStack()
        self._pages: dict[str, Page] = {}
        for who in PEOPLE:
            context = context_for(browser, stack.web.url, self.complaints, locale)
            self._opened.callback(context.close)
            self._pages[who] = context.new_page()
            if who in world.login_ids:
                log_in(self._pages[who], who, world.login_ids[who])

    def see(self, sight: Sight) -> Page:
        """The page that is looked at."""
        page = self._pages[sight.who]
        page.goto(sight.path.format(**self._names))
        if sight.act is not None:
            sight.act(page)
        return page

    def __enter__(self) -> "Visitors":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


def findings(page: Page) -> list[str]:
    """What axe says against the page as it stands, in both colour schemes."""
    page.emulate_media(color_scheme="light")
    page.evaluate(AXE_SCRIPT)
    light = [f"light: {words}" for words in page.evaluate(_RUN, _OPTIONS)]
    page.emulate_media(color_scheme="dark")
    return light + [f"dark: {words}" for words in page.evaluate(_RUN, _OF_COLOURS)]


def unreached(page: Page) -> list[str]:
    """What Tab alone does not lead to, or leads to unseen. It does so in any language."""
    for _ in range(page.evaluate(_LISTEN) + 3):
        page.keyboard.press("Tab")
    return [str(words) for words in page.evaluate(_MISSED)]


def test_every_page_is_looked_at() -> None:
    portal = create_app(Config.from_env(settings("sqlite://", "redis://127.0.0.1:1/0")))
    pages = {rule.endpoint for rule in portal.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert pages - NOT_PAGES == SIGHTS.keys()
    assert pages > NOT_PAGES


@pytest.mark.parametrize(("locale", "by_keyboard"), [("ja-JP", True), ("en-US", False)], ids=["ja", "en"])
def test_every_page_is_for_everybody(
    browser: Browser, stack: Stack, shown: World, *, locale: str, by_keyboard: bool
) -> None:
    problems = []
    with Visitors(browser, stack, shown, locale) as visitors:
        for sight in (*(each for row in SIGHTS.values() for each in row), *ERRORS):
            page = visitors.see(sight)
            expect(page.locator("html")).to_have_attribute("lang", locale[:2])
            found = findings(page) + (unreached(page) if by_keyboard else [])
            problems += [f"{sight.who} {sight.path} {words}" for words in found]
    assert problems == []


def test_a_day_without_a_mouse(stack: Stack, page: Page, shown: World) -> None:
    line, asked = shown.mistyped, shown.asked
    page.goto("/login?as=circle")
    # The browser moves the focus there with its first picture, which may come after all has loaded.
    expect(page.locator("input[autofocus]")).to_be_focused()
    page.keyboard.type(shown.place.number)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/circles/{shown.place.id}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main$"))
    go_to(page, f"s{line.id}")
    page.keyboard.press("Enter")
    expect(page.locator("#registration-title")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("[data-close]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#registration")).to_have_count(0)
    assert focused(page) == f"s{line.id}"
    go_to(page, f"s{asked.id}")
    wait_for_sign(page, asked, "ask")
    page.keyboard.press("Enter")
    wait_for_sign(page, asked, "not-registered")
    assert focused(page) == f"s{asked.id}"


def go_to(page: Page, element_id: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if focused(page) == element_id:
            return
    raise AssertionError(f"{element_id} can't be reached by the keyboard")
