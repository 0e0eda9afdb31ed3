"""The main job: a phone registers at a real Kamailio, the sign in an open page follows by itself."""

import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from tests.browser import sipp
from tests.browser.stack import DEVICE_PASSWORD, MORTAL, QUICK, STEADY, Place, Stack
from tests.browser.watch import keep_history, said, seen, wait_for_sign

Open = Callable[[Place], Page]
POLL, PULL = 3.0, 5.0


def test_a_sign_follows_its_phone_within_two_intervals(
    stack: Stack, open_list: Open, record_property: Callable[[str, object], None]
) -> None:
    place = stack.circle(STEADY, STEADY)
    line, other = place.lines
    page = open_list(place)
    wait_for_sign(page, line, "not-registered")
    keep_history(page, line)
    with stack.phone(line) as phone:
        assert phone.register() == 200
        answered = time.time()
        took = wait_for_sign(page, line, "registered", 2 * (PULL + POLL)) - answered
        record_property("seconds from 200 OK to ✓", round(took, 2))
        assert took < 2 * (PULL + POLL)

        assert phone.unregister() == 200
        answered = time.time()
        took = wait_for_sign(page, line, "not-registered", 2 * (PULL + POLL)) - answered
        record_property("seconds from 200 OK to ✗", round(took, 2))
        assert took < 2 * (PULL + POLL)
    assert seen(page) == ["not-registered", "registered", "not-registered"]
    wait_for_sign(page, other, "not-registered")
    told = said(page)
    assert [words.partition(": ")[0] for words in told] == [line.number, line.number]
    assert ["されています" in words for words in told] == [True, False]


def test_sipp_as_the_phone(stack: Stack, open_list: Open, tmp_path: Path) -> None:
    place = stack.circle(QUICK)
    (line,) = place.lines
    page = open_list(place)
    wait_for_sign(page, line, "not-registered")
    keep_history(page, line)
    sipp.register(stack.kamailio, tmp_path, line.number, DEVICE_PASSWORD)
    wait_for_sign(page, line, "registered")
    sipp.register(stack.kamailio, tmp_path, line.number, DEVICE_PASSWORD, seconds=0)
    wait_for_sign(page, line, "not-registered")
    assert seen(page) == ["not-registered", "registered", "not-registered"]


def test_a_registrar_that_is_killed_makes_its_signs_unknown_and_never_a_cross(stack: Stack, open_list: Open) -> None:
    place = stack.circle(MORTAL)
    (line,) = place.lines
    with stack.phone(line, mortal=True) as phone:
        assert phone.register() == 200
        page = open_list(place)
        wait_for_sign(page, line, "registered")
        keep_history(page, line)
        stack.mortal.kill()
        wait_for_sign(page, line, "unknown", 15)
        assert "最終確認" in page.locator(f"#c{line.id} .remark").inner_text()
        assert seen(page) == ["registered", "unknown"]
        assert page.locator("#lost").is_hidden()
        stack.mortal.start()
        assert phone.register() == 200
        wait_for_sign(page, line, "registered", 15)
    told = said(page)
    assert told[0].startswith(f"{line.number}: サーバーから応答がないため")
    assert told[-1] == f"{line.number}: 該当のユニーク(回線)はレジストされています"
