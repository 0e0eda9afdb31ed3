"""Everything that Redis knows of some lines, read as one consistent whole in one round trip."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from redis import Redis

from app.domain.registration import Registration
from app.domain.sign import Answer, Mode, Sign, Source, changes_at, decide, newest
from app.domain.standing import Standing
from app.store import codec, keys, lookups, servers
from app.store.answers import answer_of
from app.store.connection import raw
from app.store.lookups import LookedUp, LookupState
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
    snapshot: Standing | None = None
    """How it stands in the last good snapshot; None where that never told of it."""
    lookup: LookupState = field(default_factory=LookupState)
    snapshot_answer: Answer | None = field(init=False)
    """What the last good snapshot says of the line: what is not in it is not registered."""
    lookup_answer: Answer | None = field(init=False)
    """What the last look-up says of it."""

    def __post_init__(self) -> None:
        """Work out both answers, which every page asks for several times."""
        object.__setattr__(self, "snapshot_answer", _told(self.snapshot, self.server.answered_at))
        object.__setattr__(self, "lookup_answer", self.lookup.as_answer())

    def sign(self, now: datetime) -> Sign:
        """The sign of the line at `now`."""
        return decide(
            self.line.mode,
            snapshot=self.snapshot_answer,
            lookup=self.lookup_answer,
            ask=self.lookup.ask,
            interval=self.server.interval,
            now=now,
            tried_at=self.server.tried_at,
        )

    def changes_at(self, now: datetime) -> datetime | None:
        """When the sign will next change by the clock alone, besides what ages with its server."""
        return changes_at(
            self.line.mode,
            snapshot=self.snapshot_answer,
            lookup=self.lookup_answer,
            ask=self.lookup.ask,
            interval=self.server.interval,
            now=now,
        )

    def standing(self) -> Standing | None:
        """How the line stands by the newest answer."""
        best = newest(self.snapshot_answer, self.lookup_answer)
        if best is not None and best.source is not Source.SNAPSHOT:
            return self.lookup.standing
        return self.snapshot

    def registration(self) -> Registration:
        """The bindings that the newest answer tells of."""
        standing = self.standing()
        return standing.registration(self.line.aor) if standing else Registration(self.line.aor)


def _told(snapshot: Standing | None, at: datetime | None) -> Answer | None:
    if at is None:
        return None
    if snapshot is None:
        return Answer(registered=False, at=at, source=Source.SNAPSHOT)
    return answer_of(snapshot, at, Source.SNAPSHOT)


def read(redis: "Redis", lines: Sequence[Line]) -> dict[int, Facts]:
    """Facts by unique id, for every line given. Lines without a status cost nothing."""
    asked = [line for line in lines if line.server_id is not None and line.mode is not Mode.NONE]
    facts = {line.unique_id: Facts(line) for line in lines if line.server_id is None or line.mode is Mode.NONE}
    if not asked:
        return facts
    by_server: dict[int, list[Line]] = {}
    for line in asked:
        if line.server_id is not None:
            by_server.setdefault(line.server_id, []).append(line)
    with redis.pipeline(transaction=True) as pipe:
        for server_id, members in by_server.items():
            aors = [line.aor for line in members]
            pipe.get(keys.server(server_id))
            pipe.hmget(keys.overlay(server_id), aors)
            pipe.hmget(keys.lines(server_id), aors)
            pipe.mget([keys.lookup(server_id, aor) for aor in aors])
        answers = iter(pipe.execute())
    for members in by_server.values():
        state, over, under, asks = servers.decode(next(answers)), next(answers), next(answers), next(answers)
        for line, newer, older, ask in zip(members, over, under, asks, strict=True):
            facts[line.unique_id] = Facts(line, state, codec.read(newer or older), lookups.decode(ask))
    return facts


def known(redis: "Redis", server_id: int, aor: str) -> LookedUp | None:
    """How a line stands by the newest answer, and when that was, for whoever asks its server again."""
    facts = read(redis, [Line(0, server_id, aor, Mode.LIVE)])[0]
    best, standing = newest(facts.snapshot_answer, facts.lookup_answer), facts.standing()
    return LookedUp(best.at.timestamp(), standing) if best is not None and standing is not None else None


def standings(redis: "Redis", server_id: int, aors: Sequence[str]) -> list[Standing | None]:
    """How some lines of a server stand in its last good snapshot, in their order; nothing lies over `lines`."""
    return [codec.read(raw(value)) for value in redis.hmget(keys.lines(server_id), list(aors))] if aors else []


def without_store(lines: Iterable[Line]) -> Mapping[int, Facts]:
    """What is known when Redis can't be reached: nothing."""
    return {line.unique_id: Facts(line) for line in lines}
