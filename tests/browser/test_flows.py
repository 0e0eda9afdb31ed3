"""What customers do, from the first page to the last, with everything real behind it."""

import unicodedata
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.baresip import softphone
from tests.browser.stack import ASKED, KEEPER, QUICK, Place, Stack
from tests.browser.watch import wait_for_sign
from tests.support.browser import log_in
from tests.support.customers import PASSWORD
from tests.support.wait import until
from tests.web.mailbox import link_in

Open = Callable[[Place], Page]
Profile = Callable[[], BrowserContext]


@pytest.mark.parametrize(
    ("tab", "kind"), [("アカウント", "account"), ("サークル", "circle"), ("ユニーク", "unique")], ids=str.__str__
)
def test_each_tab_leads_to_what_is_its_own(stack: Stack, page: Page, tab: str, kind: str) -> None:
    place = stack.circle(QUICK, QUICK)
    line, other = place.lines
    login_id = {"account": "browser", "circle": place.number, "unique": line.number}[kind]
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name=tab, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{tab}ログイン")
    form = page.locator(f'form[action="/login/{kind}"]')
    form.get_by_label("ログイン ID").fill(login_id)
    form.get_by_label("パスワード").fill(PASSWORD)
    form.get_by_role("button").click()
    if kind == "account":
        expect(page.get_by_role("heading", level=1)).to_contain_text("サークル一覧")
        page.get_by_role("link", name=place.number, exact=True).click()
    if kind == "unique":
        expect(page.get_by_role("heading", level=1)).to_contain_text(line.number)
        expect(page.get_by_text(other.number)).to_have_count(0)
    else:
        page.wait_for_url(f"**/circles/{place.id}")
        expect(page.get_by_role("link", name=other.number, exact=True)).to_be_visible()
    wait_for_sign(page, line, "not-registered")


def test_a_phone_is_found_by_its_number(stack: Stack, page: Page) -> None:
    place = stack.circle(QUICK, ASKED)
    line, other = place.lines
    log_in(page, "account", "browser")
    page.get_by_role("link", name="電話番号検索").click()
    digits = line.phone_number.replace("-", "")
    page.locator("#q").fill(_wide(digits[:5]) + "ー" + _wide(digits[5:]))
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/phones?q=*")
    expect(page.get_by_role("row").filter(has_text=line.phone_number)).to_be_visible()
    expect(page.get_by_text(other.number)).to_have_count(0)
    with stack.phone(line) as phone:
        assert phone.register() == 200
        wait_for_sign(page, line, "registered")
        page.locator(f"#s{line.id}").click()
        expect(page.locator("#registration")).to_contain_text(phone.source)


def test_lines_are_cancelled_and_the_request_is_taken_back(stack: Stack, open_list: Open) -> None:
    place = stack.circle(QUICK, QUICK, QUICK)
    first, second, third = place.lines
    page = open_list(place)
    for line in (first, second):
        page.get_by_label(f"{line.number}を解約する").check()
    page.get_by_role("button", name="選択した回線の解約").click()
    expect(page.locator("main")).to_contain_text(second.number)
    expect(page.locator("main")).not_to_contain_text(third.number)
    page.locator("main form .primary").click()
    expect(page.get_by_role("status").first).to_have_text("2件の解約を申し込みました。")
    waiting = page.get_by_role("row").filter(has_text="解約申込中")
    expect(waiting).to_have_count(2)
    page.get_by_label(f"{first.number}の解約を取り消す").check()
    page.get_by_role("button", name="選択した回線の解約").click()
    page.locator("main form .primary").click()
    expect(waiting).to_have_count(1)
    page.get_by_role("link", name="購入/解約").click()
    asked = page.get_by_role("row").filter(has_text=second.number)
    asked.get_by_role("button", name="取り消す").click()
    expect(asked.get_by_role("button")).to_have_count(0)
    page.get_by_role("link", name="ユニーク一覧").first.click()
    expect(page.get_by_role("link", name=second.number, exact=True)).to_be_visible()
    expect(waiting).to_have_count(0)


def test_a_forgotten_password_is_set_anew_by_mail(stack: Stack, profile: Profile, complaints: list[str]) -> None:
    place = stack.circle(QUICK)
    page, elsewhere = profile().new_page(), profile().new_page()
    log_in(elsewhere, "circle", place.number)
    elsewhere.goto("about:blank")
    page.goto("/login?as=circle")
    form = page.locator('form[action="/reminder/circle"]')
    form.get_by_label("ログイン ID").fill(place.number)
    form.get_by_role("button").click()
    expect(page.get_by_role("status").first).to_contain_text("リマインドメールをお送りします")
    mail = until(lambda: _mail_about(stack.mails, place.number), 20, "the reminder mail")
    assert mail["To"] == "browser@example.jp"
    page.goto(link_in(mail))
    new = "tsubame ga 42 kai tobu"
    for name in ("password", "again"):
        page.locator(f'input[name="{name}"]').fill(new)
    page.locator("main form .primary").click()
    page.wait_for_url("**/login?as=circle")
    expect(page.get_by_role("status").first).to_contain_text("新しいパスワードを設定しました")
    log_in(page, "circle", place.number, new)
    page.wait_for_url(f"**/circles/{place.id}")
    elsewhere.goto(f"/circles/{place.id}")
    elsewhere.wait_for_url("**/login?**")
    assert complaints == []
    page.goto(link_in(mail))
    expect(page.locator("main form")).to_have_count(0)
    # The browser itself notes that the link has gone.
    assert len(complaints) == 1
    assert "410" in complaints.pop()


def test_a_mistyped_device_password_is_explained_overwritten_and_heals(
    stack: Stack, open_list: Open, tmp_path: Path
) -> None:
    place = stack.circle(KEEPER)
    (line,) = place.lines
    new = "Kaze.tsubame-42"
    page = open_list(place)
    wait_for_sign(page, line, "not-registered")
    page.locator(f"#s{line.id}").click()
    panel = page.locator("#registration")
    with softphone(stack.keeper, tmp_path / "mistyped", line.number, "mistyped"):
        expect(panel).to_contain_text(
            "REGISTER又はINVITEに含まれる認証パスワードが間違っているため、REGISTER又はINVITEの認証に失敗しました。",
            timeout=20_000,
        )
        expect(panel).to_contain_text(f"[ UID: {line.number} ]")
        expect(panel).to_contain_text("ユニーク詳細画面からパスワードの上書きを行ってください")
    panel.get_by_role("link", name="端末パスワードを上書きする").click()
    for name in ("password", "again"):
        page.locator(f'input[name="{name}"]').fill(new)
    page.get_by_role("button", name="上書きする", exact=True).click()
    expect(page.locator("#password-state")).to_contain_text("上書きしました。", timeout=20_000)
    page.get_by_role("link", name="電話機の設定を見る").click()
    page.wait_for_url(f"**/uniques/{line.id}")
    wait_for_sign(page, line, "not-registered")
    with softphone(stack.keeper, tmp_path / "right", line.number, new):
        wait_for_sign(page, line, "registered", 20)
        expect(page.locator("#registration")).to_contain_text("baresip")
    assert new not in page.content()


def _wide(digits: str) -> str:
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in digits)
    assert unicodedata.normalize("NFKC", wide) == digits
    return wide


def _mail_about(folder: Path, login_id: str) -> EmailMessage | None:
    mails = (message_from_bytes(path.read_bytes(), policy=default) for path in folder.glob("*.eml"))
    return next((mail for mail in mails if login_id in mail.get_content()), None)
