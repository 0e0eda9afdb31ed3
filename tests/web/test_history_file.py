"""The history as a file: whole, harmless to spreadsheets, bounded; and no query of it walks through the table."""

import csv
import re
from datetime import UTC, timedelta
from io import StringIO

import pytest
from flask import Flask
from sqlalchemy import Engine, text, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.domain.changes import LineState
from app.extensions import db
from app.models import Circle, PrincipalKind, Unique
from app.portal import export
from app.throttle import EXPORT
from tests.support.clock import Clock
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.plans import plans
from tests.support.portal import Portal
from tests.web.chronicle import Chronicle
from tests.web.given import Registrars, logged_in

REG, NOT = LineState.REGISTERED, LineState.NOT_REGISTERED
NUMBER = LINE_NUMBERS["live"]
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def path(customers: Customers) -> str:
    return f"/uniques/{customers.uniques['live']}"


def rows_of(answer: TestResponse) -> list[list[str]]:
    assert answer.status_code == 200
    assert answer.data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(StringIO(answer.data.decode("utf-8-sig"))))


class TestFile:
    def test_of_a_line(self, owner: Portal, path: str, chronicle: Chronicle, clock: Clock) -> None:
        chronicle.heard((5000, 0))
        chronicle.change("live", 30, REG, NOT)
        chronicle.change("live", 3, NOT, REG)
        chronicle.change("phone", 3, REG)
        answer = owner.get(f"{path}/history.csv?period=7d")
        jst = clock().astimezone(UTC) + timedelta(hours=9)
        assert answer.headers["Content-Disposition"] == f"attachment; filename=history-{NUMBER}-7d-{jst:%Y%m%d}.csv"
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        went = f"{jst - timedelta(hours=3):%Y-%m-%dT%H:%M:%S}+09:00"
        came = f"{jst - timedelta(hours=30):%Y-%m-%dT%H:%M:%S}+09:00"
        assert rows_of(answer) == [
            ["日時", "ユニーク番号", "名称", "変化前", "変化後", "接続元", "機種(User-Agent)", "理由"],
            [went, NUMBER, "受付", "登録", "未登録", "192.0.2.10:5060", "Yealink SIP-T46S", "登録の期限が切れました"],
            [came, NUMBER, "受付", "未登録", "登録", "192.0.2.10:5060", "Yealink SIP-T46S", "登録されました"],
        ]

    def test_of_a_circle(self, owner: Portal, chronicle: Chronicle, customers: Customers) -> None:
        chronicle.heard((5000, 0))
        chronicle.heard((5000, 0), host=ON_DEMAND_HOST)
        for line, hours in (("live", 5), ("phone", 4), ("trunk2", 3)):
            chronicle.change(line, hours, REG)
        chronicle.change("stranger", 2, REG, circle_id=customers.circles["stranger"])
        rows = rows_of(owner.get(f"/circles/{customers.circles['tokyo']}/history.csv"))
        assert [row[1] for row in rows[1:]] == [LINE_NUMBERS[name] for name in ("trunk2", "phone", "live")]

    @pytest.mark.parametrize(("period", "count"), [("24h", 1), ("7d", 2), ("30d", 3), ("all", 4), ("", 4), ("x", 4)])
    def test_periods(self, owner: Portal, path: str, chronicle: Chronicle, period: str, count: int) -> None:
        chronicle.heard((5000, 0))
        for days in (0.5, 5, 20, 80, 100):
            chronicle.change("live", days * 24, REG)
        assert len(rows_of(owner.get(f"{path}/history.csv?period={period}"))) == 1 + count

    def test_when_nobody_knew(self, owner: Portal, path: str, chronicle: Chronicle, customers: Customers) -> None:
        chronicle.heard((5000, 12), (6, 0))
        chronicle.change("live", 9, REG, NOT)
        expected = [
            ("不明", "", "サーバーの応答を再び確認しました"),
            ("未登録", "登録", "登録されました"),
            ("", "不明", "サーバーから応答がありませんでした"),
        ]
        for where in (path, f"/circles/{customers.circles['tokyo']}"):
            rows = [
                row for row in rows_of(owner.get(f"{where}/history.csv?period=24h"))[1:] if ON_DEMAND_HOST not in row
            ]
            assert [(row[3], row[4], row[7]) for row in rows] == expected
            assert [row[1] for row in rows] == [LIVE_HOST, NUMBER, LIVE_HOST]

    @pytest.mark.parametrize(
        "evil", ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "＝1＋1", " =1", "=1\n=2"]
    )
    def test_no_cell_is_a_formula(
        self, owner: Portal, path: str, chronicle: Chronicle, session: Session, customers: Customers, evil: str
    ) -> None:
        chronicle.heard((5000, 0))
        chronicle.change("live", 3, REG, user_agent=evil, source=evil)
        session.execute(update(Unique).where(Unique.id == customers.uniques["live"]).values(name=evil))
        session.commit()
        (_, row) = rows_of(owner.get(f"{path}/history.csv"))
        assert [row[2], row[5], row[6]] == [f"'{evil}"] * 3

    @pytest.mark.parametrize("fine", ["Yealink SIP-T46S", "a=b", "", 'quoted "name", and more', "日本語"])
    def test_what_is_harmless_stays(self, owner: Portal, path: str, chronicle: Chronicle, fine: str) -> None:
        chronicle.heard((5000, 0))
        chronicle.change("live", 3, REG, user_agent=fine)
        (_, row) = rows_of(owner.get(f"{path}/history.csv"))
        assert row[6] == fine

    def test_english(self, owner: Portal, path: str, chronicle: Chronicle) -> None:
        chronicle.heard((5000, 12), (6, 0))
        chronicle.change("live", 3, REG, NOT)
        text = owner.get(f"{path}/history.csv?period=24h", headers=ENGLISH).data.decode()
        assert '"Time","Unique number"' in text
        assert re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]+", text) == ["受付"]

    @pytest.mark.usefixtures("any_database")
    @pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
    def test_every_change_once_however_it_is_read(
        self,
        owner: Portal,
        chronicle: Chronicle,
        customers: Customers,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
        chunk: int,
    ) -> None:
        """Also those of the same second."""
        monkeypatch.setattr(export, "_CHUNK", chunk)
        names = ("live", "phone", "trunk2", "trunk")
        for hours in (9, 5):
            for name in names:
                chronicle.change(name, hours, REG if hours == 9 else NOT)
        for host in (LIVE_HOST, ON_DEMAND_HOST):
            chronicle.heard((5000, 0), host=host)
        rows = rows_of(owner.get(f"/circles/{customers.circles['tokyo']}/history.csv"))
        numbers = [LINE_NUMBERS[name] for name in reversed(names)]
        assert [row[1] for row in rows[1:]] == numbers * 2

    @pytest.mark.parametrize(
        ("limit", "count", "cut"), [("2", 2, True), ("5", 5, False), ("0", 1, True), ("x", 5, False)]
    )
    def test_a_limit_is_told(
        self, owner: Portal, path: str, chronicle: Chronicle, limit: str, count: int, cut: bool
    ) -> None:
        chronicle.heard((5000, 0))
        for hours in range(5, 0, -1):
            chronicle.change("live", hours, REG)
        rows = rows_of(owner.get(f"{path}/history.csv?limit={limit}"))
        assert len([row for row in rows[1:] if len(row) == 8]) == count
        assert ("行数の上限のため省略しました" in rows[-1][0]) is cut

    def test_it_comes_piece_by_piece_and_holds_no_connection(
        self, app: Flask, owner: Portal, path: str, chronicle: Chronicle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export, "_CHUNK", 2)
        chronicle.heard((5000, 0))
        for hours in range(9, 0, -1):
            chronicle.change("live", hours, REG)
        answer = owner.get(f"{path}/history.csv", buffered=False)
        with app.app_context():
            pool = db.engine.pool
        busy = [pool.checkedout() for _ in answer.response]  # type: ignore[attr-defined] # a pool that counts
        assert len(busy) > 5
        assert set(busy) == {0}
        answer.close()

    def test_what_is_not_written_yet_is_no_silence(
        self, owner: Portal, path: str, chronicle: Chronicle, registrars: Registrars
    ) -> None:
        """That a server was heard is written every half minute; it answered just now."""
        chronicle.heard((5000, 20 / 3600))
        registrars.answered("live")
        assert rows_of(owner.get(f"{path}/history.csv?period=24h"))[1:] == []

    def test_while_two_are_written_a_third_is_told_to_wait(
        self, owner: Portal, path: str, chronicle: Chronicle
    ) -> None:
        chronicle.change("live", 1, REG)
        with export._gate, export._gate:
            busy = owner.get(f"{path}/history.csv")
            assert busy.status_code == 503
            assert "混み合っています" in busy.text
            assert owner.get(path).status_code == 200
        for _ in range(3):
            # Of a HEAD nothing is written, and a file is written to its end: both give their turn back.
            head = owner.head(f"{path}/history.csv")
            assert head.status_code == 200
            head.close()
            assert len(rows_of(owner.get(f"{path}/history.csv"))) > 1
        assert [export._gate.acquire(blocking=False) for _ in range(3)] == [True, True, False]
        export._gate.release(2)

    def test_not_too_often(self, owner: Portal, path: str, customers: Customers) -> None:
        for number in range(EXPORT.limit.amount):
            where = path if number % 2 else f"/circles/{customers.circles['tokyo']}"
            assert owner.get(f"{where}/history.csv").status_code == 200
        assert owner.get(f"{path}/history.csv").status_code == 429
        assert owner.get(path).status_code == 200

    def test_a_name_that_is_no_file_name(
        self, owner: Portal, session: Session, customers: Customers, chronicle: Chronicle
    ) -> None:
        circle = session.get_one(Circle, customers.circles["tokyo"])
        circle.number = '../"x";\u3042'
        session.commit()
        header = owner.get(f"/circles/{circle.id}/history.csv").headers["Content-Disposition"]
        assert re.fullmatch(r"attachment; filename=history--x--all-\d{8}\.csv", header)

    def test_links_to_it(self, owner: Portal, path: str, customers: Customers) -> None:
        for where in (path, f"/circles/{customers.circles['tokyo']}"):
            page = owner.get(where if where == path else f"{where}/details").text
            for period in ("24h", "7d", "30d", "all"):
                assert f'href="{where}/history.csv?period={period}"' in page


