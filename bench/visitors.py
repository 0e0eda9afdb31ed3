"""Many open pages at once, each polling when its script would: one loop over as many sockets.

Connections are used as browsers use them: kept until the server ends them, and opened anew for a question that the
end of a kept one has swallowed. Times count from the moment at which a poll was due, so that a server that falls behind
can't hide it.
"""

import errno
import heapq
import random
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.exchange import Answer, get
from bench.pace import LATE, LIVELY, SOON, pause_after
from bench.soak.pages import Page

PATIENCE = 10.0
"""Seconds after which an answer counts as none."""
_PIECE = 262_144
_SOURCES = 200
"""Addresses that the visitors come from: each has ports of its own."""
_BEAT = 0.05


@dataclass(slots=True)
class Visitor:
    """One person's open page."""

    at: int
    """Its place among all."""
    cookie: str
    page: Page
    address: str
    due: float = 0.0
    asked: float = 0.0
    """When the poll on its way was due; 0 while none is."""
    connection: socket.socket | None = None
    connecting: bool = False
    kept: bool = False
    """Whether the connection has answered before."""
    answer: Answer = field(default_factory=Answer)
    request: bytes = b""
    """Its poll, until something changes."""


@dataclass(slots=True)
class Tally:
    """What happened while it counted."""

    taken: list[float] = field(default_factory=list)
    """Seconds from due to answered, of each poll."""
    late: list[float] = field(default_factory=list)
    """Seconds from due to sent: what whoever asks is to blame for."""
    changed: int = 0
    opened: int = 0
    """Connections."""
    errors: list[str] = field(default_factory=list)


class Visitors:
    """All of them."""

    def __init__(self, port: int, cookies: Sequence[str], tokens: Sequence[str], dice: random.Random) -> None:
        self._target = ("127.0.0.1", port)
        self._dice = dice
        self._poller = select.epoll()
        self._by_number: dict[int, Visitor] = {}
        self._queue: list[tuple[float, int]] = []
        self.tally = Tally()
        self._all = [
            Visitor(at, cookie, Page("", {}, token=token), f"127.1.0.{at % _SOURCES + 1}")
            for at, (cookie, token) in enumerate(zip(cookies, tokens, strict=True))
        ]

    def open(self, rate: float) -> None:
        """Every page is opened: so many a second. Returns when all are."""
        began = time.monotonic()
        for at in range(len(self._all)):
            self._plan(at, began + at / rate)
        while not all(visitor.page.version for visitor in self._all):
            self.run(1.0)

    def spread(self, touched_every: float) -> None:
        """As after a long time in which each page was touched about so often, in seconds."""
        now = time.monotonic()
        for at, visitor in enumerate(self._all):
            quiet = self._dice.expovariate(1 / touched_every)
            visitor.page.lively = now - quiet
            visitor.page.pause = SOON if quiet < LIVELY else LATE
            self._plan(at, now + self._dice.random() * visitor.page.pause)

    def run(self, seconds: float, touches: float = 0.0) -> None:
        """Go on for so long, with so many interactions a second all in all."""
        end = time.monotonic() + seconds
        touch = time.monotonic() + (self._dice.expovariate(touches) if touches else seconds)
        while (now := time.monotonic()) < end:
            while touch <= now:
                self._touch(self._dice.randrange(len(self._all)), now)
                touch += self._dice.expovariate(touches) if touches else seconds
            self._send_due(now)
            wait = self._queue[0][0] - time.monotonic() if self._queue else _BEAT
            for number, _ in self._poller.poll(min(max(wait, 0), _BEAT)):
                self._ready(number)

    def end(self) -> None:
        """Count what was never answered, and close everything."""
        now = time.monotonic()
        late = sum(1 for visitor in self._all if visitor.asked and now - visitor.asked > PATIENCE)
        self.tally.errors += ["no answer"] * late
        for visitor in self._all:
            self._drop(visitor)
        self._poller.close()

    def _plan(self, at: int, due: float) -> None:
        self._all[at].due = due
        heapq.heappush(self._queue, (due, at))

    def _touch(self, at: int, now: float) -> None:
        page = self._all[at].page
        page.lively = now
        if page.pause > SOON:
            page.pause = SOON
            if not self._all[at].asked:
                self._plan(at, now + SOON)

    def _send_due(self, now: float) -> None:
        while self._queue and self._queue[0][0] <= now:
            due, at = heapq.heappop(self._queue)
            visitor = self._all[at]
            # What was planned before something came in between counts no more.
            if due == visitor.due and not visitor.asked:
                visitor.asked = due
                self._send(visitor)

    def _send(self, visitor: Visitor) -> None:
        if not visitor.request:
            visitor.request = get(f"/live/page?{visitor.page.query()}", visitor.cookie)
        if visitor.connection is None:
            self._connect(visitor)
            return
        try:
            visitor.connection.send(visitor.request)
        except OSError as error:
            if visitor.kept:
                self._again(visitor)
            else:
                self._fail(visitor, type(error).__name__)
                self._drop(visitor)
        else:
            self.tally.late.append(time.monotonic() - visitor.asked)

    def _connect(self, visitor: Visitor) -> None:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.settimeout(0)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.bind((visitor.address, 0))
        code = connection.connect_ex(self._target)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, "no connection")
        visitor.connection, visitor.connecting, visitor.kept = connection, True, False
        self._by_number[connection.fileno()] = visitor
        self._poller.register(connection, select.EPOLLOUT)
        self.tally.opened += 1

    def _ready(self, number: int) -> None:
        visitor = self._by_number.get(number)
        if visitor is None or visitor.connection is None:
            return
        if visitor.connecting:
            visitor.connecting = False
            self._poller.modify(number, select.EPOLLIN)
            self._send(visitor)
            return
        try:
            data = visitor.connection.recv(_PIECE)
        except OSError:
            data = b""
        if not data:
            self._closed(visitor)
        elif visitor.answer.take(data):
            self._answered(visitor)

    def _closed(self, visitor: Visitor) -> None:
        if visitor.asked and visitor.kept and not visitor.answer.size:
            self._again(visitor)
            return
        if visitor.asked:
            self._fail(visitor, "closed before the answer")
        self._drop(visitor)

    def _again(self, visitor: Visitor) -> None:
        """As browsers do: the server had closed the kept connection meanwhile."""
        self._drop(visitor)
        self._connect(visitor)

    def _answered(self, visitor: Visitor) -> None:
        now, answer = time.monotonic(), visitor.answer
        visitor.answer, visitor.kept = Answer(), True
        if answer.closes:
            self._drop(visitor)
        if answer.status not in (200, 204):
            self._fail(visitor, f"answered with {answer.status}")
            return
        taken = now - visitor.asked
        self.tally.taken.append(taken)
        if taken > PATIENCE:
            self.tally.errors.append("no answer in time")
        if answer.status == 200:
            visitor.page.take(answer.text, answer.as_of)
            visitor.request, visitor.page.lively = b"", now
            self.tally.changed += 1
        self._later(visitor, now)

    def _fail(self, visitor: Visitor, why: str) -> None:
        self.tally.errors.append(why)
        self._later(visitor, time.monotonic())

    def _later(self, visitor: Visitor, now: float) -> None:
        page = visitor.page
        page.pause = pause_after(page.pause, now - page.lively)
        visitor.asked = 0.0
        self._plan(visitor.at, now + page.pause)

    def _drop(self, visitor: Visitor) -> None:
        if visitor.connection is not None:
            del self._by_number[visitor.connection.fileno()]
            visitor.connection.close()
            visitor.connection, visitor.answer = None, Answer()
