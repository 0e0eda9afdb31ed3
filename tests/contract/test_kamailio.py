"""What only a real Kamailio does, and the adapter must live with."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.contract import pulled
from tests.support.kamailio import Kamailio
from workers.sip.base import Capability, Endpoint, Problem, SipError
from workers.sip.kamailio.client import KamailioAdapter

MANY = 6_000


@pytest.fixture
def kamailio(tmp_path: Path) -> Iterator[Kamailio]:
    made = Kamailio(tmp_path)
    made.subscribe(**{"1001": "first"})
    with made:
        yield made


def fill(kamailio: Kamailio, lines: int) -> None:
    """Put in `lines` lines at once, as an operator may."""
    with kamailio.rpc() as rpc:
        for number in range(lines):
            user = f"050{number:08}"
            fixed = ("3600", "1.0", "none", "0", "0", "4294967295")
            rpc.call("ul.add", "location", user, f"sip:{user}@10.0.0.1:5060;padding={'x' * 200}", *fixed)


class TestLongAnswers:
    def test_a_dump_that_is_cut_short_is_not_believed(self, tmp_path: Path) -> None:
        with Kamailio(tmp_path, defines=["TCP_QUEUE=4096"]) as kamailio:
            fill(kamailio, MANY)
            with pytest.raises(SipError) as raised:
                pulled(KamailioAdapter(kamailio.endpoint(dump_limit=str(MANY))))
            assert raised.value.problem is Problem.TRUNCATED
            assert not raised.value.permanent

    def test_with_a_long_queue_the_same_dump_comes_whole(self, kamailio: Kamailio) -> None:
        fill(kamailio, MANY)
        lines, report = pulled(KamailioAdapter(kamailio.endpoint(dump_limit=str(MANY))))
        assert len(lines) == report.announced == MANY

    def test_a_server_that_is_too_large_for_a_dump(self, kamailio: Kamailio) -> None:
        fill(kamailio, 11)
        adapter = KamailioAdapter(kamailio.endpoint(dump_limit="10"))
        with pytest.raises(SipError) as raised:
            pulled(adapter)
        assert raised.value.problem is Problem.TOO_LARGE
        assert raised.value.permanent
        assert [problem for problem, _ in adapter.check().problems] == [Problem.TOO_LARGE]

    @pytest.mark.parametrize("way", ["http", "sweep_url"])
    def test_a_sweep_of_many(self, tmp_path: Path, way: str) -> None:
        with Kamailio(tmp_path, defines=[f'RPC_SOCKET="{tmp_path}/rpc.sock"']) as kamailio:
            fill(kamailio, 300)
            options = {"source": "sweep"} | ({"sweep_url": f"unix://{tmp_path}/rpc.sock"} if way != "http" else {})
            known = [f"050{number:08}" for number in range(0, 600, 2)]
            endpoint = replace(kamailio.endpoint(), options=options)
            lines, report = pulled(KamailioAdapter(endpoint, known_aors=lambda: known))
        assert set(lines) == set(known[:150])
        assert (report.announced, report.broken) == (300, 0)

    def test_a_dump_beyond_the_limit(self, kamailio: Kamailio) -> None:
        fill(kamailio, 200)
        adapter = KamailioAdapter(replace(kamailio.endpoint(), size_limit=10_000))
        with pytest.raises(SipError) as raised:
            pulled(adapter)
        assert raised.value.problem is Problem.TOO_LARGE


class TestConfiguration:
    def changed(self, kamailio: Kamailio, **options: str) -> Endpoint:
        return replace(kamailio.endpoint(), options=options)

    def test_another_table(self, kamailio: Kamailio) -> None:
        adapter = KamailioAdapter(self.changed(kamailio, table="elsewhere"))
        for ask in (lambda: pulled(adapter), lambda: adapter.lookup("1001")):
            with pytest.raises(SipError) as raised:
                ask()
            assert raised.value.problem is Problem.TABLE_MISSING
            assert raised.value.permanent
        assert [problem for problem, _ in adapter.check().problems] == [Problem.TABLE_MISSING]

    def test_another_path(self, kamailio: Kamailio) -> None:
        endpoint = kamailio.endpoint()
        adapter = KamailioAdapter(replace(endpoint, url=endpoint.url.replace("/RPC", "/elsewhere")))
        with pytest.raises(SipError) as raised:
            adapter.lookup("1001")
        assert raised.value.problem is Problem.CONFIGURATION
        assert [problem for problem, _ in adapter.check().problems] == [Problem.CONFIGURATION]

    def test_an_unknown_source(self, kamailio: Kamailio) -> None:
        with pytest.raises(SipError) as raised:
            KamailioAdapter(self.changed(kamailio, source="crystal ball")).snapshot()
        assert raised.value.problem is Problem.CONFIGURATION

    def test_an_unreadable_url_is_a_finding(self) -> None:
        check = KamailioAdapter(Endpoint("ftp://h/", "sip.example.jp")).check()
        assert [problem for problem, _ in check.problems] == [Problem.CONFIGURATION]

    def test_what_it_can_do(self, kamailio: Kamailio) -> None:
        usual = {Capability.SNAPSHOT, Capability.LOOKUP, Capability.AUTH_FAILURES}
        assert KamailioAdapter(kamailio.endpoint()).capabilities == usual
        more = KamailioAdapter(kamailio.endpoint(events="tcp://127.0.0.1:1", subscriber_url="sqlite:///x"))
        assert more.capabilities == {*usual, Capability.EVENTS, Capability.SET_PASSWORD}

    @pytest.mark.parametrize(("name", "value"), [("in_flight", "0"), ("in_flight", "1000"), ("rate", "fast")])
    def test_a_number_that_makes_no_sense(self, kamailio: Kamailio, name: str, value: str) -> None:
        endpoint = replace(kamailio.endpoint(), options={"source": "sweep", name: value})
        with pytest.raises(SipError) as raised:
            pulled(KamailioAdapter(endpoint, known_aors=lambda: ("1001",)))
        assert raised.value.problem is Problem.CONFIGURATION

    def test_a_sweep_that_is_told_no_lines(self, kamailio: Kamailio) -> None:
        adapter = KamailioAdapter(kamailio.endpoint(source="sweep"))
        with pytest.raises(SipError) as raised:
            pulled(adapter)
        assert raised.value.problem is Problem.CONFIGURATION
        assert [problem for problem, _ in adapter.check().problems] == [Problem.CONFIGURATION]


def test_a_line_of_another_domain_is_not_taken_for_ours(kamailio: Kamailio) -> None:
    with kamailio.phone("1001") as phone:
        phone.register()
    with pytest.raises(SipError) as raised:
        KamailioAdapter(kamailio.endpoint()).lookup("1001@elsewhere.example")
    assert raised.value.problem is Problem.GARBAGE


class TestSubscribers:
    def test_one_who_is_added_while_it_runs(self, kamailio: Kamailio) -> None:
        kamailio.subscribe(**{"2001": "late"})
        with kamailio.phone("2001") as phone:
            assert phone.register() == 200

    def test_the_store_holds_no_password(self, kamailio: Kamailio, tmp_path: Path) -> None:
        kamailio.subscribe(**{"2001": "very-secret"})
        assert "2001:" in (tmp_path / "subscribers" / "subscriber").read_text()
        assert "very-secret" not in (tmp_path / "subscribers" / "subscriber").read_text()

    @pytest.mark.parametrize("user", ["", "a:b", "a\nb"])
    def test_a_name_that_the_table_cannot_hold(self, kamailio: Kamailio, user: str) -> None:
        with pytest.raises(ValueError, match="no subscriber"):
            kamailio.subscribe(**{user: "x"})
