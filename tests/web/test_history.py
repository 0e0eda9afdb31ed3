"""What happened to a line, on its page, in the panel and as a file: true, whole, and nobody else's."""

import re
from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.domain.changes import LineState
from app.domain.standing import Cause
from app.live import past
from app.models import PrincipalKind, Unique
from tests.support.clock import Clock
from tests.support.customers import LINE_NUMBERS, Customers
from tests.support.portal import Portal
from tests.web.chronicle import Chronicle
from tests.web.given import HX, Registrars, logged_in

REG, NOT, UNREAD = LineState.REGISTERED, LineState.NOT_REGISTERED, LineState.UNREADABLE
NUMBER = LINE_NUMBERS["live"]
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def path(customers: Customers) -> str:
    return f"/uniques/{customers.uniques['live']}"


def section(page: TestResponse) -> str:
    found = re.search(r'<section class="sheet history".*?</section>', page.text, re.DOTALL)
    assert found
    return found[0]


def table(page: TestResponse) -> list[tuple[str, ...]]:
    """The spans as words: state, reason, beginning, end, length."""
    rows = re.findall(r"<tr>(<th scope=\"row\">.*?)</tr>", section(page), re.DOTALL)
    return [
        tuple(re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row)) for row in rows
    ]


def bars(page: TestResponse) -> list[tuple[str, float, float]]:
    """The strip's bars from left to right: class, where it begins, how wide it is, in percent."""
    found = re.findall(
        r'<rect class="((?:not-)?registered|unknown)"[^>]* x="([\d.]+)%" y="\d+" width="([\d.]+)%"', section(page)
    )
    return sorted(((kind, float(x), float(width)) for kind, x, width in found), key=lambda bar: bar[1])


