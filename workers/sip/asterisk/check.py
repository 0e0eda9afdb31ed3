"""What an operator is told about an Asterisk: what works, and in words what does not."""

from collections.abc import Callable
from datetime import datetime

from workers.sip.asterisk import realtime
from workers.sip.asterisk.listen import MASK
from workers.sip.asterisk.parse import is_event, read_list
from workers.sip.asterisk.session import Session
from workers.sip.asterisk.source import ASTDB, CONTACTS, contacts_of, source_of
from workers.sip.base import Capability, Check, Endpoint, Problem, SipError
from workers.sip.stream import Deadline

_SKEW = 5.0
_HEARING = 1.0
_LOST = {
    Problem.PERMISSION: {Capability.SNAPSHOT, Capability.LOOKUP},
    Problem.COMMAND_MISSING: {Capability.SNAPSHOT, Capability.LOOKUP},
    Problem.TOO_LARGE: {Capability.SNAPSHOT},
}


def check(endpoint: Endpoint, able: frozenset[Capability], now: Callable[[], datetime]) -> Check:
    """Ask the server for everything that will be asked of it. Never raises SipError."""
    inquiry = _Inquiry(endpoint, able, now)
    inquiry.note(inquiry.ask_server)
    if inquiry.reached:
        inquiry.note(inquiry.ask_events)
    if Capability.SET_PASSWORD in able:
        inquiry.note(inquiry.ask_passwords)
    return Check(
        version=inquiry.version,
        capabilities=frozenset(inquiry.able),
        lines=inquiry.lines,
        clock_skew=inquiry.clock_skew,
        problems=tuple(inquiry.problems),
    )


class _Inquiry:
    """The findings, as they are gathered."""

    def __init__(self, endpoint: Endpoint, able: frozenset[Capability], now: Callable[[], datetime]) -> None:
        self._endpoint = endpoint
        self._now = now
        self.reached = False
        self.able = set(able)
        self.version: str | None = None
        self.lines: int | None = None
        self.clock_skew: float | None = None
        self.problems: list[tuple[Problem, str]] = []

    def note(self, question: Callable[[], None]) -> None:
        """Ask, and write down what went wrong."""
        try:
            question()
        except SipError as error:
            self.problems.append((error.problem, error.detail))

    def ask_server(self) -> None:
        source = source_of(self._endpoint)
        with Session(self._endpoint, now=self._now) as session:
            self.reached = True
            session.ping()
            self.note(lambda: self._ask_version(session))
            self._look_at_clock(session.clock_skew)
            self._ask_contacts(session, source)

    def _ask_version(self, session: Session) -> None:
        self.version = session.ask("CoreSettings").get("AsteriskVersion") or None

    def _look_at_clock(self, skew: float | None) -> None:
        self.clock_skew = skew
        if skew is not None and abs(skew) > _SKEW:
            way = "ahead of" if skew > 0 else "behind"
            self.problems.append((Problem.CLOCK_SKEW, f"the server's clock is {abs(skew):.0f} s {way} ours"))

    def _ask_contacts(self, session: Session, source: str) -> None:
        try:
            raws = contacts_of(session, source, self._endpoint)
        except SipError as error:
            self.able -= _LOST.get(error.problem, set())
            raise
        self.lines = len(read_list(raws, self._endpoint.hostname).lines(self._now()))
        if source == ASTDB and not raws and _elsewhere(session, self._endpoint):
            self.problems.append(
                (Problem.CONFIGURATION, f"the contacts are not in Asterisk's database: set the source to {CONTACTS}")
            )

    def ask_events(self) -> None:
        """A user with both classes is told at once that Asterisk has started, and of his own login."""
        wanted = {"FullyBooted", "SuccessfulAuth"}
        with Session(self._endpoint, now=self._now, events=MASK) as session:
            session.stream.begin(Deadline(_HEARING), self._endpoint.size_limit)
            try:
                while wanted:
                    raw = session.read()
                    wanted = {event for event in wanted if not is_event(raw, event)}
            except SipError as error:
                if error.problem is not Problem.TIMEOUT:
                    raise
                self.able.discard(Capability.EVENTS)

    def ask_passwords(self) -> None:
        realtime.check(self._endpoint)


def _elsewhere(session: Session, endpoint: Endpoint) -> bool:
    """Whether Asterisk lists contacts that its own database does not hold."""
    try:
        return bool(contacts_of(session, CONTACTS, endpoint))
    except SipError:
        return False
