"""Every page as somebody who may see it: what is looked at for accessibility. A new page belongs in here."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

PEOPLE = ("nobody", "account", "circle", "unique", "staff")


@dataclass(frozen=True, slots=True)
class Sight:
    """A page in one of its states. `path` has places for the names of `world.World.names`."""

    who: str
    path: str
    act: Callable[[Page], None] | None = None
    """What the person does there first."""


NOT_PAGES = frozenset(
    (
        "static", "health.healthz", "line.settings_code", "history.line", "history.circle",
        "live.page", "live.circles", "live.sign", "device.state", "support.reloaded",
    )
)  # fmt: skip
"""Files and fragments that no person opens by themselves; those are seen within the pages that hold them."""


def _opened(page: Page) -> None:
    page.locator("td .sign.not-registered").first.click()
    expect(page.locator("#registration .error")).to_be_visible()


def _table_of_the_past(page: Page) -> None:
    page.locator("#history details summary").click()
    expect(page.locator("#history table")).to_be_visible()


def _legend(page: Page) -> None:
    page.locator("details.legend summary").click()


def _wrong_login(page: Page) -> None:
    form = page.locator('form[action="/login/account"]')
    form.locator('input[name="login_id"]').fill("nobody-at-all")
    form.locator('input[name="password"]').fill("wrong")
    _send(page, 'form[action="/login/account"] button', '.alert[role="alert"]')


def _refused_password(page: Page) -> None:
    page.locator('input[name="password"]').fill("short")
    expect(page.locator("#strength meter")).to_be_visible()
    page.locator('input[name="again"]').fill("other")
    _send(page, "form.half button.primary", "#refusal")


def _generated_password(page: Page) -> None:
    _send(page, 'form[action$="/generated"] button', "#made")
    expect(page.locator("#password-state.done")).to_be_visible()


def _wrong_current(page: Page) -> None:
    form = page.locator('form[action="/account/password"]')
    for name in ("current", "password", "again"):
        form.locator(f'input[name="{name}"]').fill("not the right one")
    _send(page, 'form[action="/account/password"] button', "#problem")


def _reviewed_addition(page: Page) -> None:
    for field in page.locator("main form input:not([type=hidden]), main form textarea").all():
        field.fill("新しい支店")
    _send(page, "main form .primary", 'form[action="/circles/add"]')


def _reloaded(page: Page) -> None:
    page.locator("button[id^=rb]").first.click()
    expect(page.locator(".reload .remark").first).to_contain_text(":")


def _send(page: Page, button: str, then: str) -> None:
    page.locator(button).first.click()
    expect(page.locator(then).first).to_be_visible()


SIGHTS: dict[str, tuple[Sight, ...]] = {
    "auth.login": (
        Sight("nobody", "/login"),
        Sight("nobody", "/login?as=circle"),
        Sight("nobody", "/login?as=unique"),
        Sight("nobody", "/login", _wrong_login),
    ),
    "auth.staff_login": (Sight("nobody", "/staff/login"),),
    "links.password": (Sight("nobody", "/links/password/{link}"), Sight("nobody", "/links/password/gone")),
    "links.email": (Sight("nobody", "/links/email/{link}-email"),),
    "portal.home": (Sight("unique", "/"), Sight("staff", "/")),
    "portal.circles": (Sight("account", "/circles"), Sight("account", "/circles?tab=other", _legend)),
    "portal.circle": (Sight("account", "/circles/{circle}/details"), Sight("circle", "/circles/{circle}/details")),
    "portal.uniques": (
        Sight("account", "/circles/{circle}"),
        Sight("circle", "/circles/{circle}?sort=state", _opened),
        Sight("account", "/circles/{circle}?state=unknown", _legend),
    ),
    "portal.unique": (
        Sight("account", "/uniques/{registered}"),
        Sight("account", "/uniques/{registered}?period=7d", _table_of_the_past),
        Sight("unique", "/uniques/{mistyped}"),
        Sight("account", "/uniques/{asked}"),
        Sight("account", "/uniques/{silent}"),
        Sight("account", "/uniques/{room}"),
    ),
    "portal.registration": (
        Sight("account", "/uniques/{registered}/registration"),
        Sight("circle", "/uniques/{mistyped}/registration"),
        Sight("staff", "/uniques/{silent}/registration"),
    ),
    "device.password": (
        Sight("account", "/uniques/{mistyped}/password", _refused_password),
        Sight("account", "/uniques/{mistyped}/password", _generated_password),
        Sight("account", "/uniques/{registered}/password"),
        Sight("account", "/uniques/{room}/password"),
    ),
    "requests.listing": (Sight("account", "/requests"), Sight("circle", "/requests")),
    "requests.add_circle": (Sight("account", "/circles/add"), Sight("account", "/circles/add", _reviewed_addition)),
    "requests.cancel_circle": (Sight("account", "/circles/cancel"),),
    "requests.review_circle": (Sight("account", "/circles/{circle}/cancel"),),
    "lines.review": (Sight("account", "/circles/{circle}/review?cancel={registered}&undo={asked}"),),
    "search.uniques": (Sight("account", "/search/uniques"), Sight("account", "/search/uniques?q={number}")),
    "search.circles": (Sight("account", "/search/circles?q=7"), Sight("account", "/search/circles?q=none")),
    "search.phones": (Sight("circle", "/search/phones?q=03"),),
    "account.index": (
        Sight("account", "/account", _wrong_current),
        Sight("circle", "/account"),
        Sight("unique", "/account"),
        Sight("staff", "/account"),
    ),
    "support.search": (Sight("staff", "/support/"), Sight("staff", "/support/?q={number}", _reloaded)),
    "audit.customers": (Sight("staff", "/support/audit"),),
    "audit.entries": (Sight("staff", "/support/audit/{account}"),),
    "audit.of_nobody": (Sight("staff", "/support/audit/portal"),),
}
"""By endpoint."""

ERRORS = (Sight("nobody", "/links/email/gone"), Sight("account", "/nowhere"))
