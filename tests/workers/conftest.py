"""What the tests of the workers share."""

from collections.abc import Iterator

import pytest
from redis import Redis

from app.config import Config
from tests.support.customers import LIVE_HOST, Customers
from tests.workers.fakes import FakeAdapter, runtime_with
from workers.runtime import Runtime
from workers.sip.base import Endpoint


@pytest.fixture
def adapter() -> FakeAdapter:
    """The one server of the test."""
    return FakeAdapter()


@pytest.fixture
def endpoints() -> list[Endpoint]:
    """How the server was reached, each time."""
    return []


@pytest.fixture
def runtime(
    config: Config, adapter: FakeAdapter, endpoints: list[Endpoint], redis: "Redis", customers: Customers
) -> Iterator[Runtime]:
    """What a job gets."""
    made = runtime_with(config, adapter, endpoints)
    yield made
    made.redis.close()
    made.sessions.kw["bind"].dispose()


@pytest.fixture
def server_id(customers: Customers) -> int:
    """The live server."""
    return customers.servers[LIVE_HOST]
