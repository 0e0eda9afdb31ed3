"""Look-ups of single lines: asked for, under way, answered or failed."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from redis import Redis

from app.domain.changes import LineState
from app.domain.record import row_of
from app.domain.registration import Lookup
from app.domain.sign import ASK_PATIENCE, Answer, Ask, Source
from app.domain.standing import Answered, Standing, follow
from app.store import codec, keys
from app.store.answers import answer_of
from app.store.codec import epoch, moment
from app.store.connection import raw
from app.store.revisions import bump

_PENDING = int(ASK_PATIENCE.total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class LookupState:
    """What is known of the newest look-ups of one line: the last answer, and the last asking."""

    standing: Standing | None = None
    at: datetime | None = None
    """When the server was asked for the answer."""
    ask: Ask | None = None
    source: Source = Source.LOOKUP
    """What made the portal ask: a person, or the server's own hint."""

    def as_answer(self) -> Answer | None:
        """The answer as the rules of the sign want it."""
        if self.standing is None or self.at is None:
            return None
        return answer_of(self.standing, self.at, self.source)


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The last answer to a look-up of a line."""

    at: float
    """Epoch seconds."""
    standing: Standing


def decode(value: bytes | None) -> LookupState:
    """The reverse of what `ask`, `answer` and `fail` store; what another version stored is no answer."""
    try:
        return LookupState() if value is None else _decoded(json.loads(value))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, OSError):
        return LookupState()


def _decoded(record: Mapping[str, Any]) -> LookupState:
    asked = moment(record.get("asked"))
    ask = Ask(asked, record.get("problem"), "answered" in record) if asked else None
    at, line = moment(record.get("at")), record.get("line")
    if at is None or line is None:
        return LookupState(ask=ask)
    return LookupState(codec.decode(line.encode()), at, ask, Source(record["by"]))


def read(redis: "Redis", server_id: int, aor: str) -> LookupState:
    """The newest look-ups of one line."""
    return decode(raw(redis.get(keys.lookup(server_id, aor))))


def since(redis: "Redis", server_id: int, moment: float) -> Mapping[bytes, LookedUp]:
    """The lines of a server whose last look-up was answered after `moment`, in epoch seconds."""
    names = cast("list[bytes]", redis.zrangebyscore(keys.looked(server_id), f"({moment}", "+inf"))
    if not names:
        return {}
    aors = [name.decode("utf-8", "replace") for name in names]
    values = redis.mget([keys.lookup(server_id, aor) for aor in aors])
    states = zip(names, (decode(raw(value)) for value in values), strict=True)
    return {
        name: LookedUp(state.at.timestamp(), state.standing)
        for name, state in states
        if state.at is not None and state.standing is not None
    }


def claim(redis: "Redis", server_id: int, aor: str) -> bool:
    """Whether the caller is the one to enqueue a look-up; False while one is under way."""
    key = keys.lease(f"lookup:{server_id}:{keys.digest(aor)}")
    return bool(redis.set(key, secrets.token_hex(4), nx=True, px=_PENDING))


def unclaim(redis: "Redis", server_id: int, aor: str) -> None:
    """The look-up is over: the next click may ask again."""
    redis.delete(keys.lease(f"lookup:{server_id}:{keys.digest(aor)}"))


def ask(redis: "Redis", server_id: int, aor: str, circle_ids: Iterable[int], now: datetime) -> None:
    """Note that somebody asked."""
    _store(redis, server_id, aor, circle_ids, {"asked": epoch(now)})


def fail(redis: "Redis", server_id: int, aor: str, circle_ids: Iterable[int], now: datetime, problem: str) -> None:
    """Note that asking failed, and why, as a problem's word."""
    _store(redis, server_id, aor, circle_ids, {"asked": epoch(now), "problem": problem})


def overtaken(redis: "Redis", server_id: int, aor: str, circle_ids: Iterable[int], asked_at: datetime) -> None:
    """Note that what was asked at `asked_at` is answered, and that what is kept is newer than its answer."""
    _store(redis, server_id, aor, circle_ids, {"asked": epoch(asked_at), "answered": True})


def answer(
    redis: "Redis",
    server_id: int,
    found: Lookup,
    circle_ids: Iterable[int],
    source: Source = Source.LOOKUP,
    *,
    before: LookedUp | None = None,
) -> Standing:
    """Keep what the server answered, which follows what was known `before`; how the line stands now."""
    aor = found.registration.aor
    state = LineState.REGISTERED if found.registration.contacts else LineState.NOT_REGISTERED
    answered = Answered(found.asked_at.timestamp(), before.at if before else 0.0)
    standing = follow(before.standing if before else None, state, row_of(found.registration)[1], answered)
    record: dict[str, object] = {
        "asked": epoch(found.asked_at),
        "answered": True,
        "at": epoch(found.asked_at),
        "by": source.value,
        "line": codec.encode(standing).decode(),
    }
    _store(redis, server_id, aor, circle_ids, record)
    return standing


def _store(redis: "Redis", server_id: int, aor: str, circle_ids: Iterable[int], record: dict[str, object]) -> None:
    key = keys.lookup(server_id, aor)
    at = cast("float | None", record.get("at"))
    if at is None:
        # The last answer stays while the next one is awaited, and when it does not come.
        before = json.loads(redis.get(key) or b"{}")
        record.update({name: before[name] for name in ("at", "by", "line") if name in before})
    with redis.pipeline(transaction=True) as pipe:
        pipe.set(key, json.dumps(record, separators=(",", ":"), ensure_ascii=False), ex=keys.LOOKUP_SECONDS)
        if at is not None:
            _index(pipe, keys.looked(server_id), aor, at)
        bump(pipe, circle_ids)
        pipe.execute()


def _index(pipe: "Redis", key: str, aor: str, at: float) -> None:
    """Let the next pull find the look-up: what is older than an answer is kept is taken out again."""
    pipe.zremrangebyscore(key, "-inf", at - keys.LOOKUP_SECONDS)
    pipe.zadd(key, {aor: at})
    pipe.expire(key, keys.LOOKUP_SECONDS)
