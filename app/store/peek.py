"""What an unchanged poll costs: one round trip for the session, the revisions and the servers of a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis import Redis

from app.store import keys, servers
from app.store.connection import raw
from app.store.servers import ServerState


@dataclass(frozen=True, slots=True)
class Glance:
    """Just enough to know whether a page must be drawn anew."""

    principal: str | None
    """Whose session it is; None when that was not confirmed lately."""
    revisions: tuple[bytes | None, ...]
    servers: Mapping[int, ServerState]


def peek(redis: "Redis", session_id: str, circle_ids: Sequence[int], server_ids: Sequence[int]) -> Glance:
    """One MGET."""
    names = [
        keys.session(session_id),
        *map(keys.circle_revision, circle_ids),
        *map(keys.server, server_ids),
    ]
    principal, *rest = map(raw, redis.mget(names))
    revisions, states = rest[: len(circle_ids)], rest[len(circle_ids) :]
    return Glance(
        principal.decode() if principal else None,
        tuple(revisions),
        {server_id: servers.decode(state) for server_id, state in zip(server_ids, states, strict=True)},
    )
