"""An adapter that does what a test says, and a runtime that knows no other."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from app.config import Config
from app.domain.registration import AuthFailure, Contact, Lookup, PullReport, Registration
from workers.runtime import Runtime
from workers.sip.base import Capability, Check, Endpoint, Pull


def registration(aor: str, port: int = 5060, *, seconds: float = 3600) -> Registration:
    """A line with one binding that holds for `seconds`."""
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
    return Registration(aor, (Contact(f"sip:{aor}@192.0.2.1:{port}", f"192.0.2.1:{port}", "udp", "phone", None, ends),))


def nothing() -> None:
    """What happens on the way when nothing does."""


@dataclass
class FakeAdapter:
    """Lines as the test sets them; `meanwhile` runs after the last of them was given, before the end is told."""

    lines: Iterable[Registration] = ()
    meanwhile: Callable[[], None] = nothing
    report: PullReport = field(default_factory=lambda: PullReport(datetime.now(UTC)))
    checked: Check = field(default_factory=Check)
    asked: list[str] = field(default_factory=list)
    able: frozenset[Capability] = frozenset((Capability.SNAPSHOT, Capability.LOOKUP))
    passwords: dict[str, str] = field(default_factory=dict)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.able

    def snapshot(self) -> Pull:
        self.asked.append("*")
        return Pull.of(self._pull(), lambda: datetime.now(UTC))

    def _pull(self) -> Generator[Registration, None, PullReport]:
        yield from self.lines
        self.meanwhile()
        return self.report

    def lookup(self, aor: str) -> Lookup:
        self.asked.append(aor)
        asked_at = datetime.now(UTC)
        self.meanwhile()
        return Lookup(next((line for line in self.lines if line.aor == aor), Registration(aor)), asked_at)

    def auth_failures(self, since: datetime) -> list[AuthFailure]:
        raise NotImplementedError

    def set_password(self, aor: str, password: str) -> None:
        self.meanwhile()
        self.passwords[aor] = password

    def check(self) -> Check:
        self.meanwhile()
        return self.checked


def failing(error: Exception) -> Callable[[], None]:
    """For `meanwhile`: the answer ends in `error`."""

    def fail() -> None:
        raise error

    return fail


def runtime_with(config: Config, adapter: FakeAdapter, endpoints: list[Endpoint] | None = None) -> Runtime:
    """A runtime on the test's Redis and database where every server is `adapter`; `endpoints` notes what it got."""

    def adapter_for(_family: str, endpoint: Endpoint, _lines: Callable[[], Iterable[str]]) -> FakeAdapter:
        if endpoints is not None:
            endpoints.append(endpoint)
        return adapter

    return replace(Runtime.from_config(config), adapter_for=adapter_for)
