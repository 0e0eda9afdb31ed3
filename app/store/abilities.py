"""What each SIP server can be asked for, as the workers that know its family last saw it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from redis import Redis

from app.store import keys
from app.store.connection import raw


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a page needs to know of a server; where no worker has told yet, nothing is ruled out."""

    sets_passwords: bool = True
    """Whether the portal can overwrite device passwords there."""
    tells_refusals: bool = True
    """Whether it tells why a phone was refused, when asked or as it happens."""


def keep(redis: "Redis", server_id: int, words: Iterable[str]) -> None:
    """Remember what an adapter can do, in its own words."""
    redis.set(keys.abilities(server_id), json.dumps(sorted(words)), ex=keys.ABILITIES_SECONDS)


def read(redis: "Redis", server_id: int) -> Abilities:
    """What a server can be asked for."""
    value = raw(redis.get(keys.abilities(server_id)))
    if value is None:
        return Abilities()
    words = set(json.loads(value))
    return Abilities("set_password" in words, bool(words & {"auth_failures", "events"}))
