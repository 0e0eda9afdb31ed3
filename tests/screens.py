"""`script/screens`: the demo's pages as pictures in docs/screens, as a person sees them on a desk and on a phone."""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from app.models import Account, Circle, Unique
from demo.corners import AWAY
from demo.customers import customers
from demo.phones import Behaviour
from demo.servers import LIVE, ON_DEMAND
from tests.support.browser import chromium, context_for, log_in
from tests.support.ports import free_port
from tests.support.process import ROOT, Child, python
from tests.support.wait import until

FOLDER = ROOT / "docs" / "screens"
_WIDTHS = {1280: 860, 390: 844}
"""And the heights."""
_LANGUAGES = {"ja": "ja-JP", "en": "en-US"}


Names = dict[str, int]
"""Ids of what is shown."""


@dataclass(frozen=True, slots=True)
class Screen:
    """One picture. `path` has places for the names of `_names`."""

    name: str
    who: str
    path: str
    act: Callable[[Page, Names], None] = lambda _page, _names: None
    at: str = ""
    """What stands at the top of the picture; the page's own top if empty."""


def _details(page: Page, names: Names) -> None:
    page.locator(f"#s{names['mistyped']}").click()
    expect(page.locator("#registration .error")).to_be_visible()


def _asked(page: Page, _names: Names) -> None:
    signs = page.locator("td .sign.ask")
    answered = page.locator("td .sign.registered, td .sign.not-registered")
    while answered.count() < 3:
        cell = signs.first.locator("xpath=..").get_attribute("id")
        signs.first.click()
        expect(page.locator(f"#{cell} .sign.registered, #{cell} .sign.not-registered")).to_be_visible()


def _ticked(page: Page, _names: Names) -> None:
    for box in page.locator('input[name="cancel"]:not([disabled])').all()[:2]:
        box.check()
    page.locator("form.chosen button").click()
    page.wait_for_url("**/review?**")


def _typed(page: Page, _names: Names) -> None:
    page.locator('input[name="password"]').fill("tsubame-Kaze.42")
    expect(page.locator("#strength meter")).to_be_visible()


def _past(page: Page, _names: Names) -> None:
    for summary in page.locator("#history details summary").all():
        summary.click()


SCREENS = (
    Screen("login", "nobody", "/login"),
    Screen("login-staff", "nobody", "/staff/login"),
    Screen("circles", "account", "/circles"),
    Screen("circle", "account", "/circles/{office}/details"),
    Screen("uniques", "account", "/circles/{office}"),
    Screen("details", "account", "/circles/{branch}?sort=state", _details),
    Screen("uniques-on-demand", "account", "/circles/{centre}", _asked),
    Screen("uniques-review", "account", "/circles/{office}", _ticked),
    Screen("unique", "account", "/uniques/{registered}"),
    Screen("history", "account", "/uniques/{registered}?period=30d", _past, "#history"),
    Screen("history-on-demand", "account", "/uniques/{asked}", _past, "#history"),
    Screen("unique-refused", "account", "/uniques/{mistyped}"),
    Screen("unique-unknown", "account", "/uniques/{away}"),
    Screen("password", "account", "/uniques/{mistyped}/password", _typed),
    Screen("search-uniques", "account", "/search/uniques?q=05000010"),
    Screen("search-circles", "account", "/search/circles?q=支店"),
    Screen("search-phones", "account", "/search/phones?q=03"),
    Screen("requests", "account", "/requests"),
    Screen("circle-add", "account", "/circles/add"),
    Screen("circle-cancel", "account", "/circles/cancel"),
    Screen("circle-cancel-review", "account", "/circles/{branch}/cancel"),
    Screen("account", "account", "/account"),
    Screen("own-line", "unique", "/"),
    Screen("support", "staff", "/support/?q=05000020"),
    Screen("audit", "staff", "/support/audit"),
    Screen("audit-customer", "staff", "/support/audit/{customer}"),
)


@contextmanager
def running(var: Path) -> Iterator[dict[str, Any]]:
    """A demo of its own, and what it says of itself."""
    settings = {"VAR_DIR": str(var), "PORT": str(free_port()), "SIP_PORT": str(free_port())}
    demo = Child(python("-m", "demo"), var.with_name("demo.log"), env=settings)
    try:
        until(lambda: demo.running and (var / "demo.json").exists(), 120, "the demo is up")
        yield json.loads((var / "demo.json").read_text(encoding="utf-8"))
    finally:
        demo.stop(30)


def _names(var: Path) -> Names:
    """Ids of what is shown, by the names in the paths of screens."""
    office, branch, centre, _ = (group.number for group in customers()[0].groups)
    phones = json.loads((var / "phones.json").read_text(encoding="utf-8"))
    at_live = {line.number for group in customers()[0].groups for line in group.lines if line.server == LIVE}

    # The first that stays calls itself something hostile, which is not for a picture.
    def phone(behaviour: Behaviour) -> str:
        return max(
            str(phone["user"]) for phone in phones if phone["user"] in at_live and phone["behaviour"] == behaviour
        )

    with Session(create_engine(f"sqlite:///{var / 'tsunagari.sqlite3'}")) as session:

        def line(number: str) -> int:
            return session.scalars(select(Unique.id).filter_by(number=number)).one()

        def circle(number: str) -> int:
            return session.scalars(select(Circle.id).filter_by(number=number)).one()

        return {
            "customer": session.scalars(select(Account.id).filter_by(login_id=customers()[0].login_id)).one(),
            "office": circle(office),
            "branch": circle(branch),
            "centre": circle(centre),
            "registered": line(phone(Behaviour.STAYS)),
            "mistyped": line(phone(Behaviour.WRONG_PASSWORD)),
            "asked": session.scalars(select(Unique.id).where(Unique.server.has(hostname=ON_DEMAND))).first() or 0,
            "away": session.scalars(select(Unique.id).where(Unique.server.has(hostname=AWAY))).one(),
        }


def photograph(browser: Browser, known: dict[str, Any], names: Names, language: str, width: int) -> None:
    """Every screen in one language and width. Raises AssertionError when a page complains."""
    complaints: list[str] = []
    for who in dict.fromkeys(screen.who for screen in SCREENS):
        context = context_for(browser, known["url"], complaints, _LANGUAGES[language])
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": _WIDTHS[width]})
        if who in known["logins"]:
            log_in(page, who, known["logins"][who]["id"], known["logins"][who]["password"])
        for screen in SCREENS:
            if screen.who == who:
                page.goto(screen.path.format(**names))
                screen.act(page, names)
                page.evaluate("scrollTo(0, 0); document.querySelectorAll('.scroll').forEach(e => e.scrollTo(0, 0))")
                if screen.at:
                    page.locator(screen.at).evaluate("element => element.scrollIntoView()")
                page.screenshot(path=FOLDER / f"{screen.name}.{language}.{width}.png", animations="disabled")
        context.close()
    assert complaints == []


def main() -> int:
    """All of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        var = Path(scratch) / "var"
        with running(var) as known, chromium() as browser:
            names = _names(var)
            for language in _LANGUAGES:
                for width in _WIDTHS:
                    photograph(browser, known, names, language, width)
    wanted = {f"{each.name}.{language}.{width}.png" for each in SCREENS for language in _LANGUAGES for width in _WIDTHS}
    for path in FOLDER.glob("*.png"):
        if path.name not in wanted:
            path.unlink()
    print(f"{len(wanted)} pictures in {FOLDER.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
