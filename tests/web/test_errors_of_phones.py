"""最新のエラー情報: why a phone was refused, in the guide's form and words, and the way to mend it."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask
from redis import Redis

from app.domain.registration import AuthFailure, FailureReason
from app.models import PrincipalKind
from app.store import abilities, failures
from tests.support.clock import Clock
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, Customers
from tests.support.portal import Portal
from tests.web.given import HX, Registrars, live_fields, logged_in, partials, poll

NUMBER = LINE_NUMBERS["live"]
THEN = datetime(2017, 11, 27, 1, 11, 52, tzinfo=UTC)
FORM = (
    f"▲ 2017-11-27 10:11:52 JST - [ UID: {NUMBER} ] - REGISTER又はINVITEに含まれる認証パスワードが間違っているため、"
    "REGISTER又はINVITEの認証に失敗しました。"
)
REMEDY = (
    "設定されている端末パスワードが誤っている可能性があります。"
    "パスワードを失念された場合はユニーク詳細画面からパスワードの上書きを行ってください。"
)
ALL = ("auth_failures", "lookup", "set_password", "snapshot")


@pytest.fixture
def path(customers: Customers, registrars: Registrars) -> str:
    """The details of a line whose server answered and which is not registered."""
    registrars.answered("phone")
    return f"/uniques/{customers.uniques['live']}/registration"


@pytest.fixture
def server_id(customers: Customers) -> int:
    return customers.servers[LIVE_HOST]


def refused(redis: "Redis", server_id: int, reason: FailureReason, at: datetime = THEN, **more: str) -> None:
    failures.record(redis, server_id, [replace(AuthFailure(NUMBER, reason, at), **more)])  # type: ignore[arg-type] # its own names


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", html).split())


def test_the_guides_form_and_words(owner: Portal, path: str, redis: "Redis", server_id: int) -> None:
    refused(redis, server_id, FailureReason.WRONG_PASSWORD)
    for page in (owner.get(path), owner.get(path, headers=HX), owner.get(path.removesuffix("/registration"))):
        words = plain(page.text)
        assert f"[最新のエラー情報] {FORM} {REMEDY}" in words
        assert f'href="{path.removesuffix("/registration")}/password"' in page.text


def test_in_english_too(owner: Portal, path: str, redis: "Redis", server_id: int) -> None:
    refused(redis, server_id, FailureReason.WRONG_PASSWORD)
    words = plain(owner.get(path, headers={"Accept-Language": "en"}).text)
    assert f"▲ 2017-11-27 10:11:52 JST - [ UID: {NUMBER} ] - " in words
    assert "REGISTER又は" not in words


@pytest.mark.parametrize(
    ("reason", "message", "remedy"),
    [
        (FailureReason.UNKNOWN_USER, "ユーザー名がサーバーに存在しない", "ユニーク番号(ユーザー名)に誤りがないか"),
        (
            FailureReason.WRONG_REALM,
            "サーバー名(レルム)が異なる",
            "ログインサーバー名が、上に表示されているものと同じか",
        ),
        (FailureReason.ADDRESS_REFUSED, "許可されていない接続元アドレス", "接続しているネットワークを確認してください"),
        (FailureReason.USER_MISMATCH, "認証に使われたユーザー名が", "認証ユーザー名(認証ID)とユニーク番号が同じか"),
        (FailureReason.TOO_MANY_CONTACTS, "登録できる電話機の数を超えている", "使っていない電話機の電源を切る"),
        (FailureReason.OTHER, "サーバーは理由を通知していません", "端末パスワードを確認してください"),
    ],
)
def test_other_errors_have_their_own_words_and_remedy(
    owner: Portal, path: str, redis: "Redis", server_id: int, reason: FailureReason, message: str, remedy: str
) -> None:
    refused(redis, server_id, reason, source="198.51.100.7:5060", user_agent="<b>bad</b>")
    page = owner.get(path).text
    words = plain(page)
    assert f"▲ 2017-11-27 10:11:52 JST - [ UID: {NUMBER} ] - " in words
    assert message in words
    assert remedy in words
    assert REMEDY not in words
    assert "198.51.100.7" in words
    assert "&lt;b&gt;bad&lt;/b&gt;" in page
    # Another password would mend nothing.
    assert "端末パスワードを上書きする" not in words


def test_where_the_password_can_not_be_overwritten_support_is_named(
    owner: Portal, path: str, redis: "Redis", server_id: int
) -> None:
    refused(redis, server_id, FailureReason.WRONG_PASSWORD)
    abilities.keep(redis, server_id, ["auth_failures", "lookup", "snapshot"])
    page = owner.get(path)
    words = plain(page.text)
    assert FORM in words
    assert REMEDY not in words
    assert "クラウドPBXサポートまでご連絡ください。" in words
    assert "/password" not in page.text


def test_a_unique_finds_the_way_to_its_own_password(
    app: Flask, path: str, redis: "Redis", server_id: int, customers: Customers
) -> None:
    refused(redis, server_id, FailureReason.WRONG_PASSWORD)
    line = customers.uniques["live"]
    page = logged_in(app, PrincipalKind.UNIQUE, line).get(path)
    assert f'href="/uniques/{line}/password"' in page.text


def test_a_success_ends_the_error(
    owner: Portal, path: str, redis: "Redis", server_id: int, registrars: Registrars, clock: Clock
) -> None:
    refused(redis, server_id, FailureReason.WRONG_PASSWORD, clock())
    assert "[最新のエラー情報]" in owner.get(path).text
    registrars.answered("live", refreshed_at=clock.advance(5))
    assert "[最新のエラー情報]" not in owner.get(path).text


def test_an_open_panel_shows_a_new_error_by_itself(
    owner: Portal, path: str, redis: "Redis", server_id: int, customers: Customers
) -> None:
    page = owner.get(f"/circles/{customers.circles['tokyo']}")
    panel = owner.get(path, headers=HX)
    fields = live_fields(page.text, panel.text)
    assert poll(owner, fields).status_code == 204
    refused(redis, server_id, FailureReason.WRONG_PASSWORD)
    assert FORM in plain(partials(poll(owner, fields))["#registration"])


@pytest.mark.parametrize(
    ("can", "said"), [(ALL, False), (("events", "lookup"), False), (("lookup", "snapshot"), True), (None, False)]
)
def test_a_server_that_does_not_tell_why(
    owner: Portal, path: str, redis: "Redis", server_id: int, can: tuple[str, ...] | None, *, said: bool
) -> None:
    if can is not None:
        abilities.keep(redis, server_id, can)
    words = owner.get(path).text
    assert ("電話機が拒否された理由を通知しません" in words) is said
    assert "レジストされていない場合の対処方法" in words


def test_of_a_registered_line_nothing_is_missing(
    owner: Portal, path: str, redis: "Redis", server_id: int, registrars: Registrars
) -> None:
    abilities.keep(redis, server_id, ["lookup", "snapshot"])
    registrars.answered("live")
    assert "電話機が拒否された理由を通知しません" not in owner.get(path).text
