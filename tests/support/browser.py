"""A real Chromium that complains: what goes wrong in a page, its policy included, fails the test."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.support.customers import PASSWORD

# The first is the same engine without what a window needs, and takes half the machine's time.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",  # it refuses to run as root otherwise, and it shows only our own pages
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, headless."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise AssertionError("Chromium is not installed: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def context_for(browser: Browser, base_url: str, complaints: list[str], locale: str = "ja-JP") -> BrowserContext:
    """A person in Japan with a fresh profile, whose pages' errors land in `complaints`."""
    context = browser.new_context(base_url=base_url, locale=locale, timezone_id="Asia/Tokyo")
    context.set_default_timeout(10_000)
    context.on("page", lambda page: _listen(page, complaints))
    return context


def _listen(page: Page, complaints: list[str]) -> None:
    def console(message: ConsoleMessage) -> None:
        # Violations of the Content-Security-Policy arrive here as errors too.
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text}")

    page.on("console", console)
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))


def log_in(page: Page, kind: str, login_id: str, password: str = PASSWORD) -> None:
    """Log in by the page of that kind of principal, and wait until it has been left."""
    page.goto("/staff/login" if kind == "staff" else f"/login?as={kind}")
    form = page.locator(f'form[action="/login/{kind}"]')
    form.locator('input[name="login_id"]').fill(login_id)
    secret = form.locator('input[name="password"]')
    secret.fill(password)
    secret.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)
