"""What the rooms of the web share and the application owns: Redis, the queues, the clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

from flask import current_app
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from app.config import Config
from app.store.connection import connect
from app.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Services:
    """Made once for an application; tests pass their own clock."""

    redis: "Redis"
    lookups: Queue
    mails: Queue
    mails_are_sent: bool
    throttle: Throttle
    timezone: ZoneInfo
    session_hours: int
    history_days: int
    clock: Callable[[], datetime]

    @classmethod
    def from_config(cls, config: Config) -> "Services":
        """Connect lazily: the portal starts while Redis is down."""
        redis = connect(config.redis_url)
        return cls(
            redis=redis,
            lookups=Queue("lookups", connection=redis, serializer=JSONSerializer),
            mails=Queue("mails", connection=redis, serializer=JSONSerializer),
            mails_are_sent=bool(config.mail_url),
            throttle=Throttle(redis),
            timezone=config.timezone,
            session_hours=config.session_hours,
            history_days=config.history_days,
            clock=lambda: datetime.now(UTC),
        )


def services() -> Services:
    """The services of the application at work."""
    return cast("Services", current_app.extensions["services"])
