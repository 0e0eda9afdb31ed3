"""A snapshot as it comes in: compared with the stored one piece by piece: a million lines never are in memory."""

from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple, cast

from redis import Redis

from app.domain import record
from app.domain.changes import LineState
from app.domain.record import Row
from app.domain.standing import Answered, Cause, Standing, follow
from app.store import codec, keys, lookups
from app.store.ahead import Ahead
from app.store.lease import Lease
from app.store.overlay import PIECE, Incoming, fold

SPILL = 16_384
"""Changed lines that are published in one transaction, some ten milliseconds of Redis's time; more go a longer way."""
MOST_TURNED = 16_384
"""Lines that turned at once of which each is told to its circle; after more every page of the server is drawn anew."""

_EARLY = 4 * PIECE
"""So many lines of a first snapshot are written while others are read: a rename shows them, none is written twice."""
_AHEAD = 2
"""Pieces whose stored records are on their way while others are compared."""
NEWCOMERS = 200
"""Lines that came of which the keys are kept: enough to see whether they are ours."""


class Turn(NamedTuple):
    """A line whose state changed."""

    key: bytes
    before: LineState
    """In the stored snapshot."""
    after: LineState
    told: LineState
    """What the newest answer before this one told, which may have been a look-up."""
    standing: Standing
    last: bytes
    """The bindings, or those that it had until now."""


@dataclass(slots=True)
class Delta:
    """What a new snapshot changes in the stored one."""

    first: bool
    """Whether nothing was stored before."""
    written: dict[bytes, bytes] = field(default_factory=dict)
    turned: list[Turn] = field(default_factory=list)
    incoming: Incoming | None = None
    """Where the changed lines are, if they are too many for `written`."""
    many: bool = False
    """Whether more turned than `turned` holds."""
    registered: int = 0
    """Lines that are registered in the new snapshot."""
    unreadable: int = 0
    missing: int = 0
    """Lines that were registered, and are not any more."""
    newcomers: list[bytes] = field(default_factory=list)
    """Some of the lines that are registered and were not."""
    changed: int = 0
    """Lines of which anything is written."""
    stored: int = 0
    """Lines that are registered or unreadable once it is published."""

    def drop(self) -> None:
        """It is not published."""
        if self.incoming is not None:
            self.incoming.drop()


