"""What our tsunagari.cfg makes a real Kamailio keep and tell: the mirror, failures, events."""

from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from app.domain.registration import AuthFailure, FailureReason
from tests.contract.contract import pulled, uris
from tests.support.kamailio import Kamailio
from tests.support.kamailio_db import on_sqlite
from tests.support.wait import until
from workers.sip.base import Capability, Event, LineChanged, Problem, SipError
from workers.sip.kamailio.client import KamailioAdapter

Heard = Generator[Event | None, None, None]
Told = TypeVar("Told", LineChanged, AuthFailure)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
MOST_CONTACTS = 10


@pytest.fixture
def kamailio(tmp_path: Path) -> Iterator[Kamailio]:
    made = Kamailio(tmp_path, events=True)
    made.subscribe(**{"1001": "first", "1002": "second"})
    with made:
        yield made


def mirror(kamailio: Kamailio) -> KamailioAdapter:
    return KamailioAdapter(kamailio.endpoint(source="htable"))


def held(kamailio: Kamailio) -> dict[str, frozenset[str]]:
    return {aor: uris(line) for aor, line in pulled(mirror(kamailio))[0].items()}


def problem_of(adapter: KamailioAdapter) -> Problem:
    with pytest.raises(SipError) as raised:
        pulled(adapter)
    return raised.value.problem


class TestMirror:
    def test_what_is_told_of_a_contact(self, kamailio: Kamailio) -> None:
        with kamailio.phone("1001") as phone:
            before = datetime.now(UTC).replace(microsecond=0)
            phone.register(contact="sip:1001@10.0.0.9;transport=tcp", expires=600, user_agent=b"a|b \xff" + b"x" * 400)
            source, adapter = phone.source, mirror(kamailio)
            (line,) = until(lambda: list(pulled(adapter)[0].values()), 10, "the line in the mirror")
        (contact,) = line.contacts
        assert contact.uri == "sip:1001@10.0.0.9;transport=tcp"
        assert (contact.transport, contact.source) == ("tcp", source)
        assert contact.user_agent is not None
        assert contact.user_agent.startswith("a|b \ufffdxxx")
        assert contact.refreshed_at is not None
        assert contact.expires_at is not None
        assert before <= contact.refreshed_at <= datetime.now(UTC)
        assert timedelta(seconds=598) <= contact.expires_at - contact.refreshed_at <= timedelta(seconds=600)

    def test_several_contacts_in_one_register(self, kamailio: Kamailio) -> None:
        with kamailio.phone("1001") as phone:
            two = 'sip:1001@10.0.0.1>;expires=60, "x, y" <sip:1001@10.0.0.2'
            assert phone.register(contact=two) == 200
            until(lambda: held(kamailio) == {"1001": {"sip:1001@10.0.0.1", "sip:1001@10.0.0.2"}}, 10, "both")
            assert phone.register(contact="sip:1001@10.0.0.1>;expires=0, <sip:1001@10.0.0.3") == 200
            until(lambda: held(kamailio) == {"1001": {"sip:1001@10.0.0.2", "sip:1001@10.0.0.3"}}, 10, "the others")
            assert phone.unregister_all() == 200
            until(lambda: held(kamailio) == {}, 10, "none")

    def test_a_contact_that_expired(self, kamailio: Kamailio) -> None:
        with kamailio.phone("1001") as phone:
            assert phone.register(expires=2) == 200
            until(lambda: held(kamailio), 10, "the line")
            until(lambda: not held(kamailio), 10, "its end")
            with kamailio.rpc() as rpc:
                until(lambda: rpc.call("htable.dump", "reg") == [], 20, "an empty mirror")

    def test_two_phones_of_which_one_refreshes(self, kamailio: Kamailio) -> None:
        with kamailio.phone("1001") as desk, kamailio.phone("1001") as mobile:
            told = [(desk, b"desk"), (mobile, b"mobile"), (desk, b"desk 2")]
            assert [phone.register(user_agent=agent) for phone, agent in told] == [200] * 3
            wanted = {desk.source: "desk 2", mobile.source: "mobile"}

            def shown() -> dict[str | None, str | None]:
                contacts = [contact for line in pulled(mirror(kamailio))[0].values() for contact in line.contacts]
                return {contact.source: contact.user_agent for contact in contacts}

            until(lambda: shown() == wanted, 10, "each with its own name")

    def test_one_that_lacks_a_contact_is_not_believed(self, kamailio: Kamailio) -> None:
        with kamailio.rpc() as rpc, kamailio.phone("1001") as phone:
            phone.register()
            until(lambda: held(kamailio), 10, "the line")
            rpc.call("htable.delete", "reg", f"1001::{phone.contact}")
        assert problem_of(mirror(kamailio)) is Problem.LOADING
        assert [problem for problem, _ in mirror(kamailio).check().problems] == [Problem.LOADING]

    def test_after_a_restart_with_a_database_it_is_not_believed(self, tmp_path: Path) -> None:
        database = on_sqlite(tmp_path)
        with Kamailio(tmp_path, defines=database.defines()) as kamailio:
            kamailio.subscribe(**{"1001": "first"})
            with kamailio.phone("1001") as phone:
                assert phone.register() == 200
            kamailio.stop()
            kamailio.start()
            assert database.rows("SELECT username FROM location") == [("1001",)]
            assert problem_of(mirror(kamailio)) is Problem.LOADING
            for source in ("dump", "sweep"):
                adapter = KamailioAdapter(kamailio.endpoint(source=source), known_aors=lambda: ("1001", "1002"))
                pull = adapter.snapshot()
                assert [line.aor for line in pull] == ["1001"]
                # What is missing may still be on its way: whoever judges the snapshot must know.
                assert pull.report.loading
            with pytest.raises(SipError) as raised:
                adapter.lookup("1002")
            assert raised.value.problem is Problem.LOADING
            assert adapter.lookup("1001").registration.contacts

    def test_a_table_that_is_not_there(self, kamailio: Kamailio) -> None:
        adapter = KamailioAdapter(kamailio.endpoint(source="htable", mirror="elsewhere"))
        assert problem_of(adapter) is Problem.TABLE_MISSING
        assert [problem for problem, _ in adapter.check().problems] == [Problem.TABLE_MISSING]


