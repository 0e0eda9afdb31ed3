"""Pages are compressed, small enough for a slow line, and neither their length nor their tokens tell a secret."""

import gzip
import random
import zlib
from datetime import date

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.directory import PAGE_SIZE
from app.finder import SUPPORT_LIMIT
from app.lists import circles
from app.models import Account, Circle, PrincipalKind, RequestKind, RequestState, ServiceRequest, Unique
from tests.support.customers import LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.portal import Portal, forms
from tests.web.given import HX, logged_in

MOST = 60_000
"""Bytes of a page on the wire."""
GZIP = {"Accept-Encoding": "gzip, deflate, br"}
_WORDS = (
    "株式会社", "繋がり", "商事", "東日本", "西日本", "営業本部", "第二営業部", "総務部", "経理課", "お客様相談窓口",
    "受付", "倉庫", "物流センター", "支店長", "直通", "代表", "夜間", "転送先", "会議室", "エレベーター前",
    "内線専用", "臨時", "予備機", "交換予定", "設置場所", "三階", "南側", "北側", "契約", "更新", "担当者", "佐藤",
    "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "Yealink", "SIP-T46S", "Panasonic",
    "KX-HDV230", "停電時", "非常用", "親機", "子機", "ファクシミリ",
)  # fmt: skip
LISTS = (
    (PrincipalKind.ACCOUNT, "/circles"),
    (PrincipalKind.ACCOUNT, "/circles/{circle}"),
    (PrincipalKind.ACCOUNT, "/circles/{circle}?sort=state"),
    (PrincipalKind.CIRCLE, "/circles/{circle}"),
    (PrincipalKind.ACCOUNT, "/circles/cancel"),
    (PrincipalKind.ACCOUNT, "/requests"),
    (PrincipalKind.ACCOUNT, "/search/uniques?q=0601"),
    (PrincipalKind.ACCOUNT, "/search/phones?q=03"),
    (PrincipalKind.ACCOUNT, "/search/circles?q=0"),
    (PrincipalKind.STAFF, "/support/?q=0601"),
    (PrincipalKind.STAFF, "/support/audit"),
)


def words(dice: random.Random, count: int, limit: int = 200) -> str:
    return " ".join(dice.choices(_WORDS, k=count))[:limit]


@pytest.fixture
def wordy(session: Session, customers: Customers) -> int:
    """An account whose lists are full, each row with different and long words in every column; returns a circle."""
    dice = random.Random("the same each time")
    account = customers.accounts["owner"]
    made = [
        Circle(
            account_id=account,
            number=f"06010000{at:04}",
            user_information=words(dice, 8),
            department=words(dice, 5),
            person_in_charge=words(dice, 3),
            applied_on=date(2020, 1 + at % 12, 1 + at % 28),
        )
        for at in range(2 * circles.PAGE_SIZE)
    ]
    session.add_all(made)
    session.flush()
    hosts = (LIVE_HOST, ON_DEMAND_HOST)
    lines = [_line(dice, made[0].id, at, customers.servers[hosts[at % 2]]) for at in range(2 * PAGE_SIZE)]
    session.add_all(lines)
    session.flush()
    session.add_all(
        ServiceRequest(
            account_id=account, kind=RequestKind.CANCEL_UNIQUE, circle_id=made[0].id, unique_id=line.id,
            target=line.number, state=RequestState.REQUESTED,
        )
        for line in lines[::2]
    )  # fmt: skip
    session.add_all(
        Account(login_id=f"account{at}", password_hash="x", email="a@example.jp", name=words(dice, 6))
        for at in range(SUPPORT_LIMIT)
    )
    session.commit()
    return made[0].id


