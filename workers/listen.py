"""The listener: hears servers that tell what happens, and asks them at once about the lines that they name.

An event is a hint, never the truth: the line is looked up, and the next pull corrects both. A stream that broke is
taken up again; what may have been missed in between is reported and made up for by a pull that is due at once.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.domain.registration import AuthFailure
from app.domain.sign import Source
from app.models import SipServer
from app.store import keys, listeners
from workers import answers, collect, refusals
from workers.credentials import endpoint_of
from workers.runtime import Runtime
from workers.sip.base import Adapter, Capability, Event, EventSource, Gap, LineChanged, SipError

BATCH = 200
"""Events that are taken together before the lines that they name are looked up."""
PATIENCE = timedelta(milliseconds=300)
"""How long the first of a batch waits while others keep coming: a large server is never quiet."""
_FIRST_RETRY = 1.0
_LAST_RETRY = 30.0
_REREAD = 5.0
_OUTAGES = (SipError, SQLAlchemyError, RedisError)

log = logging.getLogger(__name__)


class Hearing(Adapter, EventSource, Protocol):
    """An adapter that hears its server."""


class Ear:
    """Listens to one server until it is told to stop."""

    def __init__(self, runtime: Runtime, server_id: int, adapter: Hearing) -> None:
        self._runtime = runtime
        self._server_id = server_id
        self._adapter = adapter
        self._batch: list[Event] = []
        self._first_at = runtime.clock()
        self._broken_at: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Listen, and take the stream up again when it breaks, with pauses that grow."""
        pause = _FIRST_RETRY
        while not stop.is_set():
            try:
                heard = self._listen(stop)
            except _OUTAGES as error:
                log.warning("server %d: the events stopped: %s", self._server_id, _words(error))
                heard = False
            self._broken_at = self._broken_at or self._runtime.clock()
            pause = _FIRST_RETRY if heard else min(pause * 2, _LAST_RETRY)
            stop.wait(pause)

    def _listen(self, stop: threading.Event) -> bool:
        heard = False
        for event in self._adapter.events():
            if stop.is_set():
                return True
            if not heard:
                heard = True
                self._resumed()
            self.take(event)
        return heard

    def _resumed(self) -> None:
        listeners.hears(self._runtime.redis, self._server_id, self._runtime.clock())
        if self._broken_at is not None:
            self.take(Gap(self._broken_at))
            self._broken_at = None

    def take(self, event: Event | None) -> None:
        """Keep an event until the server is quiet for a moment, or there are many, or the first has waited long."""
        now = self._runtime.clock()
        if event is not None:
            self._first_at = self._first_at if self._batch else now
            self._batch.append(event)
        if self._batch and (event is None or len(self._batch) >= BATCH or now - self._first_at >= PATIENCE):
            batch, self._batch = self._batch, []
            handle(self._runtime, self._server_id, self._adapter, batch)


def handle(runtime: Runtime, server_id: int, adapter: Adapter, events: list[Event]) -> None:
    """Do what a batch of events asks for."""
    refusals.keep(runtime, server_id, [event for event in events if isinstance(event, AuthFailure)])
    for gap in (event for event in events if isinstance(event, Gap)):
        log.warning("server %d: nothing was heard since %s", server_id, gap.since.isoformat())
        listeners.missed(runtime.redis, server_id, gap.since)
        # Whatever was missed is in the next pull; let it come now.
        runtime.redis.hdel(keys.due(), str(server_id))
    _look_up(runtime, server_id, adapter, {event.aor for event in events if isinstance(event, LineChanged)})


def _look_up(runtime: Runtime, server_id: int, adapter: Adapter, aors: set[str]) -> None:
    for aor, circle_id in refusals.known(runtime, server_id, aors).items():
        try:
            found = collect.lookup(adapter, aor, runtime.clock())
        except SipError as error:
            # The next pull tells what this look-up did not.
            log.warning("server %d: a line that changed can't be looked up: %s", server_id, error.problem.value)
            return
        answers.keep(runtime, server_id, found, circle_id, Source.EVENT)


def _words(error: Exception) -> str:
    return error.problem.value if isinstance(error, SipError) else type(error).__name__


class Listener:
    """One ear for each live server that can be heard; servers come and go as operators configure them."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._ears: dict[tuple[int, str], tuple[threading.Thread, threading.Event]] = {}

    def run(self, stop: threading.Event) -> None:
        """Step until `stop` is set, then let all ears end."""
        while not stop.is_set():
            self.step()
            stop.wait(_REREAD)
        for key in list(self._ears):
            self._end(key)

    def step(self) -> None:
        """Listen to the servers that are configured now, and to no others."""
        try:
            wanted = self._wanted()
        except SQLAlchemyError as error:
            log.warning("the list of servers can't be read: %s", type(error).__name__)
            return
        for key in self._ears.keys() - wanted.keys():
            self._end(key)
        for key, make in wanted.items():
            if key not in self._ears or not self._ears[key][0].is_alive():
                self._begin(key, make)

    def _wanted(self) -> "dict[tuple[int, str], Callable[[], Adapter]]":
        with self._runtime.sessions() as session:
            servers = session.scalars(select(SipServer).where(SipServer.live)).all()
        return {(server.id, _fingerprint(server)): self._maker(server) for server in servers}

    def _maker(self, server: SipServer) -> Callable[[], Adapter]:
        lines = self._runtime.lines_of(server.id)
        return lambda: self._runtime.adapter_for(server.family, endpoint_of(server), lines)

    def _begin(self, key: tuple[int, str], make: Callable[[], Adapter]) -> None:
        try:
            adapter = make()
        except SipError as error:
            log.warning("server %d: %s", key[0], error.problem.value)
            return
        if Capability.EVENTS not in adapter.capabilities:
            return
        stop = threading.Event()
        ear = Ear(self._runtime, key[0], adapter)  # type: ignore[arg-type] # the capability says that it hears
        thread = threading.Thread(target=ear.run, args=(stop,), name=f"ear-{key[0]}", daemon=True)
        self._ears[key] = (thread, stop)
        thread.start()

    def _end(self, key: tuple[int, str]) -> None:
        thread, stop = self._ears.pop(key)
        stop.set()
        thread.join(timeout=_LAST_RETRY)


def _fingerprint(server: SipServer) -> str:
    return f"{server.family} {server.management_url} {server.credentials} {server.options}"