class TestPage:
    def test_a_strip_and_the_same_as_a_table(
        self, owner: Portal, path: str, chronicle: Chronicle, registrars: Registrars
    ) -> None:
        chronicle.heard((100, 12), (6, 0))
        chronicle.change("live", 48, REG, NOT)
        chronicle.change("live", 3, NOT, REG)
        registrars.answered()
        page = owner.get(path)
        assert bars(page) == [
            ("registered", 0.0, 50.0),
            ("unknown", 50.0, 25.0),
            ("registered", 75.0, 12.5),
            ("not-registered", 87.5, 12.5),
        ]
        assert [(row[0].split("\n")[0], row[2]) for row in table(page)] == [
            ("✗ 未登録", "3時間0分"),
            ("✓ 登録", "3時間0分"),
            ("! 不明 サーバーから応答がありませんでした", "6時間0分"),
            ("✓ 登録", "12時間0分"),
        ]
        assert table(page)[0][3] == "現在"
        sums = re.findall(r"</svg> (\S+) <strong>(.*?)</strong>", section(page))
        assert sums == [("登録", "15時間0分"), ("未登録", "3時間0分"), ("不明", "6時間0分")]

    def test_the_changes_in_words(self, owner: Portal, path: str, chronicle: Chronicle, clock: Clock) -> None:
        chronicle.heard((100, 0))
        chronicle.change("live", 5, NOT, REG, cause=Cause.RESTARTED, user_agent="<script>alert(1)</script>")
        text = section(owner.get(path))
        at = (clock() - timedelta(hours=5)).astimezone(clock().astimezone().tzinfo)
        assert re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)).count("サーバーが再起動しました") == 1
        assert "192.0.2.10:5060" in text
        assert "&lt;script&gt;alert(1)" in text
        jst = at.astimezone(UTC) + timedelta(hours=9)
        assert f"{jst:%Y-%m-%d %H:%M:%S} JST" in text

    @pytest.mark.parametrize(("period", "shown"), [("24h", 1), ("7d", 2), ("30d", 3), ("", 1), ("nonsense", 1)])
    def test_the_period_is_chosen_by_a_link(
        self, owner: Portal, path: str, chronicle: Chronicle, period: str, shown: int
    ) -> None:
        chronicle.heard((24 * 40, 0))
        for hours, after, before in ((24 * 20, REG, NOT), (24 * 3, NOT, REG), (5, REG, NOT)):
            chronicle.change("live", hours, after, before)
        page = owner.get(path, query_string={"period": period} if period else {})
        assert section(page).count('<time datetime="') == shown
        assert len(bars(page)) == shown + 1
        current = re.search(r'period=(\w+)#history" aria-current="true"', section(page))
        assert current
        assert current[1] == (period if period in ("24h", "7d", "30d") else "24h")
        assert [f"{path}?period={each}#history" in page.text for each in ("24h", "7d", "30d")] == [True] * 3

    def test_only_periods_of_which_everything_is_kept(self, app: Flask, owner: Portal, path: str) -> None:
        app.extensions["services"] = replace(app.extensions["services"], history_days=7)
        text = section(owner.get(f"{path}?period=30d"))
        assert [f"?period={each}" in text for each in ("24h", "7d", "30d")] == [True, True, False]

    def test_nothing_inline_for_the_policy(self, owner: Portal, path: str, chronicle: Chronicle) -> None:
        chronicle.heard((100, 12), (6, 0))
        text = section(owner.get(path))
        assert 'fill="url(#hatch)"' in text
        assert "style=" not in text
        assert "<script" not in text

    def test_too_many_changes_are_shown_as_far_as_they_go(
        self, owner: Portal, path: str, chronicle: Chronicle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(past, "MOST", 3)
        chronicle.heard((100, 0))
        for hours in range(10, 0, -1):
            chronicle.change("live", hours, NOT if hours % 2 else REG, REG if hours % 2 else NOT)
        page = owner.get(path)
        assert "変化が多いため" in section(page)
        assert len(table(page)) == 4
        assert [row[2] for row in table(page)] == ["1時間0分"] * 4

    def test_english(self, owner: Portal, path: str, chronicle: Chronicle) -> None:
        chronicle.heard((100, 12), (6, 0))
        chronicle.change("live", 3, REG, NOT)
        text = section(owner.get(path, headers=ENGLISH))
        for words in ("Connection history", "24 hours", "Unknown", "the server did not answer", "6 h 0 min", "now"):
            assert words in text
        assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", text) is None


class TestHonesty:
    def test_a_line_that_never_came(
        self, owner: Portal, path: str, chronicle: Chronicle, registrars: Registrars
    ) -> None:
        chronicle.heard((30, 0))
        registrars.answered()
        page = owner.get(path)
        assert bars(page) == [("not-registered", 0.0, 100.0)]
        assert "この期間に記録された変化はありません。" in section(page)

    def test_nobody_ever_looked(self, owner: Portal, path: str) -> None:
        page = owner.get(path)
        assert bars(page) == [("unknown", 0.0, 100.0)]
        assert "記録がありません" in table(page)[0][0]

    def test_the_strip_says_what_the_sign_says(
        self, owner: Portal, path: str, chronicle: Chronicle, registrars: Registrars, clock: Clock
    ) -> None:
        """A change that is shown, and not in the database yet."""
        chronicle.heard((100, 0))
        chronicle.change("live", 30, NOT, REG)
        registrars.answered()
        registrars.answered("live")
        page = owner.get(path)
        assert "該当のユニーク(回線)はレジストされています" in page.text
        assert "Yealink SIP-T46S 66.86.0.15" in section(page)
        clock.advance(10)
        page = owner.get(path)
        assert [bar[0] for bar in bars(page)] == ["not-registered", "registered"]
        assert section(page).count('<time datetime="') == 1

    @pytest.mark.parametrize(("minutes", "last"), [(0.2, "registered"), (2, "unknown")])
    def test_the_server_went_silent(
        self,
        owner: Portal,
        path: str,
        chronicle: Chronicle,
        registrars: Registrars,
        clock: Clock,
        minutes: float,
        last: str,
    ) -> None:
        chronicle.heard((100, 0.01))
        chronicle.change("live", 30, REG, NOT)
        registrars.answered("live", at=clock())
        clock.advance(minutes * 60)
        assert bars(owner.get(path))[-1][0] == last

    def test_a_type_without_status(self, owner: Portal, customers: Customers) -> None:
        text = section(owner.get(f"/uniques/{customers.uniques['room']}"))
        assert "履歴はありません" in text
        assert "<svg" not in text
        assert "history.csv" not in text

    def test_a_line_on_demand(self, owner: Portal, customers: Customers, chronicle: Chronicle) -> None:
        path = f"/uniques/{customers.uniques['on_demand']}"
        text = section(owner.get(path))
        assert "問い合わせたときにだけ分かります" in text
        assert "記録された変化はまだありません。" in text
        assert "<svg" not in text
        chronicle.change("on_demand", 500, REG, circle_id=customers.circles["osaka"])
        assert section(owner.get(path)).count('<time datetime="') == 1

    def test_a_line_without_a_server(self, owner: Portal, customers: Customers) -> None:
        text = section(owner.get(f"/uniques/{customers.uniques['unassigned']}"))
        assert "ログインサーバーが割り当てられていないため" in text

    def test_without_redis_the_past_is_still_there(
        self, owner: Portal, path: str, chronicle: Chronicle, registrars: Registrars, clock: Clock
    ) -> None:
        chronicle.heard((100, 0))
        chronicle.change("live", 30, REG, NOT)
        clock.advance(3600)
        registrars.redis.flushall()
        assert [bar[0] for bar in bars(owner.get(path))] == ["registered", "unknown"]


class TestPanel:
    def test_the_last_three_and_a_link(self, owner: Portal, path: str, chronicle: Chronicle) -> None:
        for hours in range(9, 2, -1):
            chronicle.change("live", hours, NOT if hours % 2 else REG, REG if hours % 2 else NOT)
        panel = owner.get(f"{path}/registration", headers=HX).text
        assert panel.count('<time datetime="') == 3
        assert f'href="{path}#history"' in panel

    def test_nothing_is_said_of_nothing(self, owner: Portal, path: str, customers: Customers) -> None:
        assert "最近の変化" not in owner.get(f"{path}/registration", headers=HX).text


class TestWhose:
    def test_what_was_another_customers(
        self, app: Flask, owner: Portal, staff: Portal, path: str, chronicle: Chronicle, customers: Customers
    ) -> None:
        """The line was a stranger's once: only support sees from where it came then."""
        chronicle.heard((100, 0))
        chronicle.change("live", 9, REG, circle_id=customers.circles["stranger"], source="198.51.100.9:5060")
        chronicle.change("live", 5, NOT, REG)
        circle = logged_in(app, PrincipalKind.CIRCLE, customers.circles["tokyo"])
        unique = logged_in(app, PrincipalKind.UNIQUE, customers.uniques["live"])
        for who, sees in ((owner, False), (circle, False), (unique, False), (staff, True)):
            for where in (path, f"{path}/registration", f"{path}/history.csv"):
                assert ("198.51.100.9" in who.get(where).text) is sees
                assert "192.0.2.10" in who.get(where).text

    def test_another_circle_of_the_same_customer(
        self, app: Flask, owner: Portal, path: str, chronicle: Chronicle, customers: Customers
    ) -> None:
        chronicle.change("live", 9, REG, circle_id=customers.circles["osaka"], source="198.51.100.9:5060")
        circle = logged_in(app, PrincipalKind.CIRCLE, customers.circles["tokyo"])
        assert "198.51.100.9" in owner.get(f"{path}/history.csv").text
        assert "198.51.100.9" not in circle.get(f"{path}/history.csv").text

    def test_a_line_that_left_the_circle_takes_its_name_along(
        self, owner: Portal, chronicle: Chronicle, customers: Customers, session: Session
    ) -> None:
        chronicle.change("live", 9, REG)
        line = session.get_one(Unique, customers.uniques["live"])
        line.name, line.circle_id = "another's", customers.circles["stranger"]
        session.commit()
        file = owner.get(f"/circles/{customers.circles['tokyo']}/history.csv").text
        assert NUMBER in file
        assert "another's" not in file
