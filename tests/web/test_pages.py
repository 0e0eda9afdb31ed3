"""The full pages: lists, paging, details, languages, errors."""

from html import unescape

import pytest
from redis import Redis
from sqlalchemy.orm import Session

from app.domain.registration import Registration
from app.domain.text import LIMIT
from app.models import Circle, PrincipalKind, Unique
from tests.support.clock import Clock
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.portal import Portal
from tests.web.given import Registrars, cell, contact, csrf_of, fill, kind_of, live_fields, poll
from workers.sip.kamailio.parse import looked_up

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "\"'><script>alert(1)</script>",
    "</dd></dl><h1>x",
    "{{ 7*7 }} {% raw %}",
    "&lt;b&gt;",
]


def detail(customers: Customers, name: str = "live") -> str:
    return f"/uniques/{customers.uniques[name]}/registration"


class TestPaging:
    def numbers(self, client: Portal, path: str) -> list[str]:
        page = client.get(path)
        assert page.status_code == 200
        return [number for number in self.expected if f">{number}</a>" in page.text]

    @pytest.fixture(autouse=True)
    def _many(self, session: Session, customers: Customers) -> None:
        fill(session, customers, 245)
        self.path = f"/circles/{customers.circles['tokyo']}"
        self.expected = sorted([f"0503{index:07}" for index in range(245)] + [f"0501000000{n}" for n in range(1, 6)])

    def test_each_page_holds_a_hundred_lines_in_their_order(self, owner: Portal) -> None:
        pages = [self.numbers(owner, f"{self.path}?page={number}") for number in (1, 2, 3)]
        assert pages == [self.expected[:100], self.expected[100:200], self.expected[200:]]
        assert "250件" in owner.get(self.path).text

    def test_they_lead_to_each_other(self, owner: Portal) -> None:
        first, second, last = (owner.get(f"{self.path}?page={number}").text for number in (1, 2, 3))
        assert f'rel="next" href="{self.path}?page=2"' in first
        assert 'rel="prev"' not in first
        assert f'rel="prev" href="{self.path}?page=1"' in second
        assert f'rel="next" href="{self.path}?page=3"' in second
        assert 'rel="next"' not in last

    def test_rubbish_is_the_first_page(self, owner: Portal) -> None:
        for odd in ("rubbish", "", "0", "-1", "1.5", "x" * 3000, "٣x", "%00", "9" * 5000, "-99999999999999999999"):
            assert self.numbers(owner, f"{self.path}?page={odd}") == self.expected[:100]

    def test_beyond_the_end_is_the_last_page(self, owner: Portal) -> None:
        for number in (4, 1000, 10**30):
            assert self.numbers(owner, f"{self.path}?page={number}") == self.expected[200:]

    def test_each_page_polls_for_its_own_lines(self, owner: Portal) -> None:
        fields = live_fields(owner.get(f"{self.path}?page=3").text)
        assert sum(name == "h" for name, _ in fields) == 50
        assert poll(owner, fields).status_code == 204


def test_many_circles_have_pages_too(owner: Portal, session: Session, customers: Customers) -> None:
    some = session.get_one(Circle, customers.circles["tokyo"])
    session.add_all(
        Circle(account_id=some.account_id, number=f"3{index:05}", applied_on=some.applied_on) for index in range(150)
    )
    session.commit()
    assert "152件" in owner.get("/circles").text
    assert 'rel="next" href="/circles?page=2"' in owner.get("/circles").text
    assert "300149" in owner.get("/circles?page=4").text