class TestFailures:
    def told(self, kamailio: Kamailio, since: datetime = LONG_AGO) -> list[AuthFailure]:
        return KamailioAdapter(kamailio.endpoint()).auth_failures(since)

    def only(self, kamailio: Kamailio) -> AuthFailure:
        (failure,) = until(lambda: self.told(kamailio), 10, "the failure")
        return failure

    def test_a_wrong_password(self, kamailio: Kamailio) -> None:
        begun = datetime.now(UTC).replace(microsecond=0)
        with kamailio.phone("1001") as phone:
            assert phone.register(password="wrong", user_agent=b"Bad|Phone") == 401
            failure = self.only(kamailio)
            assert (failure.aor, failure.reason) == ("1001", FailureReason.WRONG_PASSWORD)
            assert (failure.source, failure.user_agent) == (phone.source, "Bad|Phone")
        assert begun <= failure.at <= datetime.now(UTC)
        assert self.told(kamailio, failure.at) == [failure]
        assert self.told(kamailio, failure.at + timedelta(seconds=1)) == []

    def test_a_first_request_and_a_success_are_none(self, kamailio: Kamailio) -> None:
        with kamailio.phone("1001") as phone:
            assert phone.register() == 200
        assert self.told(kamailio) == []

    def test_a_success_ends_it(self, kamailio: Kamailio) -> None:
        with kamailio.phone("1001") as phone:
            phone.register(password="wrong")
            self.only(kamailio)
            until(lambda: phone.register() == 200 and not self.told(kamailio), 10, "no failure")

    def test_an_unknown_user(self, kamailio: Kamailio) -> None:
        with kamailio.stranger("nobody") as phone:
            assert phone.register() == 401
        failure = self.only(kamailio)
        assert (failure.aor, failure.reason) == ("nobody", FailureReason.UNKNOWN_USER)

    def test_however_many_names_a_scanner_tries(self, kamailio: Kamailio) -> None:
        for number in range(30):
            with kamailio.stranger(f"u{number}") as phone:
                phone.register(user_agent=b"x" * 4000)
        with kamailio.rpc() as rpc:
            entries = {table["name"]: table["all"] for table in rpc.call("htable.stats")}  # type: ignore[attr-defined] # a list
        assert entries == {"reg": 0, "authfail": 0, "authok": 0, "authscan": 1}

    def test_the_user_of_another_line(self, kamailio: Kamailio) -> None:
        with kamailio.phone("1001") as phone:
            assert phone.register(login="1002", password="second") == 401
        failure = self.only(kamailio)
        assert (failure.aor, failure.reason) == ("1001", FailureReason.USER_MISMATCH)

    def test_another_realm(self, kamailio: Kamailio) -> None:
        with kamailio.phone("1001") as phone:
            assert phone.register(realm="elsewhere.example") == 401
        failure = self.only(kamailio)
        assert (failure.aor, failure.reason) == ("1001", FailureReason.WRONG_REALM)

    def test_too_many_contacts(self, kamailio: Kamailio) -> None:
        with kamailio.phone("1001") as phone:
            for number in range(MOST_CONTACTS):
                assert phone.register(contact=f"sip:1001@10.0.0.{number}") == 200
            assert phone.register(contact="sip:1001@10.0.0.99") == 503
        failure = self.only(kamailio)
        assert (failure.aor, failure.reason) == ("1001", FailureReason.TOO_MANY_CONTACTS)

    def test_a_server_that_keeps_none(self, kamailio: Kamailio) -> None:
        adapter = KamailioAdapter(kamailio.endpoint(failures="elsewhere"))
        with pytest.raises(SipError) as raised:
            adapter.auth_failures(LONG_AGO)
        assert raised.value.problem is Problem.TABLE_MISSING
        check = adapter.check()
        assert [problem for problem, _ in check.problems] == [Problem.TABLE_MISSING]
        assert Capability.AUTH_FAILURES not in check.capabilities

    def test_an_operator_who_wants_none(self, kamailio: Kamailio) -> None:
        adapter = KamailioAdapter(kamailio.endpoint(failures=""))
        assert Capability.AUTH_FAILURES not in adapter.capabilities
        with pytest.raises(SipError) as raised:
            adapter.auth_failures(LONG_AGO)
        assert raised.value.problem is Problem.UNSUPPORTED

    def test_over_a_datagram_socket(self, tmp_path: Path) -> None:
        with Kamailio(tmp_path, defines=[f'RPC_SOCKET="{tmp_path}/rpc.sock"']) as kamailio:
            kamailio.subscribe(**{"1001": "first"})
            with kamailio.phone("1001") as phone:
                phone.register(password="wrong")
            adapter = KamailioAdapter(kamailio.endpoint(url=f"unix://{tmp_path}/rpc.sock"))
            (failure,) = adapter.auth_failures(LONG_AGO)
            assert failure.reason is FailureReason.WRONG_PASSWORD


