"""The contract over the demo's registrar behind the interfaces of OpenSIPS, Asterisk and FreeSWITCH.

Phones really register, and the adapters of production read what that comes to.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from app.domain.registration import AuthFailure, FailureReason
from tests.contract.contract import AdapterContract, Line, Subject, pulled, uris
from tests.support.fronts import CREDENTIALS, PASSWORD, USER, FrontedRegistrar
from tests.support.wait import until
from workers.sip.base import Adapter, Capability, Event, EventSource, LineChanged, Problem
from workers.sip.registry import adapter_for

LINES = {"1001": "first", "1002": "second"}
SOURCES = {
    "opensips": ("sweep", "dump"),
    "asterisk": ("astdb", "contacts"),
    "freeswitch": ("profile", "core", "json"),
}


class Fronted(Subject):
    """A registrar whose states come about as in life, read from one of the family's sources."""

    def __init__(self, registrar: FrontedRegistrar, source: str) -> None:
        self.registrar = registrar
        self._source = source

    def adapter(self, *, timeout: float = 10.0) -> Adapter:
        endpoint = self.registrar.endpoint(timeout=timeout, options={"source": self._source})
        return adapter_for(self.registrar.family, endpoint, lambda: list(LINES))

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


@contextmanager
def running(folder: Path, family: str) -> Iterator[FrontedRegistrar]:
    registrar = FrontedRegistrar(folder, family)
    registrar.subscribe(**LINES)
    with registrar:
        yield registrar


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CREDENTIALS, f"{USER}:{PASSWORD}")


@pytest.fixture(params=list(SOURCES))
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fronted]:
    """One of each family, read as the demo reads it."""
    with running(tmp_path, request.param) as registrar:
        yield Fronted(registrar, SOURCES[request.param][0])


class TestFronts(AdapterContract):
    """All of it for each family."""


@pytest.fixture
def front(subject: Fronted) -> Fronted:
    return subject


def test_every_source_tells_the_same(front: Fronted) -> None:
    readers = [Fronted(front.registrar, source).adapter() for source in SOURCES[front.registrar.family]]
    assert len(readers) > 1
    assert [pulled(adapter)[0] for adapter in readers] == [{}] * len(readers)
    line = front.two_contacts()
    for adapter in readers:
        assert {aor: uris(found) for aor, found in pulled(adapter)[0].items()} == {line.aor: line.uris}
        assert uris(adapter.lookup(line.aor).registration) == line.uris
        assert adapter.check().problems == ()


def test_what_is_told_of_a_contact(front: Fronted) -> None:
    with front.registrar.phone("1001") as phone:
        before = datetime.now(UTC).replace(microsecond=0)
        phone.register(contact="sip:1001@10.0.0.9:5062;transport=tcp", expires=600, user_agent="KX-HDV230 ☎".encode())
        source = phone.source
    (contact,) = front.adapter().lookup("1001").registration.contacts
    assert contact.uri == "sip:1001@10.0.0.9:5062;transport=tcp"
    assert (contact.source, contact.transport, contact.user_agent) == (source, "tcp", "KX-HDV230 ☎")
    assert contact.expires_at is not None
    slack = timedelta(seconds=2)
    assert before + timedelta(seconds=600) - slack <= contact.expires_at
    assert contact.expires_at <= datetime.now(UTC) + timedelta(seconds=600) + slack


def test_an_odd_user_agent_spoils_neither_its_own_line_nor_others(front: Fronted) -> None:
    odd = (b"M\xfcller", "電話\u202e".encode(), b"<img src=x>", b'a"b\\c', b"a\tb: c", b"</agent>", b"")
    with front.registrar.phone("1001") as phone, front.registrar.phone("1002") as plain:
        assert plain.register(user_agent=b"plain") == 200
        for agent in odd:
            assert phone.register(user_agent=agent) == 200
            lines, report = pulled(front.adapter())
            assert set(lines) == {"1001", "1002"}
            assert lines["1002"].contacts[0].user_agent == "plain"
            assert report.broken == 0


def test_an_odd_contact_spoils_no_other_line(front: Fronted) -> None:
    odd = ("sip:", "sip:@", "sip:1001@", "sip::5060", "sip:1001@[::1]:5060", "sip:a?b=c")
    with front.registrar.phone("1001") as phone, front.registrar.phone("1002") as plain:
        assert plain.register() == 200
        for contact in odd:
            phone.register(contact=contact)
            assert uris(pulled(front.adapter())[0]["1002"]) == {plain.contact}


