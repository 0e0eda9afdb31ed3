"""The truth: what the registrar itself says of every line, asked again and again past all proxies, and to phones."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from workers.sip.base import Endpoint, SipError
from workers.sip.datagram import DatagramClient
from workers.sip.kamailio import parse
from workers.sip.kamailio.rpc import asking

_TIMEOUT = 0.6
_WINDOW = 8


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one line: None while the registrar does not answer."""

    registered: bool | None
    since: float
    """Epoch seconds of the first answer that said so; a change happened at most one round earlier."""


class Observer:
    """One thread that asks for all lines in turn, with `pause` seconds between two rounds."""

    def __init__(self, url: str, hostname: str, users: Sequence[str], pause: float) -> None:
        self._endpoint = Endpoint(url, hostname, timeout=_TIMEOUT)
        self._hostname, self._users, self._pause = hostname, users, pause
        self._truths = dict.fromkeys(users, Truth(None, time.time()))
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.changes: list[tuple[float, str, bool]] = []
        """When, which line, and what it became: of lines that the registrar told before."""
        self.rounds = 0
        self.taken: dict[str, tuple[tuple[float, bool], ...]] = {}
        """Of each line its last REGISTERs that the registrar took: when, and what it was then."""

    def start(self) -> None:
        """Ask once, and go on asking."""
        self._round()
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join(10)

    def truth(self, user: str) -> Truth:
        """What is true of a line, as of the last round."""
        with self._lock:
            return self._truths[user]

    def heard(self, user: str, registered: bool) -> None:  # noqa: FBT001 - as below
        """The registrar took a REGISTER of this line, which is its answer too.

        What the line was may have ended since the last round: that it is so without a gap is known from now on only.
        """
        self.taken[user] = (*self.taken.get(user, ())[-4:], (round(time.time(), 1), registered))
        self._note(user, registered)
        with self._lock:
            self._truths[user] = Truth(registered, time.time())

    def _run(self) -> None:
        while not self._stop.wait(self._pause):
            self._round()

    def _round(self) -> None:
        try:
            for user, registered in self._answers():
                self._note(user, registered)
        except SipError:
            for user in self._users:
                self._note(user, None)
        self.rounds += 1

    def _answers(self) -> Iterator[tuple[str, bool]]:
        client = DatagramClient(self._endpoint, window=_WINDOW)
        try:
            questions = ((user, self._question(user)) for user in self._users)
            calls = ((user, lambda name, body=body: body % name.encode()) for user, body in questions)
            for user, answer in client.stream(calls, lambda _count: None):
                told = parse.told(answer or b"")
                registered = not isinstance(told, parse.Fault) and bool(
                    parse.looked_up(told, user, self._hostname, datetime.now(UTC)).contacts
                )
                yield user, registered
        finally:
            client.close()

    def _question(self, user: str) -> bytes:
        return asking("ul.lookup", "location", f"{user}@{self._hostname}")

    def _note(self, user: str, registered: bool | None) -> None:  # noqa: FBT001 - it is told by its name
        with self._lock:
            before, now = self._truths[user], time.time()
            if before.registered is registered:
                return
            self._truths[user] = Truth(registered, now)
        if before.registered is not None and registered is not None:
            self.changes.append((now, user, registered))
