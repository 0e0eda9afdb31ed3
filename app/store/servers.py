"""What is known of each SIP server as a whole: when it last answered, and what went wrong since."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from redis import Redis

from app.store import keys
from app.store.codec import epoch, moment
from app.store.connection import raw


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an answer was not believed, or did not come."""

    at: datetime
    problem: str
    """A problem's word."""
    detail: str = ""
    """The same for operators."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """One server, as the last pulls left it."""

    answered_at: datetime | None = None
    """When the last snapshot that was believed was asked for."""
    tried_at: datetime | None = None
    problem: str | None = None
    """A problem's word when the last pull failed or was not believed."""
    detail: str = ""
    """The same for operators."""
    interval: timedelta = timedelta(seconds=5)
    """How often it is pulled at present."""
    lines: int = 0
    """How many lines were registered."""
    broken: int = 0
    """How many records of the last good snapshot could not be read."""
    uptime: float | None = None
    generation: str = ""
    """Changes when so much changed at once that every page that shows the server must be drawn anew."""
    counted: str | None = None
    """The generation whose lines the circles' counts are of; None while nobody has counted."""
    recount_at: datetime | None = None
    """When all lines are to be counted anew."""
    unrecorded: bool = False
    """Whether so much changed at once that the history must be compared with every line."""
    covered_at: datetime | None = None
    """Until when the history knows that the server was heard."""
    stored: int = -1
    """How many lines of the stored snapshot are registered or unreadable; -1 where another version stored it."""
    started_at: datetime | None = None
    """When the server started, where it tells that."""
    restarted_at: datetime | None = None
    """The same, if the portal has seen it running before that."""
    contacts: int | None = None
    """What the server itself counted when it was last asked, believed or not."""
    held: int | None = None
    """How many lines were registered in a snapshot that the next one must confirm; None where none is held."""
    busy: float = 0.0
    """Seconds of the server's time that the last pull took."""
    skew: float | None = None
    """The server's clock minus ours in seconds, where it tells its time."""
    refused: Refusal | None = None
    """The last answer that was not believed or did not come; it stays when all is well again."""
    forgot: bool = False
    """Whether the server was seen to have started anew since the last answer that was believed."""
    reconciled: int = 0
    """With which page of lines the next census goes on comparing them with the history."""


def _duration(value: float) -> timedelta:
    return timedelta(seconds=value)


def _refusal(value: list[Any] | None) -> Refusal | None:
    at = moment(value[0]) if value else None
    return Refusal(at, *value[1:]) if value and at else None


_READ: Mapping[str, Callable[[Any], object]] = {
    **dict.fromkeys(("answered_at", "tried_at", "recount_at", "covered_at", "started_at", "restarted_at"), moment),
    "interval": _duration,
    "refused": _refusal,
}
_NAMES = tuple(field.name for field in fields(ServerState))


def encode(state: ServerState) -> bytes:
    """As stored: the values in the order of the fields."""
    return json.dumps([_plain(getattr(state, name)) for name in _NAMES], separators=(",", ":")).encode()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return epoch(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return [epoch(value.at), value.problem, value.detail] if isinstance(value, Refusal) else value


def decode(value: bytes | None) -> ServerState:
    """The reverse of `encode`; what is missing has its default.

    Nothing stored, or what nobody can read, is a server that never answered.
    """
    try:
        return ServerState() if value is None else _decoded(json.loads(value))
    except (ValueError, TypeError, LookupError, ArithmeticError, OSError):
        return ServerState()


def _decoded(values: Sequence[Any]) -> ServerState:
    pairs = zip(_NAMES, values, strict=False)
    read: dict[str, Any] = {name: _READ[name](held) if name in _READ else held for name, held in pairs}
    return ServerState(**read)


def read(redis: "Redis", server_ids: Iterable[int]) -> Mapping[int, ServerState]:
    """The states of some servers, in one round trip."""
    wanted = list(server_ids)
    if not wanted:
        return {}
    values = redis.mget([keys.server(server_id) for server_id in wanted])
    return {server_id: decode(raw(value)) for server_id, value in zip(wanted, values, strict=True)}


def read_one(redis: "Redis", server_id: int) -> ServerState:
    """The state of one server."""
    return decode(raw(redis.get(keys.server(server_id))))
