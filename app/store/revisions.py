"""Revisions: a page that shows a circle learns from one short string whether a look-up changed anything of it."""

import secrets
from collections.abc import Iterable

from redis import Redis

from app.store import keys


def bump(redis: "Redis", circle_ids: Iterable[int]) -> None:
    """Give each circle a revision that it never had; random, so that a flushed Redis can't repeat one."""
    for circle_id in sorted(set(circle_ids)):
        redis.set(keys.circle_revision(circle_id), secrets.token_hex(6), ex=keys.REVISION_SECONDS)
