"""What every family's adapter keeps to, whatever it speaks. A family's own test module derives from it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.registration import PullReport, Registration
from workers.sip.base import Adapter, Capability, Problem, SipError


@dataclass(frozen=True)
class Line:
    """A line as the server holds it: its key and the contact URIs that it is reached at."""

    aor: str
    uris: frozenset[str] = field(default_factory=frozenset)


class Subject(ABC):
    """A server, real or replayed, that can be brought into the states that the contract speaks of."""

    @abstractmethod
    def adapter(self, *, timeout: float = 10.0) -> Adapter:
        """The adapter under test, which asks this server."""

    @abstractmethod
    def nobody(self) -> Line:
        """No line is registered; returns one that is known but not registered."""

    @abstractmethod
    def one_line(self) -> Line:
        """Exactly one line is registered, with one contact."""

    @abstractmethod
    def two_contacts(self) -> Line:
        """Exactly one line is registered, with two contacts."""

    @abstractmethod
    def gone(self) -> Line:
        """No line is registered, and the returned one was before."""

    @abstractmethod
    def refuse(self) -> None:
        """Nobody listens any more."""

    @abstractmethod
    def hang(self) -> None:
        """The server accepts connections and says nothing."""


def pulled(adapter: Adapter) -> tuple[dict[str, Registration], PullReport]:
    """A whole snapshot: its lines by key, and its report."""
    pull = adapter.snapshot()
    lines = list(pull)
    assert len({line.aor for line in lines}) == len(lines), "a line came twice"
    return {line.aor: line for line in lines}, pull.report


def uris(registration: Registration) -> frozenset[str]:
    return frozenset(contact.uri for contact in registration.contacts)


class AdapterContract:
    """Derive a class Test… from it and give it a fixture `subject`."""

    def test_a_server_without_registrations(self, subject: Subject) -> None:
        line = subject.nobody()
        lines, report = pulled(subject.adapter())
        assert lines == {}
        assert report.broken == 0
        assert subject.adapter().lookup(line.aor).registration == Registration(line.aor)

    def test_a_registered_line(self, subject: Subject) -> None:
        line = subject.one_line()
        lines, report = pulled(subject.adapter())
        assert {aor: uris(found) for aor, found in lines.items()} == {line.aor: line.uris}
        assert report.broken == 0
        assert uris(subject.adapter().lookup(line.aor).registration) == line.uris

    def test_a_line_that_nobody_knows(self, subject: Subject) -> None:
        subject.one_line()
        assert subject.adapter().lookup("nobody-at-all").registration == Registration("nobody-at-all")

    def test_a_line_with_two_contacts_is_one_line(self, subject: Subject) -> None:
        line = subject.two_contacts()
        assert len(line.uris) == 2
        lines, _ = pulled(subject.adapter())
        assert {aor: uris(found) for aor, found in lines.items()} == {line.aor: line.uris}
        assert uris(subject.adapter().lookup(line.aor).registration) == line.uris

    def test_a_line_that_has_gone(self, subject: Subject) -> None:
        line = subject.gone()
        assert pulled(subject.adapter())[0] == {}
        assert subject.adapter().lookup(line.aor).registration == Registration(line.aor)

    def test_times(self, subject: Subject) -> None:
        line = subject.one_line()
        before = datetime.now(UTC)
        lines, report = pulled(subject.adapter())
        looked_up = subject.adapter().lookup(line.aor)
        assert before <= report.taken_at <= looked_up.asked_at <= datetime.now(UTC)
        for contact in (*lines[line.aor].contacts, *looked_up.registration.contacts):
            for moment in (contact.expires_at, contact.refreshed_at):
                assert moment is None or moment.utcoffset() == timedelta(0)
            assert contact.since is None

    def test_the_report_waits_for_the_end(self, subject: Subject) -> None:
        subject.nobody()
        pull = subject.adapter().snapshot()
        with pytest.raises(RuntimeError):
            _ = pull.report

    def test_check(self, subject: Subject) -> None:
        subject.one_line()
        check = subject.adapter().check()
        assert check.problems == ()
        assert check.capabilities <= subject.adapter().capabilities
        assert Capability.LOOKUP in check.capabilities

    def test_what_is_not_offered_says_so(self, subject: Subject) -> None:
        adapter = subject.adapter()
        if Capability.AUTH_FAILURES not in adapter.capabilities:
            self._unsupported(lambda: adapter.auth_failures(datetime.now(UTC)))
        if Capability.SET_PASSWORD not in adapter.capabilities:
            self._unsupported(lambda: adapter.set_password("1001", "secret"))

    def test_a_server_that_is_down(self, subject: Subject) -> None:
        line = subject.one_line()
        adapter = subject.adapter()
        subject.refuse()
        self._fails(adapter, line, Problem.REFUSED)

    def test_a_server_that_hangs(self, subject: Subject) -> None:
        line = subject.one_line()
        adapter = subject.adapter(timeout=0.5)
        subject.hang()
        self._fails(adapter, line, Problem.TIMEOUT)

    def _unsupported(self, call: Callable[[], object]) -> None:
        with pytest.raises(SipError) as raised:
            call()
        assert raised.value.problem is Problem.UNSUPPORTED
        assert raised.value.permanent

    def _fails(self, adapter: Adapter, line: Line, problem: Problem) -> None:
        with pytest.raises(SipError) as raised:
            pulled(adapter)
        assert raised.value.problem is problem
        assert not raised.value.permanent
        with pytest.raises(SipError) as raised:
            adapter.lookup(line.aor)
        assert raised.value.problem is problem
        assert [found for found, _ in adapter.check().problems] == [problem]
