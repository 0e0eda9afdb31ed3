"""Logins that the database confirmed a short time ago, so that a poll need not ask it."""

from redis import Redis

from app.store import keys


def confirm(redis: "Redis", session_id: str, principal: str) -> None:
    """Remember for a while that a session is good, and whose it is."""
    redis.set(keys.session(session_id), principal, ex=keys.SESSION_SECONDS, nx=True)


def forget(redis: "Redis", session_id: str) -> None:
    """The session has ended: the next poll asks the database and is told so."""
    redis.set(keys.session(session_id), b"", ex=keys.SESSION_SECONDS)
