"""What is known of each SIP server as a whole: when it last answered, and what went wrong since."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import Redis

from app.store import keys
from app.store.codec import epoch, moment
from app.store.connection import raw


@dataclass(frozen=True, slots=True)
class ServerState:
    """One server, as the last pulls left it."""

    answered_at: datetime | None = None
    """When the last snapshot that was believed was asked for."""
    tried_at: datetime | None = None
    problem: str | None = None
    """A problem's word when the last pull failed."""
    detail: str = ""
    """The same for operators."""
    interval: timedelta = timedelta(seconds=5)
    """How often it is pulled at present."""
    lines: int = 0
    """How many lines were registered."""
    broken: int = 0
    """How many records of the last good snapshot could not be read."""
    uptime: float | None = None


def encode(state: ServerState) -> bytes:
    """As stored."""
    record = (
        epoch(state.answered_at),
        epoch(state.tried_at),
        state.problem,
        state.detail,
        state.interval.total_seconds(),
        state.lines,
        state.broken,
        state.uptime,
    )
    return json.dumps(record, separators=(",", ":")).encode()


def decode(value: bytes | None) -> ServerState:
    """The reverse of `encode`; nothing stored is a server that never answered."""
    if value is None:
        return ServerState()
    answered, tried, problem, detail, interval, lines, broken, uptime = json.loads(value)
    return ServerState(
        moment(answered), moment(tried), problem, detail, timedelta(seconds=interval), lines, broken, uptime
    )


def read(redis: "Redis", server_ids: Iterable[int]) -> Mapping[int, ServerState]:
    """The states of some servers, in one round trip."""
    wanted = list(server_ids)
    if not wanted:
        return {}
    values = redis.mget([keys.server(server_id) for server_id in wanted])
    return {server_id: decode(raw(value)) for server_id, value in zip(wanted, values, strict=True)}