def test_an_expired_contact_is_no_registration(front: Fronted) -> None:
    with front.registrar.phone("1001") as phone:
        assert phone.register(expires=1) == 200
    adapter = front.adapter()
    until(lambda: not adapter.lookup("1001").registration.contacts, 10, "the end of the contact")
    assert pulled(adapter)[0] == {}


def test_only_one_of_two_contacts_goes(front: Fronted) -> None:
    with front.registrar.phone("1001") as desk, front.registrar.phone("1001") as mobile:
        desk.register()
        mobile.register()
        desk.unregister()
        assert uris(front.adapter().lookup("1001").registration) == {mobile.contact}


def test_check_names_version_lines_and_clock(front: Fronted) -> None:
    front.one_line()
    check = front.adapter().check()
    assert check.version is not None
    assert check.lines == 1
    assert check.clock_skew is not None
    assert abs(check.clock_skew) < 2
    assert check.capabilities == front.adapter().capabilities
    assert Capability.EVENTS in check.capabilities


def test_wrong_credentials_are_told(front: Fronted) -> None:
    endpoint = replace(front.registrar.endpoint(), password="a guess")
    check = adapter_for(front.registrar.family, endpoint, list).check()
    assert [problem for problem, _ in check.problems] == [Problem.CREDENTIALS]


@contextmanager
def heard(front: Fronted) -> Iterator[list[Event]]:
    """What the family's adapter hears meanwhile; it hears from the moment on at which this is entered."""
    stream = cast("Generator[Event | None]", cast("EventSource", front.adapter()).events())
    found: list[Event] = []
    ready, over = threading.Event(), threading.Event()

    def listen() -> None:
        with closing(stream) as events:
            for event in events:
                ready.set()
                found.extend([event] if event is not None else [])
                if over.is_set():
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        assert ready.wait(10)
        yield found
    finally:
        over.set()
        thread.join(10)
        assert not thread.is_alive()


def failures(events: list[Event]) -> list[AuthFailure]:
    return [event for event in events if isinstance(event, AuthFailure)]


def changed(events: list[Event]) -> list[str]:
    return [event.aor for event in events if isinstance(event, LineChanged)]


def test_lines_that_come_and_go_are_heard(front: Fronted) -> None:
    with heard(front) as events, front.registrar.phone("1001") as phone:
        assert phone.register() == 200
        until(lambda: "1001" in changed(events), 10, "the line that came")
        before = len(changed(events))
        assert phone.unregister() == 200
        until(lambda: len(changed(events)) > before, 10, "the line that went")
        assert failures(events) == []
        assert set(changed(events)) == {"1001"}


# FreeSWITCH tells of every refusal the same.
REASONS = {
    "opensips": (FailureReason.WRONG_PASSWORD, FailureReason.UNKNOWN_USER),
    "asterisk": (FailureReason.WRONG_PASSWORD, FailureReason.UNKNOWN_USER),
    "freeswitch": (FailureReason.OTHER, FailureReason.OTHER),
}


def test_a_refused_phone_is_heard_with_its_reason(front: Fronted) -> None:
    wrong, unknown = REASONS[front.registrar.family]
    with heard(front) as events, front.registrar.phone("1001") as phone:
        before = datetime.now(UTC) - timedelta(seconds=1)
        assert phone.register(password="a guess") == 401
        failure = until(lambda: next(iter(failures(events)), None), 10, "the refusal")
        assert (failure.aor, failure.reason, failure.source) == ("1001", wrong, phone.source)
        assert before <= failure.at <= datetime.now(UTC) + timedelta(seconds=1)
        assert changed(events) == []
        with stranger(front) as mallory:
            assert mallory(password="x") == 401
        of_mallory = until(lambda: [one for one in failures(events) if one.aor == "mallory"], 10, "the stranger")
        assert of_mallory[0].reason is unknown


@contextmanager
def stranger(front: Fronted) -> Iterator[Callable[..., int]]:
    front.registrar.subscribe(mallory="")
    with front.registrar.phone("mallory") as phone:
        yield phone.register


def test_opensips_remembers_who_was_refused(tmp_path: Path) -> None:
    with running(tmp_path, "opensips") as registrar:
        front = Fronted(registrar, "sweep")
        with registrar.phone("1001") as phone:
            before = datetime.now(UTC).replace(microsecond=0)
            phone.register(password="a guess", user_agent=b"BadPhone/1")
            (failure,) = front.adapter().auth_failures(before)
            wanted = AuthFailure("1001", FailureReason.WRONG_PASSWORD, failure.at, phone.source, "BadPhone/1")
        assert failure == wanted
        assert front.adapter().auth_failures(datetime.now(UTC) + timedelta(seconds=5)) == []
