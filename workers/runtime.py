"""What a worker process needs, made once from the environment and passed on as an argument from there."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from redis import Redis
from sqlalchemy import create_engine, select
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.orm import Session, sessionmaker

from app.config import Config
from app.mail import Post
from app.models import Unique
from app.store.connection import connect
from workers.sip.base import Adapter, Endpoint
from workers.sip.registry import adapter_for

_PATIENCE = 10.0
"""Seconds for one call to Redis: nobody looks at a worker, and a large snapshot takes a while to write."""
_DATABASE_PATIENCE = 5
_PAGE = 5000


@dataclass(frozen=True, slots=True)
class Runtime:
    """Redis, the database, the clock and the way to an adapter; tests pass their own."""

    redis: "Redis"
    sessions: sessionmaker[Session]
    clock: Callable[[], datetime]
    secret: str = field(repr=False)
    """The portal's: unseals what the web sealed."""
    post: Post
    """How mails go."""
    history: timedelta = timedelta(days=90)
    """How long changes of lines are kept."""
    adapter_for: Callable[[str, Endpoint, Callable[[], Iterable[str]]], Adapter] = adapter_for

    @classmethod
    def from_config(cls, config: Config) -> "Runtime":
        """Connects when first used: a worker starts while its neighbours are down."""
        return cls(
            redis=connect(config.redis_url, patience=_PATIENCE),
            sessions=sessionmaker(_engine(config.database_url)),
            clock=lambda: datetime.now(UTC),
            secret=config.secret_key,
            post=Post(config.mail_url, config.mail_from, config.public_url),
            history=timedelta(days=config.history_days),
        )

    def lines_of(self, server_id: int, after: str = "", upto: str | None = None) -> Callable[[], Iterator[str]]:
        """The keys of our lines at a server, read piece by piece whenever the result is called.

        Those after `after`, and with `upto` no further than to that one.
        """

        def lines() -> Iterator[str]:
            last = after
            # No transaction stays open while whoever reads them asks a server.
            while page := self._lines_after(server_id, last, upto):
                yield from page
                last = page[-1]

        return lines

    def _lines_after(self, server_id: int, last: str, upto: str | None) -> list[str]:
        wanted = select(Unique.aor).where(Unique.server_id == server_id, Unique.aor > last)
        if upto is not None:
            wanted = wanted.where(Unique.aor <= upto)
        with self.sessions() as session:
            return list(session.scalars(wanted.order_by(Unique.aor).limit(_PAGE)))


@lru_cache(maxsize=1)
def current() -> Runtime:
    """The runtime of this process. Raises ConfigError where the environment lacks something."""
    return Runtime.from_config(Config.from_env(os.environ))


# A forked worker must not share its parent's connections.
os.register_at_fork(after_in_child=current.cache_clear)


def _engine(url: str) -> Engine:
    if make_url(url).get_backend_name() == "sqlite":
        return create_engine(url, connect_args={"timeout": _DATABASE_PATIENCE})
    return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": _DATABASE_PATIENCE})
