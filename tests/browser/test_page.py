"""An open page is a good guest: nothing is lost by a refresh, nothing is asked for nobody, nothing claimed unseen."""

from collections.abc import Callable

from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.stack import ASKED, QUICK, Place, Stack
from tests.browser.watch import focused, keep_history, seen, wait_for_sign
from tests.support.browser import log_in

Open = Callable[[Place], Page]
POLLS = "**/live/page?*"

_HIDE = """hidden => {
  Object.defineProperty(document, 'hidden', {get: () => hidden, configurable: true});
  Object.defineProperty(document, 'visibilityState', {get: () => hidden ? 'hidden' : 'visible', configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def hide(page: Page, *, hidden: bool) -> None:
    page.evaluate(_HIDE, hidden)


def polls_of(page: Page) -> list[str]:
    """From now on, the address of each poll of a page."""
    found: list[str] = []

    def note(request: Request) -> None:
        if "/live/page?" in request.url:
            found.append(request.url)

    page.on("request", note)
    return found


def test_focus_scroll_and_an_open_detail_survive_a_refresh(stack: Stack, open_list: Open) -> None:
    place = stack.circle(*[QUICK] * 60)
    line, last = place.lines[40], place.lines[-1]
    page = open_list(place)
    page.set_viewport_size({"width": 1000, "height": 500})
    wait_for_sign(page, line, "not-registered")
    page.locator(f"#s{last.id}").click()
    expect(page.locator("#registration-title")).to_be_focused()
    page.locator(f"#s{line.id}").focus()
    page.locator(f"#s{line.id}").scroll_into_view_if_needed()
    where = "[window.scrollX, window.scrollY, ...[...document.querySelectorAll('.scroll')].map(e => e.scrollTop)]"
    before = page.evaluate(where)
    keep_history(page, line)
    assert sum(before) > 0
    with stack.phone(line) as phone:
        assert phone.register() == 200
        wait_for_sign(page, line, "registered")
        assert focused(page) == f"s{line.id}"
        assert page.evaluate(where) == before
        assert last.number in page.locator("#registration").inner_text()
        assert seen(page) == ["not-registered", "registered"]


def test_an_open_detail_follows_its_line(stack: Stack, open_list: Open) -> None:
    place = stack.circle(QUICK)
    (line,) = place.lines
    page = open_list(place)
    wait_for_sign(page, line, "not-registered")
    page.locator(f"#s{line.id}").click()
    panel = page.locator("aside#detail #registration")
    expect(panel).to_contain_text("レジストされていない場合の対処方法")
    expect(page.locator("#registration-title")).to_be_focused()
    with stack.phone(line) as phone:
        assert phone.register(user_agent=b"<img src=x onerror=alert(1)> \xe2\x80\xaeevil\x07") == 200
        expect(panel).to_contain_text("<img src=x onerror=alert(1)> evil")
        expect(panel).to_contain_text(phone.source)
        assert panel.locator("img").count() == 0
        assert focused(page) == "registration-title"
        assert phone.register(user_agent=b"x" * 250) == 200
        expect(panel).to_contain_text("xxx…")
        assert len(panel.inner_text()) < 1000
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    assert focused(page) == f"s{line.id}"


def test_a_hidden_tab_does_not_poll_and_polls_at_once_when_it_is_seen(stack: Stack, open_list: Open) -> None:
    place = stack.circle(QUICK)
    (line,) = place.lines
    page = open_list(place)
    wait_for_sign(page, line, "not-registered")
    keep_history(page, line)
    beside = page.context.new_page()
    beside.goto(f"/circles/{place.id}")
    hide(page, hidden=True)
    polls = polls_of(page)
    with stack.phone(line) as phone:
        assert phone.register() == 200
        # The other tab is the clock: when it has polled three times, this one would have polled at least twice.
        for _ in range(3):
            with beside.expect_request(POLLS):
                pass
        wait_for_sign(beside, line, "registered")
        assert polls == []
        assert seen(page) == ["not-registered"]
        with page.expect_request(POLLS, timeout=1000):
            hide(page, hidden=False)
        wait_for_sign(page, line, "registered", 2)


def test_logging_out_in_another_tab_leads_to_the_login_page(
    stack: Stack, open_list: Open, complaints: list[str]
) -> None:
    place = stack.circle(QUICK)
    page = open_list(place)
    beside = page.context.new_page()
    beside.goto(f"/circles/{place.id}")
    beside.locator('form[action="/logout"] button').click()
    beside.wait_for_url("**/login")
    page.wait_for_url("**/login", timeout=6000)
    assert page.locator("form[action='/login/account']").count() == 1
    assert page.locator("table").count() == 0
    # The browser itself notes each 401.
    assert complaints
    assert all("401" in words for words in complaints)
    complaints.clear()


def test_a_portal_that_can_not_be_reached_is_said_in_words_and_recovers(
    stack: Stack, open_list: Open, complaints: list[str]
) -> None:
    place = stack.circle(QUICK)
    (line,) = place.lines
    page = open_list(place)
    wait_for_sign(page, line, "not-registered")
    keep_history(page, line)
    lost = page.locator("#lost")
    expect(lost).to_be_hidden()
    stack.web.stop()
    try:
        expect(lost).to_be_visible(timeout=20_000)
        assert "ポータルと通信できません" in lost.inner_text()
    finally:
        stack.web.start()
    expect(lost).to_be_hidden(timeout=10_000)
    with stack.phone(line) as phone:
        assert phone.register() == 200
        wait_for_sign(page, line, "registered")
    assert seen(page) == ["not-registered", "registered"]
    assert [words for words in complaints if "CSP" in words or "Content Security" in words] == []
    complaints.clear()


def test_without_javascript_everything_works(browser: Browser, stack: Stack) -> None:
    place = stack.circle(QUICK, ASKED)
    live, asked = place.lines
    context = browser.new_context(
        base_url=stack.web.url, java_script_enabled=False, locale="ja-JP", timezone_id="Asia/Tokyo"
    )
    try:
        with stack.phone(live) as first, stack.phone(asked) as second:
            assert first.register() == second.register() == 200
            page = context.new_page()
            log_in(page, "account", "browser")
            page.get_by_role("link", name=place.number, exact=True).click()
            expect(page.locator(f"#c{asked.id} .sign.ask")).to_be_visible()
            page.locator(f"#s{asked.id}").click()
            page.wait_for_url(f"**/uniques/{asked.id}/registration")
            expect(page.locator(f"#c{asked.id} .sign.registered")).to_be_visible()
            expect(page.locator("#registration")).to_contain_text(second.source)
            page.get_by_role("link", name="閉じる").click()
            page.get_by_role("link", name=live.number, exact=True).click()
            expect(page.locator("#registration")).to_contain_text(first.source)
            page.get_by_role("button", name="ログアウト").click()
            page.wait_for_url("**/login")
    finally:
        context.close()


def test_a_customer_finds_the_way_in_two_languages(stack: Stack, page: Page) -> None:
    # An account of its own: its language is remembered.
    place = stack.circle(QUICK, account=stack.account("bilingual"))
    page.goto("/login")
    page.get_by_role("link", name="サークル", exact=True).click()
    page.get_by_role("link", name="アカウント", exact=True).click()
    log_in(page, "account", "bilingual")
    page.get_by_role("link", name=place.number, exact=True).click()
    page.locator("details.legend summary").click()
    expect(page.locator("details.legend")).to_contain_text("該当のユニーク(回線)はレジストされています")
    page.get_by_role("button", name="English").click()
    page.wait_for_url(f"**/circles/{place.id}")
    page.locator("details.legend summary").click()
    expect(page.locator("details.legend")).to_contain_text("This line is registered")
    page.get_by_role("link", name=place.lines[0].number, exact=True).click()
    expect(page.locator("#registration-title")).to_contain_text(place.lines[0].number)
    assert said_nothing(page)


def said_nothing(page: Page) -> bool:
    """Whether a page that was just loaded tells a screen reader nothing by itself."""
    return page.locator("#announce").inner_text() == ""
