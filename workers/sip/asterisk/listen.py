"""Hearing one Asterisk: its events, until the connection breaks."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from workers.sip.asterisk.events import Aliases, ForgedError, read_event
from workers.sip.asterisk.parse import Block
from workers.sip.asterisk.session import Session
from workers.sip.base import Endpoint, Event, Problem, SipError
from workers.sip.stream import Deadline

MASK = "system,security"
"""The classes of events that tell of registrations and of failed authentications."""
TICK = 1.0
"""Seconds without an event after which None is yielded."""
KEEPALIVE = 10.0
"""Seconds without a byte after which the server is asked whether it is there."""


class Listener:
    """The events of one connection. `discarded` counts messages that Asterisk cannot have written like that."""

    def __init__(
        self,
        endpoint: Endpoint,
        aliases: Aliases,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._endpoint = endpoint
        self._aliases = aliases
        self._now = now
        self.discarded = 0

    def hear(self) -> Iterator[Event | None]:
        """Events as they come, None for each `TICK` without one. Raises SipError when the connection breaks."""
        with Session(self._endpoint, now=self._now, events=MASK) as session:
            quiet_since = time.monotonic()
            while True:
                events = self._next(session)
                yield from events
                if events:
                    quiet_since = time.monotonic()
                elif time.monotonic() - quiet_since >= TICK:
                    self._keep_alive(session)
                    yield None
                    quiet_since = time.monotonic()

    def _keep_alive(self, session: Session) -> None:
        idle = time.monotonic() - session.stream.heard_at
        if session.pinging and idle >= KEEPALIVE + self._endpoint.timeout:
            raise SipError(Problem.TIMEOUT, "the server has gone silent")
        if not session.pinging and idle >= KEEPALIVE:
            session.stream.begin(Deadline(TICK), self._endpoint.size_limit)
            session.ping()

    def _next(self, session: Session) -> list[Event]:
        """What the next message says; nothing when none comes within a tick."""
        session.stream.begin(Deadline(TICK), self._endpoint.size_limit)
        try:
            return self._events(session.read())
        except SipError as error:
            if error.problem is Problem.TIMEOUT:
                return []
            raise

    def _events(self, raw: bytes) -> list[Event]:
        try:
            return read_event(Block.of(raw), home=self._endpoint.hostname, aliases=self._aliases, now=self._now())
        except ForgedError:
            self.discarded += 1
            return []
