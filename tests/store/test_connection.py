"""How Redis is reached: by its URL, or by Sentinels that know where it is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from app.config import Config
from app.store import servers
from app.store.connection import RedisUrlError, connect
from tests.support.customers import Customers
from tests.support.redis import RedisServer
from tests.support.sentinel import Watched
from tests.support.wait import until
from tests.workers.fakes import FakeAdapter, registration, runtime_with
from workers.pulling import run_pull


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:6379",
        "http://127.0.0.1",
        "redis://:secret-word@[::1",
        "redis://host:secret-word/0",
        "sentinel://",
        "sentinel://:secret-word@host",
        "sentinel://host:secret-word/service",
        "sentinel://host/service/secret-word",
    ],
)
def test_a_url_that_is_none_is_told_without_its_password(url: str) -> None:
    with pytest.raises(RedisUrlError) as raised:
        connect(url)
    assert "secret-word" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_several_sentinels_with_a_password() -> None:
    client = connect("sentinel://portal:p%40ss@one:1111,two,three:3333/main/5")
    pool: Any = client.connection_pool
    assert pool.connection_kwargs["password"] == "p@ss"
    assert pool.connection_kwargs["username"] == "portal"
    assert pool.connection_kwargs["db"] == 5
    known = [sentinel.connection_pool.connection_kwargs for sentinel in pool.sentinel_manager.sentinels]
    assert [(one["host"], one["port"]) for one in known] == [("one", 1111), ("two", 26379), ("three", 3333)]


def late(client: "Redis", master: RedisServer) -> None:
    """An answer comes after its asker has gone."""
    master.pause()
    with pytest.raises(RedisError):
        client.echo("somebody else's")
    master.resume()


def test_an_answer_that_comes_too_late_is_nobody_elses(tmp_path: Path) -> None:
    with Watched(tmp_path) as watched:
        client = connect(watched.url, patience=0.2)
        assert client.echo("mine") == b"mine"
        late(client, watched.master)
        assert [client.echo(str(number)) for number in range(3)] == [b"0", b"1", b"2"]
        client.close()


def test_a_master_that_is_gone_is_replaced(tmp_path: Path, config: Config, customers: Customers) -> None:
    adapter = FakeAdapter(lines=[registration("1001")])
    server_id = next(iter(customers.servers.values()))
    with Watched(tmp_path) as watched:
        runtime = replace(runtime_with(config, adapter), redis=connect(watched.url, patience=2))

        def pulled() -> bool:
            try:
                return run_pull(runtime, server_id)
            except RedisError:
                return False

        until(pulled, 10, "the first pull")
        watched.master.kill()
        until(pulled, 20, "a pull by the new master")
        with Redis.from_url(watched.replica.url) as direct:
            assert servers.read_one(direct, server_id).lines == 1
        runtime.redis.close()
