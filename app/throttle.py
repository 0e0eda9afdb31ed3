"""Rate limits: counted in Redis for all web processes, in memory while Redis is away."""

import logging
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rule:
    """How often one thing may happen to one identity."""

    name: str
    limit: RateLimitItem


LOGIN_ADDRESS = Rule("login-address", RateLimitItemPerMinute(30, 10))
"""Failed logins from one address, whatever the login ID."""
LOGIN_PAIR = Rule("login-pair", RateLimitItemPerMinute(5, 10))
"""Failed logins to one login ID from one address."""
LOGIN_ID = Rule("login-id", RateLimitItemPerHour(100))
"""Failed logins to one login ID from anywhere; browsers that logged in to it before are not bound by it."""
LOGIN_DEVICE = Rule("login-device", RateLimitItemPerMinute(10, 10))
"""Failed logins to one login ID from one browser that logged in to it before."""
LOOKUP = Rule("lookup", RateLimitItemPerMinute(60))
"""Look-ups that one customer may ask for."""
RELOAD = Rule("reload", RateLimitItemPerMinute(60))
"""Rows that one member of staff may reload."""
PASSWORD = Rule("password", RateLimitItemPerMinute(10, 10))
"""Device passwords that one login may overwrite, and overwritings of one line."""
STRENGTH = Rule("strength", RateLimitItemPerMinute(40))
"""Passwords whose strength one login may ask for."""
REQUEST = Rule("request", RateLimitItemPerHour(200))
"""Forms with which one login asks for something to be added or cancelled, or takes that back."""
SEARCH = Rule("search", RateLimitItemPerMinute(60))
"""Searches of one login."""
EXPORT = Rule("export", RateLimitItemPerMinute(20))
"""Files with the history of a line or circle that one login may fetch."""

REMINDER_ADDRESS = Rule("reminder-address", RateLimitItemPerHour(10))
"""Reminder mails that one address may ask for, whatever the login ID."""
REMINDER_ID = Rule("reminder-id", RateLimitItemPerHour(5))
"""Reminder mails for one login ID, whoever asks and whether or not it exists."""
OWN_PASSWORD = Rule("own-password", RateLimitItemPerMinute(10, 10))
"""Times that one login may give its current password wrongly: a session that was left open is no way to guess it."""
OWN_EMAIL = Rule("own-email", RateLimitItemPerHour(5))
"""New mail addresses that one login may have links sent to."""


class Throttle:
    """Counts what happened, in fixed windows."""

    def __init__(self, redis: "Redis") -> None:
        # A client of the library's own would try for seconds while Redis is down, and a login counts several times.
        pool = redis.connection_pool
        shared = RedisStorage("redis://", connection_pool=pool, key_prefix="tsunagari:limit", wrap_exceptions=True)
        self._shared = FixedWindowRateLimiter(shared)
        self._alone = FixedWindowRateLimiter(MemoryStorage())

    def allows(self, rule: Rule, *identity: str) -> bool:
        """Whether it may happen once more; counts nothing."""
        try:
            return self._shared.test(rule.limit, rule.name, *identity)
        except (StorageError, RedisError):
            log.warning("rate limits are counted in memory: Redis does not answer")
            return self._alone.test(rule.limit, rule.name, *identity)

    def hit(self, rule: Rule, *identity: str) -> bool:
        """Count it; False when it was once too often."""
        try:
            return self._shared.hit(rule.limit, rule.name, *identity)
        except (StorageError, RedisError):
            log.warning("rate limits are counted in memory: Redis does not answer")
            return self._alone.hit(rule.limit, rule.name, *identity)

    def forgive(self, rule: Rule, *identity: str) -> None:
        """Forget what was counted."""
        try:
            self._shared.clear(rule.limit, rule.name, *identity)
        except (StorageError, RedisError):
            self._alone.clear(rule.limit, rule.name, *identity)
