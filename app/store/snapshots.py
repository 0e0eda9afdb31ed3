"""Snapshots: what a pull changes is shown at once, so that readers see a whole snapshot or the one before."""

from collections.abc import Sequence

from redis import Redis

from app.store import history, keys, overlay, servers
from app.store.intake import Delta
from app.store.lease import Lease, fenced
from app.store.places import Places
from app.store.servers import ServerState


def publish(
    redis: "Redis",
    server_id: int,
    delta: Delta,
    state: ServerState,
    places: Places,
    lease: Lease,
    changes: Sequence[history.Change] = (),
) -> None:
    """Make the new snapshot the one that readers see, all of it at once.

    `places` is what it does to the circles, `changes` what is to be remembered of it. Raises LeaseLostError.
    """
    with fenced(redis, lease, delta.incoming.check if delta.incoming is not None else None) as pipe:
        if delta.incoming is not None:
            delta.incoming.queue(pipe, first=delta.first)
        overlay.write(pipe, keys.lines(server_id), delta.written)
        pipe.set(keys.server(server_id), servers.encode(state))
        places.queue(pipe)
        history.queue(pipe, changes)
    overlay.fold(redis, server_id, lease)


def record(redis: "Redis", server_id: int, state: ServerState, lease: Lease) -> None:
    """Keep what is known of the server alone; no registration changes. Raises LeaseLostError."""
    with fenced(redis, lease) as pipe:
        pipe.set(keys.server(server_id), servers.encode(state))
