"""What a Kamailio with our tsunagari.cfg tells of its own accord: netstrings over TCP, from its module evapi."""

import time
from collections.abc import Generator
from dataclasses import replace
from datetime import datetime

from workers.sip.base import Endpoint, Event, Problem, SipError
from workers.sip.kamailio.contact import BrokenError
from workers.sip.kamailio.site import Site
from workers.sip.kamailio.values import event, tick
from workers.sip.stream import Deadline, Stream, open_endpoint

_PORTS = {"tcp": 8448, "tls": 8449}
_TICK = 1.0
# The server says "tick" every 10 seconds.
_SILENCE = 35.0
_LONGEST = 65536
_ROOM = 16 * 1024 * 1024


class Messages:
    """The messages of one connection. Raises SipError, and nothing else, for what goes wrong."""

    def __init__(self, endpoint: Endpoint, url: str) -> None:
        where = replace(endpoint, url=url)
        self._stream: Stream = open_endpoint(where, _PORTS, Deadline(endpoint.timeout))
        self._length: int | None = None

    def next(self, seconds: float) -> str | None:
        """The next message, None when none comes within `seconds`."""
        self._stream.begin(Deadline(seconds), _ROOM)
        try:
            return self._message()
        except SipError as error:
            if error.problem is not Problem.TIMEOUT:
                raise
        if time.monotonic() - self._stream.heard_at > _SILENCE:
            raise SipError(Problem.TIMEOUT, "the server has gone silent")
        return None

    def close(self) -> None:
        """End the connection."""
        self._stream.close()

    def _message(self) -> str:
        if self._length is None:
            self._length = _length(self._stream.read_until(b":", len(str(_LONGEST))))
        framed = self._stream.read_exactly(self._length + 1)
        self._length = None
        if not framed.endswith(b","):
            raise _garbage()
        return framed[:-1].decode(errors="replace")


def hear(site: Site, url: str) -> Generator[Event | None, None, None]:
    """Events as they come, None at once and for each second without one. Raises SipError when the stream breaks."""
    messages = Messages(site.endpoint, url)
    try:
        yield None
        quiet_since = time.monotonic()
        while True:
            message = messages.next(_TICK)
            told = _read(message, site) if message is not None else None
            if told is not None or time.monotonic() - quiet_since >= _TICK:
                yield told
                quiet_since = time.monotonic()
    finally:
        messages.close()


def clock_skew(site: Site, url: str) -> float:
    """The server's clock minus ours in seconds, by what it says to whoever connects.

    Raises SipError: what keeps its events from being heard, TIMEOUT where it does not speak.
    """
    messages = Messages(site.endpoint, url)
    end = Deadline(site.endpoint.timeout)
    try:
        while True:
            message = messages.next(end.left())
            told = _tick(message) if message is not None else None
            if told is not None:
                # Its clock is told in whole seconds.
                return (told - site.now()).total_seconds() + 0.5
    finally:
        messages.close()


def _tick(message: str) -> datetime | None:
    try:
        return tick(message)
    except BrokenError:
        return None


def _read(message: str, site: Site) -> Event | None:
    """What a message says; one that cannot be read says nothing."""
    try:
        return event(message, site.homes, site.now())
    except BrokenError:
        return None


def _length(digits: bytes) -> int:
    if not digits.isdigit() or int(digits) > _LONGEST:
        raise _garbage()
    return int(digits)


def _garbage() -> SipError:
    return SipError(Problem.GARBAGE, "no messages of tsunagari.cfg", permanent=True)
