"""ユニーク詳細: everything about a line, its phone's settings, and what may be edited."""

import json
import re
from xml.etree import ElementTree as ET

import pytest
import segno
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import AuditEntry, PrincipalKind, SipServer, Unique
from app.store import abilities
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, Customers
from tests.support.portal import Portal, forms
from tests.web.given import Registrars, csrf_of, logged_in

NUMBER = LINE_NUMBERS["live"]


@pytest.fixture
def line(customers: Customers) -> int:
    return customers.uniques["live"]


@pytest.fixture
def path(line: int) -> str:
    return f"/uniques/{line}"


def audited(session: Session) -> list[AuditEntry]:
    return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


class TestPage:
    def test_everything_about_the_line(self, owner: Portal, path: str, line: int, session: Session) -> None:
        row = session.get_one(Unique, line)
        row.name, row.affiliation, row.note, row.pickup_group = "受付 <b>", "総務部", "1階\nロビー", "4"
        row.incoming_extension, row.incoming_phone, row.incoming_kind = "201", "03-1234-5678", "代表"
        row.outgoing_extension, row.outgoing_phone, row.outgoing_kind = "202", "03-8765-4321", "部署"
        session.commit()
        page = owner.get(path).text
        for text in (
            NUMBER, "受付 &lt;b&gt;", "総務部", "1階\nロビー", "SIP端末", LIVE_HOST, "100000000001", "5060", "UDP",
            "201", "03-1234-5678", "代表", "202", "03-8765-4321", "部署", "ポータルには保存されていません",
        ):  # fmt: skip
            assert text in page
        assert re.search(r"<dd[^>]*>4</dd>", page)

    def test_the_live_sign_with_its_details(self, owner: Portal, path: str, registrars: Registrars) -> None:
        registrars.answered("live", user_agent="Grandstream GXP2170")
        page = owner.get(path).text
        assert "該当のユニーク(回線)はレジストされています" in page
        assert "Grandstream GXP2170" in page
        assert 'id="live"' in page

    def test_settings_come_from_the_server(
        self, owner: Portal, path: str, session: Session, customers: Customers
    ) -> None:
        server = session.get_one(SipServer, customers.servers[LIVE_HOST])
        server.sip_port, server.sip_transport = 5061, "tls"
        session.commit()
        page = owner.get(path).text
        for value in (NUMBER, LIVE_HOST, "5061", "TLS"):
            assert f'data-copy="{value}"' in page
        assert page.count("data-copy=") == page.count("hidden>コピー") == 4

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("room", "この種別の回線には、電話機の認証の設定がありません。"),
            ("unassigned", "ログインサーバーがまだ割り当てられていません。"),
        ],
    )
    def test_a_line_without_settings(self, owner: Portal, customers: Customers, name: str, words: str) -> None:
        path = f"/uniques/{customers.uniques[name]}"
        page = owner.get(path).text
        assert words in page
        assert "data-copy" not in page
        assert f"{path}/password" not in page
        assert owner.get(f"{path}/settings.svg").status_code == 404

    def test_a_server_that_takes_no_password_says_whom_to_ask(
        self, app: Flask, owner: Portal, path: str, customers: Customers
    ) -> None:
        assert f"{path}/password" in owner.get(path).text
        redis = app.extensions["services"].redis
        abilities.keep(redis, customers.servers[LIVE_HOST], ["lookup", "snapshot"])
        page = owner.get(path).text
        assert f"{path}/password" not in page
        assert "ポータルから上書きできません。クラウドPBXサポートまでご連絡ください。" in page

    def test_a_unique_sees_itself_and_no_way_elsewhere(self, app: Flask, path: str, line: int) -> None:
        client = logged_in(app, PrincipalKind.UNIQUE, line)
        assert client.get("/").location == path
        page = client.get(path)
        assert page.status_code == 200
        assert "/circles" not in page.text
        assert f"{path}/edit" not in [form.action for form in forms(page.text)]
        assert client.post(f"{path}/edit", data={"csrf_token": csrf_of(client), "name": "x"}).status_code == 403

    def test_without_script_a_look_up_under_way_shows_its_answer(self, owner: Portal, customers: Customers) -> None:
        line = customers.uniques["on_demand"]
        assert "Refresh" not in owner.get(f"/uniques/{line}").headers
        owner.post(f"/live/uniques/{line}/lookup", data={"csrf_token": csrf_of(owner)})
        assert owner.get(f"/uniques/{line}").headers["Refresh"] == "1"

    def test_the_list_of_details_leads_here(self, owner: Portal, path: str) -> None:
        assert f'href="{path}"' in owner.get(f"{path}/registration").text


