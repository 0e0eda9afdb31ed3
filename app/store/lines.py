"""Everything that Redis knows of some lines, read as one consistent whole in one round trip."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from redis import Redis

from app.domain.registration import Registration
from app.domain.sign import Answer, Mode, Sign, Source, changes_at, decide, newest
from app.store import codec, keys, lookups, servers
from app.store.lookups import LookupState
from app.store.servers import ServerState


@dataclass(frozen=True, slots=True)
class Line:
    """What must be known of a unique to find and judge its registration."""

    unique_id: int
    server_id: int | None
    aor: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one line."""

    line: Line
    server: ServerState = field(default_factory=ServerState)
    snapshot: Registration | None = None
    """The bindings in the last good snapshot; None when it holds none."""
    readable: bool = True
    """Whether the last good snapshot could be read as far as this line is concerned."""
    lookup: LookupState = field(default_factory=LookupState)

    def snapshot_answer(self) -> Answer | None:
        """What the last good snapshot says of the line: what is not in it is not registered."""
        at = self.server.answered_at
        if at is None or not self.readable:
            return None
        contacts = self.snapshot.contacts if self.snapshot else ()
        since = min((contact.since for contact in contacts if contact.since), default=None)
        return Answer(bool(contacts), at, Source.SNAPSHOT, since)

    def sign(self, now: datetime) -> Sign:
        """The sign of the line at `now`."""
        return decide(
            self.line.mode,
            snapshot=self.snapshot_answer(),
            lookup=self.lookup.as_answer(),
            ask=self.lookup.ask,
            interval=self.server.interval,
            now=now,
        )

    def changes_at(self, now: datetime) -> datetime | None:
        """When the sign will next change by the clock alone because of a look-up."""
        return changes_at(
            self.line.mode,
            lookup=self.lookup.as_answer(),
            ask=self.lookup.ask,
            interval=self.server.interval,
            now=now,
        )

    def registration(self) -> Registration:
        """The bindings that the newest answer tells of."""
        best = newest(self.snapshot_answer(), self.lookup.as_answer())
        if best is not None and best.source is not Source.SNAPSHOT and self.lookup.answer is not None:
            return self.lookup.answer.registration
        return self.snapshot or Registration(self.line.aor)


def read(redis: "Redis", lines: Sequence[Line]) -> dict[int, Facts]:
    """Facts by unique id, for every line given. Lines without a status cost nothing."""
    asked = [line for line in lines if line.server_id is not None and line.mode is not Mode.NONE]
    facts = {line.unique_id: Facts(line) for line in lines}
    if not asked:
        return facts
    by_server: dict[int, list[Line]] = {}
    for line in asked:
        if line.server_id is not None:
            by_server.setdefault(line.server_id, []).append(line)
    with redis.pipeline(transaction=True) as pipe:
        for server_id, members in by_server.items():
            pipe.get(keys.server(server_id))
            pipe.hmget(keys.lines(server_id), [line.aor for line in members])
            pipe.mget([keys.lookup(server_id, line.aor) for line in members])
        answers = iter(pipe.execute())
    for members in by_server.values():
        state, records, asks = servers.decode(next(answers)), next(answers), next(answers)
        for line, record, ask in zip(members, records, asks, strict=True):
            registration, readable = _registration(line, record)
            facts[line.unique_id] = Facts(line, state, registration, readable, lookups.decode(line.aor, ask))
    return facts


def _registration(line: Line, record: bytes | None) -> tuple[Registration | None, bool]:
    if record is None:
        return None, True
    if record == codec.UNREADABLE:
        return None, False
    return codec.decode(line.aor, record), True


def without_store(lines: Iterable[Line]) -> Mapping[int, Facts]:
    """What is known when Redis can't be reached: nothing."""
    return {line.unique_id: Facts(line) for line in lines}