class TestDetails:
    def test_a_registered_line_tells_everything_of_its_contacts(
        self, owner: Portal, registrars: Registrars, customers: Customers, clock: Clock
    ) -> None:
        before = clock()
        expires = clock.advance(3030)
        clock.now = before
        registrars.answered("live", expires_at=expires, since=before, transport="tls")
        text = owner.get(detail(customers)).text
        for words in (
            "sip:05010000001@192.0.2.10:5060",
            "192.0.2.10:5060",
            "TLS",
            "Yealink SIP-T46S",
            "あと50分",
            "JST",
        ):
            assert words in text

    def test_every_contact_is_shown(
        self, owner: Portal, redis: "Redis", registrars: Registrars, customers: Customers
    ) -> None:
        del redis
        registrars.answered()
        registrars.looked_up("live", LIVE_HOST, contact(), contact("elsewhere"))
        text = owner.get(detail(customers)).text
        assert text.count('<dl class="contact">') == 2

    def test_one_that_is_not_registered_says_what_to_do(
        self, owner: Portal, registrars: Registrars, customers: Customers
    ) -> None:
        registrars.answered()
        text = owner.get(detail(customers)).text
        assert "VoIP電話機が正しくインターネットに接続できているか確認してください。" in text
        assert LINE_NUMBERS["live"] in text
        assert LIVE_HOST in text

    def test_one_that_is_unknown_blames_no_phone(
        self, owner: Portal, registrars: Registrars, customers: Customers, clock: Clock
    ) -> None:
        registrars.answered("live")
        clock.advance(3600)
        text = owner.get(detail(customers)).text
        assert "電話機の設定を変える必要はありません" in text
        assert "最後に確認できたときの登録" in text
        assert "レジストされていない場合の対処方法" not in text

    def test_one_whose_phone_is_not_assigned_to_a_server(self, owner: Portal, customers: Customers) -> None:
        page = owner.get(detail(customers, "unassigned"))
        assert page.status_code == 200
        assert kind_of(page.text) == "unknown"

    def test_one_without_a_status(self, owner: Portal, customers: Customers) -> None:
        assert "状態表示に対応していません" in owner.get(detail(customers, "room")).text

    def test_staff_see_the_servers_state_and_customers_do_not(
        self, owner: Portal, staff: Portal, registrars: Registrars, customers: Customers
    ) -> None:
        registrars.answered("live")
        assert "サポート用の情報" in staff.get(detail(customers)).text
        assert "サポート用の情報" not in owner.get(detail(customers)).text


class TestHostileAgents:
    """What a phone calls itself is a stranger's text, from the REGISTER to the page."""

    def show(self, owner: Portal, registrars: Registrars, customers: Customers, agent: str) -> str:
        # As Kamailio tells it, so that everything on the way has its part.
        answer = {
            "AoR": LINE_NUMBERS["live"],
            "Contacts": [
                {"Contact": {"Address": f"sip:x@192.0.2.1:5060;{agent}", "Expires": 600, "User-Agent": agent}}
            ],
        }
        found: Registration = looked_up(answer, LINE_NUMBERS["live"], LIVE_HOST, registrars.clock())
        registrars.answered()
        registrars.looked_up("live", LIVE_HOST, *found.contacts)
        page = owner.get(detail(customers))
        assert '<dl class="contact">' in page.text
        return page.text

    @pytest.mark.parametrize("agent", HOSTILE)
    def test_markup_is_text(self, owner: Portal, registrars: Registrars, customers: Customers, agent: str) -> None:
        text = self.show(owner, registrars, customers, agent)
        shown = shown_agent(text)
        assert set(shown) & set("<>\"'") == set()
        assert unescape(shown) == agent
        assert text.count("<h1") == 1
        assert "<img" not in text

    def test_control_and_bidi_characters_are_gone(
        self, owner: Portal, registrars: Registrars, customers: Customers
    ) -> None:
        agent = "a\x00\x07\x1b[31m\u202e\u2066\u200b\u2028\ufeff\x9bz\r\n"
        assert shown_agent(self.show(owner, registrars, customers, agent)) == "a[31mz"

    def test_sixty_four_kilobytes_are_cut(self, owner: Portal, registrars: Registrars, customers: Customers) -> None:
        text = self.show(owner, registrars, customers, "電" * 65536)
        assert len(shown_agent(text)) == LIMIT
        assert shown_agent(text).endswith("…")
        assert text.count("電") < 3 * LIMIT

    def test_a_customers_own_words_are_text_too(self, owner: Portal, session: Session, customers: Customers) -> None:
        row = session.get_one(Unique, customers.uniques["live"])
        row.name = row.note = row.affiliation = row.incoming_kind = "<b onclick=alert(1)>太字"
        session.commit()
        text = owner.get(f"/circles/{customers.circles['tokyo']}").text
        assert "<b onclick" not in text
        assert text.count("&lt;b onclick=alert(1)&gt;太字") == 4