class TestCode:
    def test_it_holds_the_settings(self, owner: Portal, path: str) -> None:
        answer = owner.get(f"{path}/settings.svg")
        assert answer.mimetype == "image/svg+xml"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
        assert answer.headers["Cache-Control"] == "no-store"
        picture = ET.fromstring(answer.text)
        expected = segno.make(f"sip:{NUMBER}@{LIVE_HOST}:5060;transport=udp", error="m")
        side = str(4 * (len(expected.matrix) + 8))
        assert (picture.get("width"), picture.get("height")) == (side, side)
        assert expected.svg_inline(scale=4, light="#fff", dark="#000", svgclass=None) in answer.text.replace(
            ' xmlns="http://www.w3.org/2000/svg"', ""
        )

    def test_another_line_has_another(self, owner: Portal, path: str, customers: Customers) -> None:
        other = owner.get(f"/uniques/{customers.uniques['phone']}/settings.svg").text
        assert other != owner.get(f"{path}/settings.svg").text


class TestEdit:
    def test_it_is_kept_and_recorded(self, owner: Portal, path: str, line: int, session: Session) -> None:
        page = owner.get(path)
        typed = {"name": " ｶﾀｶﾅ 受付\u202e ", "affiliation": "総務部", "note": "1階\r\n\x07ロビー\r\n"}
        answer = owner.submit(page, f"{path}/edit", **typed)
        assert (answer.status_code, answer.location) == (303, path)
        row = session.get_one(Unique, line)
        assert (row.name, row.affiliation, row.note) == ("ｶﾀｶﾅ 受付", "総務部", "1階\nロビー")
        assert row.name_key == "かたかな受付"
        assert "保存しました。" in owner.get(path).text
        (entry,) = audited(session)
        assert (entry.action, entry.target, entry.who) == ("unique.edit", NUMBER, "owner")
        assert json.loads(entry.detail) == {
            "name": ["受付", "ｶﾀｶﾅ 受付"],
            "affiliation": ["", "総務部"],
            "note": ["", "1階\nロビー"],
        }

    def test_nothing_changed_is_nothing_recorded(self, owner: Portal, path: str, session: Session) -> None:
        assert owner.submit(owner.get(path), f"{path}/edit", note="").status_code == 303
        assert audited(session) == []

    @pytest.mark.parametrize(("field", "limit"), [("name", 200), ("affiliation", 200), ("note", 1000)])
    def test_too_long_is_refused_and_given_back(
        self, owner: Portal, path: str, line: int, session: Session, field: str, limit: int
    ) -> None:
        page = owner.get(path)
        assert owner.submit(page, f"{path}/edit", **{"note": "", field: "あ" * limit}).status_code == 303
        session.expire_all()
        assert getattr(session.get_one(Unique, line), field) == "あ" * limit
        answer = owner.submit(page, f"{path}/edit", **{"note": "", field: "い" * (limit + 1)})
        assert answer.status_code == 422
        assert "長すぎる項目があります。保存していません。" in answer.text
        assert "い" * limit in answer.text
        session.expire_all()
        assert getattr(session.get_one(Unique, line), field) == "あ" * limit
        assert len(audited(session)) == 1

    def test_staff_edit_too_and_are_named(self, staff: Portal, path: str, session: Session) -> None:
        assert staff.submit(staff.get(path), f"{path}/edit", name="変更", note="").status_code == 303
        (entry,) = audited(session)
        assert (entry.kind, entry.who) == (PrincipalKind.STAFF, "staff")

    def test_a_stranger_changes_nothing(self, stranger: Portal, path: str, line: int, session: Session) -> None:
        answer = stranger.post(f"{path}/edit", data={"csrf_token": csrf_of(stranger), "name": "x"})
        assert answer.status_code == 404
        assert session.get_one(Unique, line).name == "受付"
        assert audited(session) == []