class TestEvents:
    def adapter(self, kamailio: Kamailio) -> KamailioAdapter:
        return KamailioAdapter(kamailio.endpoint(events=f"tcp://127.0.0.1:{kamailio.events_port}"))

    @pytest.fixture
    def heard(self, kamailio: Kamailio) -> Iterator[Heard]:
        kamailio.wait_for_events()
        with closing(self.adapter(kamailio).events()) as events:
            assert next(events) is None
            assert next(events) is None  # the connection is accepted by now
            yield events

    def next_of(self, heard: Heard, kind: type[Told]) -> Told:
        def told() -> Told | None:
            event = next(heard)
            return event if isinstance(event, kind) else None

        return until(told, 20, kind.__name__)

    def test_a_line_comes_and_goes(self, kamailio: Kamailio, heard: Heard) -> None:
        with kamailio.phone("1001") as phone:
            for act in (phone.register, phone.unregister):
                before = datetime.now(UTC)
                assert act() == 200
                change = self.next_of(heard, LineChanged)
                assert change.aor == "1001"
                assert before <= change.at <= datetime.now(UTC)

    def test_a_line_expires(self, kamailio: Kamailio, heard: Heard) -> None:
        with kamailio.phone("1001") as phone:
            assert phone.register(expires=1) == 200
        self.next_of(heard, LineChanged)
        self.next_of(heard, LineChanged)
        assert not KamailioAdapter(kamailio.endpoint()).lookup("1001").registration.contacts

    def test_a_failure(self, kamailio: Kamailio, heard: Heard) -> None:
        with kamailio.phone("1001") as phone:
            assert phone.register(password="wrong", user_agent=b'1:a,"|\xff') == 401
            failure = self.next_of(heard, AuthFailure)
            assert (failure.aor, failure.reason) == ("1001", FailureReason.WRONG_PASSWORD)
            assert (failure.source, failure.user_agent) == (phone.source, '1:a,"|\ufffd')
            assert phone.register() == 200
        self.next_of(heard, LineChanged)

    def test_the_server_ends(self, kamailio: Kamailio, heard: Heard) -> None:
        kamailio.kill()
        with pytest.raises(SipError) as raised:
            until(lambda: next(heard), 10, "the end of the stream")
        assert raised.value.problem is Problem.TRUNCATED
        with pytest.raises(SipError) as raised:
            next(self.adapter(kamailio).events())
        assert raised.value.problem is Problem.REFUSED

    def test_check_hears_the_servers_clock(self, kamailio: Kamailio) -> None:
        kamailio.wait_for_events()
        check = self.adapter(kamailio).check()
        assert check.ok
        assert Capability.EVENTS in check.capabilities
        assert check.clock_skew is not None
        assert abs(check.clock_skew) <= 2

    def test_check_says_that_nobody_tells_events(self, kamailio: Kamailio) -> None:
        check = KamailioAdapter(kamailio.endpoint(events="tcp://127.0.0.1:1")).check()
        assert [problem for problem, _ in check.problems] == [Problem.REFUSED]
        assert Capability.EVENTS not in check.capabilities

    def test_without_events_it_says_so(self, kamailio: Kamailio) -> None:
        with pytest.raises(SipError) as raised:
            KamailioAdapter(kamailio.endpoint()).events()
        assert raised.value.problem is Problem.UNSUPPORTED


def test_a_clock_that_is_wrong(kamailio: Kamailio) -> None:
    adapter = KamailioAdapter(kamailio.endpoint(), now=lambda: datetime.now(UTC) + timedelta(seconds=60))
    check = adapter.check()
    assert [problem for problem, _ in check.problems] == [Problem.CLOCK_SKEW]
    assert check.clock_skew is not None
    assert -62 < check.clock_skew < -58
