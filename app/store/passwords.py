"""Overwriting a device password: the sealed password on its way to a worker, and how the overwriting stands."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from redis import Redis

from app.store import keys
from app.store.codec import epoch, moment
from app.store.connection import raw

PATIENCE = timedelta(seconds=40)
"""After so long without an end the overwriting counts as lost, and another may be asked for."""
UNCONFIRMED = "unconfirmed"
"""The problem's word for an overwriting that never came to an end: it may have been carried out or not."""


class Stage(StrEnum):
    """How an overwriting stands."""

    UNDER_WAY = "under_way"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Overwriting:
    """The newest overwriting of one line's device password."""

    stage: Stage
    at: datetime
    """When it was asked for; once it has ended, when that was."""
    strength: int
    """0 (guessed at once) to 4 (hardly ever)."""
    problem: str | None = None
    """Why it failed, as a problem's word."""


def claim(redis: "Redis", server_id: int, aor: str) -> bool:
    """Whether the caller may overwrite the password; False while another overwriting is under way."""
    return bool(redis.set(_claim(server_id, aor), b"1", nx=True, px=int(PATIENCE.total_seconds() * 1000)))


def unclaim(redis: "Redis", server_id: int, aor: str) -> None:
    """The overwriting has ended, or never began."""
    redis.delete(_claim(server_id, aor))


def begin(redis: "Redis", server_id: int, aor: str, sealed: bytes, strength: int, now: datetime) -> str:
    """Lay the sealed password down for a worker; the ticket that fetches it, once and for a short time."""
    ticket = secrets.token_urlsafe(16)
    record = {"ticket": ticket, "stage": Stage.UNDER_WAY.value, "at": epoch(now), "strength": strength}
    with redis.pipeline(transaction=True) as pipe:
        pipe.set(keys.ticket(ticket), sealed, ex=keys.TICKET_SECONDS)
        pipe.set(keys.password(server_id, aor), json.dumps(record), ex=keys.PASSWORD_SECONDS)
        pipe.execute()
    return ticket


def take(redis: "Redis", ticket: str) -> bytes | None:
    """The sealed password, which is then gone from here; None when it was taken before or waited too long."""
    return raw(redis.getdel(keys.ticket(ticket)))


def end(redis: "Redis", server_id: int, aor: str, ticket: str, now: datetime, problem: str | None = None) -> None:
    """Note how the overwriting with this ticket ended; one that counts as lost by then does not hide a newer one."""
    record = json.loads(redis.get(keys.password(server_id, aor)) or b"{}")
    if record.get("ticket") != ticket:
        return
    stage = Stage.DONE if problem is None else Stage.FAILED
    record |= {"stage": stage.value, "at": epoch(now), "problem": problem}
    redis.set(keys.password(server_id, aor), json.dumps(record), ex=keys.PASSWORD_SECONDS)
    unclaim(redis, server_id, aor)


def read(redis: "Redis", server_id: int, aor: str, now: datetime) -> Overwriting | None:
    """How the newest overwriting stands; None when there was none lately."""
    value = raw(redis.get(keys.password(server_id, aor)))
    if value is None:
        return None
    record = json.loads(value)
    at = moment(record["at"]) or now
    found = Overwriting(Stage(record["stage"]), at, record["strength"], record.get("problem"))
    if found.stage is Stage.UNDER_WAY and now - at > PATIENCE:
        return Overwriting(Stage.FAILED, at, found.strength, UNCONFIRMED)
    return found


def _claim(server_id: int, aor: str) -> str:
    return keys.lease(f"password:{server_id}:{keys.digest(aor)}")