def _line(dice: random.Random, circle_id: int, at: int, server_id: int) -> Unique:
    phone = f"03-{dice.randrange(10_000):04}-{dice.randrange(10_000):04}"
    return Unique(
        circle_id=circle_id,
        number=f"0601{dice.randrange(1000):03}{at:04}",
        aor=f"{dice.randrange(10**9)}{at:04}",
        type_code=("sip_phone", "smartphone", "conference")[at % 3],
        server_id=server_id,
        name=words(dice, 6),
        affiliation=words(dice, 6),
        note=words(dice, 20, 400),
        pickup_group=words(dice, 2, 64),
        incoming_extension=f"{dice.randrange(10_000)}",
        incoming_phone=phone,
        incoming_kind=words(dice, 2, 64),
        outgoing_extension=f"{dice.randrange(10_000)}",
        outgoing_phone=phone,
        outgoing_kind=words(dice, 2, 64),
    )


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_list_is_small_on_the_wire_however_wordy(
    app: Flask, customers: Customers, wordy: int, language: str
) -> None:
    ids = {
        PrincipalKind.ACCOUNT: customers.accounts["owner"],
        PrincipalKind.CIRCLE: wordy,
        PrincipalKind.STAFF: customers.staff,
    }
    people = {kind: logged_in(app, kind, principal_id) for kind, principal_id in ids.items()}
    sizes = {}
    for kind, path in LISTS:
        answer = people[kind].get(path.format(circle=wordy), headers=GZIP | {"Accept-Language": language})
        assert answer.status_code == 200
        assert answer.headers["Content-Encoding"] == "gzip"
        page = gzip.decompress(answer.data).decode()
        assert f'<html lang="{language}"' in page
        rows = page.split("<tbody>")[1].count("<tr>")
        assert rows >= SUPPORT_LIMIT, path
        sizes[kind, path] = len(answer.data)
    assert {place: size for place, size in sizes.items() if size > MOST} == {}


def test_who_can_not_read_gzip_gets_it_plain(client: Portal) -> None:
    plain = client.get("/login")
    for accepted in ("", "br", "identity", "gzip;q=0", "gzip;q=0.1, identity;q=0.9"):
        answer = client.get("/login", headers={"Accept-Encoding": accepted})
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["Content-Type"] == plain.headers["Content-Type"]
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert answer.text.startswith("<!doctype html>")


def test_a_compressed_page_is_the_page(client: Portal) -> None:
    answer = client.get("/login", headers=GZIP)
    assert answer.content_length == len(answer.data) < len(gzip.decompress(answer.data)) / 2
    assert gzip.decompress(answer.data).decode().startswith("<!doctype html>")
    assert "Accept-Encoding" in answer.headers["Vary"]
    head = client.head("/login", headers=GZIP)
    assert (head.data, head.headers["Content-Encoding"]) == (b"", "gzip")


def test_what_is_small_or_no_page_is_left_alone(client: Portal, owner: Portal) -> None:
    assert "Content-Encoding" not in client.get("/healthz", headers=GZIP).headers
    assert "Content-Encoding" not in owner.get("/uniques/99999/registration", headers=GZIP | HX).headers


def test_the_length_of_a_page_tells_nothing(client: Portal) -> None:
    """What is wrapped around one page, again and again, is up to a hundred bytes that nobody reads."""
    noise = []
    for _ in range(50):
        packed = client.get("/nowhere", headers=GZIP).data
        at = packed.index(b"\0", 10)
        assert zlib.decompress(packed[at + 1 : -8], wbits=-15) == gzip.decompress(packed)
        noise.append(packed[10:at])
    assert len({len(each) for each in noise}) > 15
    assert max(map(len, noise)) <= 100


def test_a_token_never_looks_the_same_and_is_always_good(app: Flask, customers: Customers) -> None:
    owner = logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["owner"])
    tokens = [forms(owner.get("/circles").text)[0].fields["csrf_token"] for _ in range(5)]
    assert len(set(tokens)) == 5
    with owner.session_transaction() as cookie:
        known = cookie["csrf_token"]
    beginnings = {token[:8] for token in tokens}
    assert len(beginnings) == 5
    assert not any(known in token for token in tokens)
    for token in tokens:
        assert owner.post("/language/ja", data={"csrf_token": token}).status_code == 303
    for spoilt in (tokens[0][:-4], tokens[0][4:], tokens[0][:-1] + "é", "A" * len(tokens[0]), "=", "0"):
        assert owner.post("/language/ja", data={"csrf_token": spoilt}).status_code == 400


def test_all_forms_of_one_page_have_one_token(owner: Portal) -> None:
    tokens = {form.fields.get("csrf_token") for form in forms(owner.get("/circles").text) if form.method == "post"}
    assert len(tokens) == 1