_INDEX = re.compile("uq_line_change_unique_id_at_after|sqlite_autoindex_line_change_1|ix_line_change_circle_id_at")


def indexes_only(session: Session) -> None:
    """Let every connection to PostgreSQL plan for a few rows what it would for a million."""
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    if engine.dialect.name == "postgresql":
        for way in ("seqscan", "bitmapscan", "sort"):
            session.execute(text(f'ALTER DATABASE "{engine.url.database}" SET enable_{way} = off'))
        session.commit()
        engine.dispose()


@pytest.mark.usefixtures("any_database")
@pytest.mark.parametrize("who", ["owner", "circle", "unique", "staff"])
@pytest.mark.parametrize("where", ["page", "panel", "line", "circle"])
def test_nothing_walks_through_the_history(
    app: Flask, session: Session, customers: Customers, chronicle: Chronicle, who: str, where: str
) -> None:
    for name in ("live", "phone"):
        for hours in (9, 5, 1):
            chronicle.change(name, hours, REG if hours == 5 else NOT)
    chronicle.heard((5000, 12), (6, 0))
    chronicle.crowd(100, 40)
    people = {
        "owner": (PrincipalKind.ACCOUNT, customers.accounts["owner"]),
        "circle": (PrincipalKind.CIRCLE, customers.circles["tokyo"]),
        "unique": (PrincipalKind.UNIQUE, customers.uniques["live"]),
        "staff": (PrincipalKind.STAFF, customers.staff),
    }
    line = f"/uniques/{customers.uniques['live']}"
    paths = {
        "page": f"{line}?period=30d",
        "panel": f"{line}/registration",
        "line": f"{line}/history.csv",
        "circle": f"/circles/{customers.circles['tokyo']}/history.csv",
    }
    client = logged_in(app, *people[who])
    indexes_only(session)
    with plans(session) as found:
        for _ in range(2):
            answer = client.get(paths[where])
            assert answer.status_code == (404 if (who, where) == ("unique", "circle") else 200)
            assert answer.data
    asked = [plan for plan in found if "line_change" in plan]
    assert asked or (who, where) == ("unique", "circle")
    for plan in found:
        for table_ in ("line_change", "coverage"):
            assert f"SCAN {table_}" not in plan
            assert f"Seq Scan on {table_}" not in plan
    for plan in asked:
        assert _INDEX.search(plan), plan