def shown_agent(text: str) -> str:
    start = text.index("機種(User-Agent)")
    return text[text.index("<dd>", start) + 4 : text.index("</dd>", start)]


class TestLanguages:
    def test_japanese_unless_asked(self, client: Portal) -> None:
        assert '<html lang="ja">' in client.get("/login").text
        assert '<html lang="en">' in client.get("/login", headers={"Accept-Language": "en-GB,en;q=0.9"}).text
        assert '<html lang="ja">' in client.get("/login", headers={"Accept-Language": "fr, ja;q=0.5"}).text

    def test_a_choice_stays_through_login_and_logout(self, client: Portal, customers: Customers) -> None:
        client.post("/language/en", data={"csrf_token": csrf_of(client)})
        client.login(PrincipalKind.ACCOUNT, "owner")
        page = client.get(f"/circles/{customers.circles['tokyo']}").text
        assert '<html lang="en">' in page
        assert "This line is registered" in page

    def test_each_page_polls_in_its_own_language(
        self, owner: Portal, registrars: Registrars, customers: Customers
    ) -> None:
        registrars.answered("live")
        path = f"/circles/{customers.circles['tokyo']}"
        japanese = live_fields(owner.get(path).text)
        owner.post("/language/en", data={"csrf_token": csrf_of(owner)})
        english = live_fields(owner.get(path).text)
        assert poll(owner, japanese).status_code == poll(owner, english).status_code == 204
        registrars.answered("live", "phone")
        assert "レジストされています" in poll(owner, japanese).text
        assert "registered" in poll(owner, english).text
        assert "レジスト" not in poll(owner, english).text

    def test_an_unknown_language(self, client: Portal) -> None:
        assert client.post("/language/xx", data={"csrf_token": csrf_of(client)}).status_code == 404

    @pytest.mark.parametrize("path", ["/login", "/staff/login", "/nowhere"])
    def test_no_japanese_is_left_in_english_pages(self, client: Portal, path: str) -> None:
        text = client.get(path, headers={"Accept-Language": "en"}).text.replace("日本語", "").replace("繋", "")
        assert [character for character in text if "\u3040" <= character <= "\u9fff"] == []


class TestErrors:
    @pytest.mark.parametrize(("language", "words"), [("ja", "ページが見つかりません"), ("en", "not found")])
    def test_a_page_that_is_not_there(self, client: Portal, language: str, words: str) -> None:
        answer = client.get("/nowhere/<script>", headers={"Accept-Language": language})
        assert answer.status_code == 404
        assert words.lower() in answer.text.lower()
        assert "<script>" not in answer.text

    def test_who_is_logged_in_stays_so(self, owner: Portal) -> None:
        text = owner.get("/nowhere").text
        assert 'action="/logout"' in text

    def test_customers_are_not_told_that_support_exists(self, owner: Portal) -> None:
        for path in ("/support/", "/support/?q=0501", "/support/uniques/1/reload"):
            answer = owner.get(path)
            assert answer.status_code in (404, 405)
        assert "/support" not in owner.get("/circles").text


class TestList:
    def test_the_pickup_group_stands_in_lists_with_lines_on_demand(
        self, owner: Portal, customers: Customers, session: Session
    ) -> None:
        tokyo, osaka = (f"/circles/{customers.circles[name]}" for name in ("tokyo", "osaka"))
        assert "ピックアップグループ" in owner.get(osaka).text
        assert "ピックアップグループ" in owner.get(tokyo).text
        session.delete(session.get_one(Unique, customers.uniques["trunk"]))
        session.commit()
        assert "ピックアップグループ" not in owner.get(tokyo).text

    def test_the_number_leads_to_the_details(self, owner: Portal, customers: Customers) -> None:
        text = owner.get(f"/circles/{customers.circles['osaka']}").text
        assert f'<a href="{detail(customers, "on_demand")}">{LINE_NUMBERS["on_demand"]}</a>' in text

    def test_a_server_that_never_answered_is_unknown(self, owner: Portal, customers: Customers) -> None:
        page = owner.get(f"/circles/{customers.circles['tokyo']}")
        for name in ("live", "phone", "trunk2"):
            assert kind_of(cell(page, customers.uniques[name])) == "unknown"
        assert "✗</span><span" not in cell(page, customers.uniques["live"])
        assert ON_DEMAND_HOST not in page.text
