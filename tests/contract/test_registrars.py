"""The contract over the registrars that phones can really register at: the true Kamailio, and the demo's own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.contract.contract import AdapterContract, Line, Subject, pulled
from tests.support.embedded import EmbeddedRegistrar
from tests.support.kamailio import Kamailio
from tests.support.registrar import RegistrarProcess
from tests.support.wait import until
from workers.sip.base import Adapter, Capability
from workers.sip.registry import adapter_for

REGISTRARS: tuple[Callable[[Path], RegistrarProcess], ...] = (Kamailio, EmbeddedRegistrar)


class Registered(Subject):
    """A registrar whose states come about as in life: phones register at it."""

    def __init__(self, registrar: RegistrarProcess) -> None:
        self.registrar = registrar

    def adapter(self, *, timeout: float = 10.0) -> Adapter:
        return adapter_for("kamailio", self.registrar.endpoint(timeout=timeout))

    def nobody(self) -> Line:
        return Line("1001")

    def one_line(self) -> Line:
        with self.registrar.phone("1001") as phone:
            assert phone.register() == 200
            return Line("1001", frozenset({phone.contact}))

    def two_contacts(self) -> Line:
        with self.registrar.phone("1001") as desk, self.registrar.phone("1001") as mobile:
            assert desk.register() == mobile.register() == 200
            return Line("1001", frozenset({desk.contact, mobile.contact}))

    def gone(self) -> Line:
        with self.registrar.phone("1001") as phone:
            assert phone.register() == 200
            assert self.adapter().lookup("1001").registration.contacts
            assert phone.unregister() == 200
        return Line("1001")

    def refuse(self) -> None:
        self.registrar.kill()

    def hang(self) -> None:
        self.registrar.freeze()


@pytest.fixture(params=REGISTRARS, ids=lambda kind: kind.__name__)
def registrar(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RegistrarProcess]:
    made: RegistrarProcess = request.param(tmp_path)
    made.subscribe(**{"1001": "first", "1002": "second"})
    with made:
        yield made


@pytest.fixture
def subject(registrar: RegistrarProcess) -> Registered:
    return Registered(registrar)


class TestRegistrars(AdapterContract):
    def test_a_wrong_password_registers_nothing(self, subject: Registered) -> None:
        with subject.registrar.phone("1001") as phone:
            assert phone.register(password="wrong") == 401
        assert pulled(subject.adapter())[0] == {}

    def test_what_is_told_of_a_contact(self, subject: Registered) -> None:
        with subject.registrar.phone("1001") as phone:
            before = datetime.now(UTC).replace(microsecond=0)
            phone.register(contact="sip:1001@10.0.0.9:5062;transport=tcp", expires=600, user_agent=b"KX-HDV230")
            source = phone.source
        (contact,) = subject.adapter().lookup("1001").registration.contacts
        assert contact.uri == "sip:1001@10.0.0.9:5062;transport=tcp"
        assert contact.transport == "tcp"
        assert contact.source == source
        assert contact.user_agent == "KX-HDV230"
        assert contact.refreshed_at is not None
        assert contact.expires_at is not None
        assert before <= contact.refreshed_at <= datetime.now(UTC)
        assert before + timedelta(seconds=599) <= contact.expires_at <= datetime.now(UTC) + timedelta(seconds=600)

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            (b"M\xfcller Telefon", "M\ufffdller Telefon"),
            ("電話\u202e".encode(), "電話"),
            (b"<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
            (b'a"b\\c', 'a"b\\c'),
        ],
    )
    def test_an_odd_user_agent_spoils_neither_its_own_line_nor_others(
        self, subject: Registered, sent: bytes, shown: str
    ) -> None:
        with subject.registrar.phone("1001") as odd, subject.registrar.phone("1002") as plain:
            assert odd.register(user_agent=sent) == 200
            assert plain.register(user_agent=b"plain") == 200
        lines, report = pulled(subject.adapter())
        assert {aor: line.contacts[0].user_agent for aor, line in lines.items()} == {"1001": shown, "1002": "plain"}
        assert report.broken == 0
        assert subject.adapter().lookup("1001").registration.contacts[0].user_agent == shown

    def test_an_expired_contact_is_no_registration(self, subject: Registered) -> None:
        with subject.registrar.phone("1001") as phone:
            assert phone.register(expires=1) == 200
        adapter = subject.adapter()
        until(lambda: not adapter.lookup("1001").registration.contacts, 10, "the end of the contact")
        assert pulled(adapter)[0] == {}

    def test_only_one_of_two_contacts_goes(self, subject: Registered) -> None:
        with subject.registrar.phone("1001") as desk, subject.registrar.phone("1001") as mobile:
            desk.register()
            mobile.register()
            desk.unregister()
            remaining = mobile.contact
        assert [contact.uri for contact in subject.adapter().lookup("1001").registration.contacts] == [remaining]

    def test_a_refresh_moves_the_end_and_keeps_the_contact_one(self, subject: Registered) -> None:
        with subject.registrar.phone("1001") as phone:
            phone.register(expires=60)
            phone.register(expires=3600)
        (contact,) = subject.adapter().lookup("1001").registration.contacts
        assert contact.expires_at is not None
        assert contact.expires_at > datetime.now(UTC) + timedelta(seconds=3000)

    def test_the_report(self, subject: Registered) -> None:
        subject.one_line()
        _, report = pulled(subject.adapter())
        assert report.announced == 1
        assert report.uptime is not None
        # It is told in whole seconds, a moment after the pull began.
        assert -1 < report.uptime < 60

    def test_check_names_version_and_lines(self, subject: Registered) -> None:
        subject.one_line()
        check = subject.adapter().check()
        assert check.version is not None
        assert "kamailio" in check.version.lower()
        assert check.lines == 1
        assert {Capability.SNAPSHOT, Capability.LOOKUP} <= check.capabilities
        assert Capability.SET_PASSWORD not in check.capabilities

    def test_a_killed_server_comes_back_on_the_same_port(self, subject: Registered) -> None:
        subject.one_line()
        subject.registrar.kill()
        subject.registrar.start()
        assert pulled(subject.adapter())[0] == {}
        line = subject.one_line()
        assert set(pulled(subject.adapter())[0]) == {line.aor}