class Intake:
    """Takes one snapshot of one server. Nothing of it is seen by any reader until it is published."""

    def __init__(self, redis: "Redis", server_id: int, stored: int, answered: Answered, lease: Lease) -> None:
        """`stored` is how many lines the stored snapshot holds, `answered` what is known of this answer.

        Raises LeaseLostError where the server's lease is not ours any more.
        """
        fold(redis, server_id, lease)
        self._redis = redis
        self._server_id = server_id
        self._key = keys.lines(server_id)
        self._answered = answered
        self._stored = stored
        self._met = 0
        """Stored lines that the snapshot told of."""
        self._seen = array("q")
        self._looked_up = lookups.since(redis, server_id, answered.before)
        self._ahead = Ahead(redis)
        self._asked: deque[Sequence[Row]] = deque()
        """Lines whose stored records are on their way."""
        self._begun: list[bytes] = []
        """Keys and records by turns: lines of a first snapshot that are still to be written."""
        self._compared: set[bytes] = set()
        """Lines that were looked up of which the snapshot told, or that it has lost."""
        known = answered.before and not stored
        first = not known and not redis.exists(self._key)
        # With nothing to compare with, only the history can say what changed; also if not one line is told.
        self.delta = Delta(first=first, many=first)

    def take(self, rows: Sequence[Row]) -> None:
        """Compare some lines, each of which comes once in a snapshot."""
        if self.delta.first and not self._looked_up:
            for start in range(0, len(rows), SPILL):
                self._begin(rows[start : start + SPILL])
            return
        for start in range(0, len(rows), PIECE):
            if self._ahead.idle:
                self._settle()
            piece = rows[start : start + PIECE]
            self._ahead.ask("HMGET", self._key, *[key for key, _ in piece])
            self._asked.append(piece)
            # Redis answers while the next lines are read.
            if len(self._asked) > _AHEAD:
                self._compare()

    def finish(self, unread: Iterable[str], *, explicit: bool, restarted: bool = False) -> Delta:
        """The whole difference. Lines of `unread` were told and can't be read.

        Stored lines that were not told of are not registered, unless `explicit` says that those would be told;
        `restarted` says why they went.
        """
        self._answered = replace(self._answered, restarted=restarted)
        self._settle()
        self._unreadable([aor.encode("utf-8", "replace") for aor in unread])
        if not explicit and self._met != self._stored and not self.delta.first:
            seen = set(self._seen)
            for key, value in self._scan():
                # A scan may come to the same line twice.
                if value[:1] != codec.GONE and (name := hash(key)) not in seen:
                    seen.add(name)
                    self._turn(key, LineState.NOT_REGISTERED, b"", value)
        if not explicit:
            # A line that came and went between two snapshots is in neither of them.
            self._gone([key for key in self._looked_up if key not in self._compared])
        if explicit and restarted:
            self._explain()
        if self.delta.incoming is not None or len(self.delta.written) + len(self._begun) // 2 > SPILL:
            self._spill()
        self.delta.written |= zip(self._begun[::2], self._begun[1::2], strict=True)
        if self.delta.incoming is not None:
            self.delta.incoming.whole()
        return self.delta

    def drop(self) -> None:
        """It does not come to its end, and nothing of it is published."""
        self._ahead.drop()
        self.delta.drop()

    def _begin(self, rows: Sequence[Row]) -> None:
        """The first snapshot of all: nothing to compare with."""
        # What has registered since the answer began is so since then, and not since a time that no clock has shown yet.
        delta, at = self.delta, b"%d" % int(self._answered.at)
        short, bodies = rows, [body for _, body in rows]
        if max(bodies, default=b"")[:10] > at:
            short = [row for row in rows if row[1][:10] <= at]
            bodies = [body for _, body in short]
        if not codec.are_short(bodies):
            short = [row for row in short if codec.is_short(row[1])]
        # Nearly all lines are one binding, which is its own record, and are not looked at any further.
        self._begun.extend(chain.from_iterable(short))
        delta.registered += len(short)
        delta.stored += len(short)
        delta.changed += len(short)
        if len(short) < len(rows):
            known = {key for key, _ in short}
            for key, body in rows:
                if body and key not in known:
                    self._turn(key, LineState.REGISTERED, body, None)
        if len(self._begun) >= 2 * _EARLY or len(delta.written) > SPILL:
            self._spill()

    def _settle(self) -> None:
        """Compare all that was asked for."""
        while self._asked:
            self._compare()
        self._ahead.end()

    def _compare(self) -> None:
        """Compare the lines that were asked for first."""
        rows, known = self._asked.popleft(), cast("list[bytes | None]", self._ahead.answer())
        self._seen.extend(hash(key) for key, _ in rows)
        looked_up, registered = self._looked_up, codec.REGISTERED
        others = [
            (key, body, value)
            for (key, body), value in zip(rows, known, strict=True)
            if not body
            or not (value == body or (value and value[:1] == registered and value.partition(b"\n")[2] == body))
            or key in looked_up
        ]
        # Nearly every line of nearly every snapshot is as it was.
        self._met += len(rows) - len(others)
        self.delta.registered += len(rows) - len(others)
        self.delta.stored += len(rows) - len(others)
        for key, body, value in others:
            if value is not None or body or key in looked_up:
                self._met += value is not None and value[:1] != codec.GONE
                self._turn(key, LineState.REGISTERED if body else LineState.NOT_REGISTERED, body, value)
        if len(self.delta.written) > SPILL:
            self._spill()

    def _unreadable(self, unread: Sequence[bytes]) -> None:
        for start in range(0, len(unread), PIECE):
            piece = unread[start : start + PIECE]
            known = cast("list[bytes | None]", self._redis.hmget(self._key, piece))
            for key, value in zip(piece, known, strict=True):
                self._seen.append(hash(key))
                self._met += value is not None and value[:1] != codec.GONE
                self._turn(key, LineState.UNREADABLE, b"", value)

    def _gone(self, lost: Sequence[bytes]) -> None:
        for start in range(0, len(lost), PIECE):
            piece = lost[start : start + PIECE]
            known = cast("list[bytes | None]", self._redis.hmget(self._key, piece))
            for key, value in zip(piece, known, strict=True):
                self._turn(key, LineState.NOT_REGISTERED, b"", value)

    def _turn(self, key: bytes, state: LineState, body: bytes, value: bytes | None) -> None:
        """Note a line that may have changed; `value` is what is stored of it."""
        # A record that nobody can read says as little as an answer that nobody can: it is written anew.
        delta, stored = self.delta, codec.read(value)
        if (looked_up := self._looked_up.get(key)) is not None:
            self._compared.add(key)
        delta.registered += state is LineState.REGISTERED
        delta.unreadable += state is LineState.UNREADABLE
        before = stored.state if stored else LineState.NOT_REGISTERED
        if looked_up is not None and looked_up.at > self._answered.at:
            # What somebody was told meanwhile is newer than this: it stays as it is until the next snapshot.
            delta.stored += before is not LineState.NOT_REGISTERED
            return
        delta.stored += state is not LineState.NOT_REGISTERED
        last = looked_up.standing if looked_up is not None else stored
        told = last.state if last else LineState.NOT_REGISTERED
        if state is before is told and (stored is None or record.alike(stored.body, body)):
            return
        standing = follow(last, state, body, self._answered)
        if (encoded := codec.encode(standing)) != value:
            delta.written[key] = encoded
            delta.changed += 1
        if state is LineState.REGISTERED and before is not state and len(delta.newcomers) < NEWCOMERS:
            delta.newcomers.append(key)
        delta.missing += before is LineState.REGISTERED and state is not LineState.REGISTERED
        if before is not state or told is not state:
            self._note(Turn(key, before, state, told, standing, body or (last.body if last else b"")))

    def _explain(self) -> None:
        """Lines that were told to be gone before it was known that their server had started anew."""
        for index, turn in enumerate(self.delta.turned):
            if turn.standing.cause is Cause.UNREGISTERED and turn.key in self.delta.written:
                standing = replace(turn.standing, cause=Cause.RESTARTED)
                self.delta.turned[index] = turn._replace(standing=standing)
                self.delta.written[turn.key] = codec.encode(standing)

    def _note(self, turn: Turn) -> None:
        if len(self.delta.turned) >= MOST_TURNED:
            self.delta.many = True
            self.delta.turned.clear()
        if not self.delta.many:
            self.delta.turned.append(turn)

    def _spill(self) -> None:
        if self.delta.incoming is None:
            self.delta.incoming = Incoming(self._redis, self._server_id)
        self.delta.incoming.write([*self._begun, *chain.from_iterable(self.delta.written.items())])
        self.delta.written, self._begun = {}, []

    def _scan(self) -> Iterator[tuple[bytes, bytes]]:
        cursor = 0
        while True:
            cursor, lines = cast("tuple[int, dict[bytes, bytes]]", self._redis.hscan(self._key, cursor, count=PIECE))
            yield from lines.items()
            if not cursor:
                return
