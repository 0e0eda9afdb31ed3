"""A click on ?: the answer in the same cell, soon; a failure that says so; and the row that support reloads."""

import time
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page

from app.domain.sign import ASK_PATIENCE
from tests.browser.stack import ASKED, MORTAL_ASKED, SLOW, Line, Place, Stack
from tests.browser.watch import focused, keep_history, said, seen, wait_for_sign
from tests.support.browser import log_in

Open = Callable[[Place], Page]
Profile = Callable[[], BrowserContext]


def ask(page: Page, line: Line, kind: str, seconds: float = 10) -> float:
    """Click on the line's ? and return after how many seconds its sign is of `kind`."""
    began = time.time()
    page.locator(f"#s{line.id}").click()
    return wait_for_sign(page, line, kind, seconds) - began


def test_the_answer_comes_into_the_same_cell_within_a_second(
    stack: Stack, open_list: Open, record_property: Callable[[str, object], None]
) -> None:
    place = stack.circle(ASKED, ASKED, ASKED)
    here, away, third = place.lines
    page = open_list(place)
    wait_for_sign(page, here, "ask")
    keep_history(page, here)
    with stack.phone(here) as phone, stack.phone(third) as other:
        assert phone.register() == other.register() == 200
        took = [ask(page, here, "registered")]
    assert focused(page) == f"s{here.id}"
    took += [ask(page, away, "not-registered"), ask(page, third, "registered")]
    record_property("seconds from click to answer", [round(seconds, 2) for seconds in took])
    assert sorted(took)[1] < 1
    assert seen(page) == ["ask", "checking", "registered"]
    assert [words.partition(":")[0] for words in said(page)] == [here.number, away.number, third.number]
    assert "時点" in page.locator(f"#c{here.id} .remark").inner_text()


def test_an_answer_opens_its_details(stack: Stack, open_list: Open) -> None:
    place = stack.circle(ASKED)
    (line,) = place.lines
    page = open_list(place)
    with stack.phone(line) as phone:
        assert phone.register(user_agent=b"Grandstream GXP2170") == 200
        ask(page, line, "registered")
        page.locator(f"#s{line.id}").click()
        page.get_by_text("Grandstream GXP2170", exact=True).wait_for()
        assert phone.source in page.locator("#registration").inner_text()


def test_a_registrar_that_hangs_is_a_failure_that_can_be_tried_again(stack: Stack, open_list: Open) -> None:
    place = stack.circle(MORTAL_ASKED)
    (line,) = place.lines
    page = open_list(place)
    wait_for_sign(page, line, "ask")
    stack.mortal.freeze()
    try:
        took = ask(page, line, "check-failed")
    finally:
        stack.mortal.thaw()
    assert took < ASK_PATIENCE.total_seconds() + 2
    assert "応答がありません" in page.locator(f"#c{line.id} .remark").inner_text()
    ask(page, line, "not-registered")


def test_support_reloads_a_live_row_and_the_customer_sees_it(
    stack: Stack, open_list: Open, profile: Profile, record_property: Callable[[str, object], None]
) -> None:
    place = stack.circle(SLOW)
    (line,) = place.lines
    page = open_list(place)
    # Pulled once at the start, and then not for minutes: only the reload can tell of the phone.
    wait_for_sign(page, line, "not-registered")
    keep_history(page, line)
    staff = profile().new_page()
    log_in(staff, "staff", "support")
    staff.locator("#q").fill(line.number)
    staff.keyboard.press("Enter")
    staff.wait_for_url(f"**/support/?q={line.number}")
    wait_for_sign(staff, line, "not-registered")
    with stack.phone(line) as phone:
        assert phone.register() == 200
        began = time.time()
        staff.locator(f"#rb{line.id}").click()
        staff.get_by_text("確認:").wait_for()
        wait_for_sign(staff, line, "registered")
        took = wait_for_sign(page, line, "registered", 5) - began
        record_property("seconds from reload to the customer", round(took, 2))
    assert seen(page) == ["not-registered", "registered"]
    assert focused(staff) == f"rb{line.id}"
