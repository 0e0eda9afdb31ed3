"""Look-ups of single lines: asked for, under way, answered or failed."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from app.domain.registration import Lookup
from app.domain.sign import ASK_PATIENCE, Answer, Ask, Source
from app.store import codec, keys
from app.store.codec import epoch, moment
from app.store.connection import raw
from app.store.revisions import bump

_PENDING = int(ASK_PATIENCE.total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class LookupState:
    """What is known of the newest look-ups of one line: the last answer, and the last asking."""

    answer: Lookup | None = None
    ask: Ask | None = None
    source: Source = Source.LOOKUP
    """What made the portal ask: a person, or the server's own hint."""

    def as_answer(self) -> Answer | None:
        """The answer as the rules of the sign want it."""
        if self.answer is None:
            return None
        contacts = self.answer.registration.contacts
        since = min((contact.since for contact in contacts if contact.since), default=None)
        return Answer(bool(contacts), self.answer.asked_at, self.source, since)


def decode(aor: str, value: bytes | None) -> LookupState:
    """The reverse of what `ask`, `answer` and `fail` store."""
    if value is None:
        return LookupState()
    record = json.loads(value)
    asked = moment(record.get("asked"))
    ask = Ask(asked, record.get("problem"), "answered" in record) if asked else None
    at = moment(record.get("at"))
    if at is None:
        return LookupState(ask=ask)
    registration = codec.decode(aor, record["contacts"].encode())
    return LookupState(Lookup(registration, at), ask, Source(record.get("by", Source.LOOKUP)))


def read(redis: "Redis", server_id: int, aor: str) -> LookupState:
    """The newest look-ups of one line."""
    return decode(aor, raw(redis.get(keys.lookup(server_id, aor))))


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


def answer(
    redis: "Redis", server_id: int, found: Lookup, circle_ids: Iterable[int], source: Source = Source.LOOKUP
) -> None:
    """Keep what the server answered."""
    record: dict[str, object] = {
        "asked": epoch(found.asked_at),
        "answered": True,
        "at": epoch(found.asked_at),
        "by": source.value,
        "contacts": codec.encode(found.registration.contacts).decode(),
    }
    _store(redis, server_id, found.registration.aor, circle_ids, record)


def _store(redis: "Redis", server_id: int, aor: str, circle_ids: Iterable[int], record: dict[str, object]) -> None:
    key = keys.lookup(server_id, aor)
    if "at" not in record:
        # The last answer stays while the next one is awaited, and when it does not come.
        before = json.loads(redis.get(key) or b"{}")
        record.update({name: before[name] for name in ("at", "by", "contacts") if name in before})
    with redis.pipeline(transaction=True) as pipe:
        pipe.set(key, json.dumps(record, separators=(",", ":"), ensure_ascii=False), ex=keys.LOOKUP_SECONDS)
        bump(pipe, circle_ids)
        pipe.execute()
