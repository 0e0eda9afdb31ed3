"""What can be broken of a portal, for as long as a block runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.support.breakable import FaultStack
from tests.support.proxy import PASS, Mode


@contextmanager
def full(stack: FaultStack) -> Iterator[None]:
    """Redis has no room for anything new."""
    with stack.redis.client() as client:
        client.config_set("maxmemory", 1)
        try:
            yield
        finally:
            client.config_set("maxmemory", 0)


@contextmanager
def slow(stack: FaultStack) -> Iterator[None]:
    """Redis answers a second late."""
    proxies = (stack.redis_of_workers, stack.redis_of_web)
    for proxy in proxies:
        proxy.become(Mode(delay=1.0))
    try:
        yield
    finally:
        for proxy in proxies:
            proxy.become(PASS)


@contextmanager
def stopped(stack: FaultStack) -> Iterator[None]:
    """Redis is not there; it has forgotten everything when it is back."""
    stack.redis.stop()
    try:
        yield
    finally:
        stack.redis.start()


@contextmanager
def no_child(stack: FaultStack, name: str) -> Iterator[None]:
    """`schedule` or `run` does not run."""
    stack.workers.end(name)
    try:
        yield
    finally:
        stack.workers.begin(name)


@contextmanager
def locked(stack: FaultStack) -> Iterator[None]:
    """Somebody holds the tables of the database."""
    with psycopg.connect(stack.database_url) as connection:
        connection.execute('LOCK TABLE "unique", sip_server, circle, line_change, coverage IN ACCESS EXCLUSIVE MODE')
        yield
        connection.rollback()


@contextmanager
def gone(stack: FaultStack) -> Iterator[None]:
    """The database is not there."""
    stack.postgres.halt()
    try:
        yield
    finally:
        stack.postgres.resume()
