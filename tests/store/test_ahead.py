"""Commands sent ahead of their answers: each answer belongs to its command, and no failure spoils what comes after."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import OutOfMemoryError, ResponseError
from redis.exceptions import TimeoutError as LateError

from app.store import ahead as module
from app.store.ahead import Ahead
from app.store.connection import connect
from tests.support.redis import RedisServer


@pytest.fixture
def client(redis_url: str) -> "Iterator[Redis]":
    made = connect(redis_url, patience=1)
    yield made
    made.close()


def is_sound(client: "Redis") -> bool:
    """Whether what the pool gives next has no answers left in it."""
    return client.echo("sound") == b"sound"


def talk(ahead: Ahead, times: int) -> None:
    for _ in range(times):
        ahead.ask("PING")
        ahead.settle()


def write(ahead: Ahead, values: list[bytes]) -> None:
    for value in values:
        ahead.transact(("SET", "large", value))


def test_each_answer_belongs_to_its_command(client: "Redis", redis: "Redis") -> None:
    redis.hset("lines", mapping={"a": "1", "b": "2"})
    ahead = Ahead(client)
    ahead.ask("HMGET", "lines", b"a", "c")
    ahead.ask("HMGET", "lines", b"b")
    ahead.ask("HLEN", "lines")
    assert ahead.waiting == 3
    assert (ahead.answer(), ahead.answer(), ahead.answer()) == ([b"1", None], [b"2"], 2)
    ahead.end()
    assert is_sound(client)


def test_a_transaction_is_carried_out_as_a_whole(client: "Redis", redis: "Redis") -> None:
    ahead = Ahead(client)
    for number in range(10):
        ahead.transact(("HSET", "new", b"%d" % number, b"x"), ("EXPIRE", "new", 60))
        ahead.settle(8)
        assert ahead.waiting <= 8
    ahead.settle()
    ahead.end()
    assert (ahead.waiting, redis.hlen("new")) == (0, 10)
    assert 0 < redis.ttl("new") <= 60
    assert is_sound(client)


def test_one_connection_is_used_and_given_back(client: "Redis", redis: "Redis") -> None:
    before = len(redis.client_list())
    for _ in range(3):
        ahead = Ahead(client)
        ahead.ask("PING")
        ahead.settle()
        ahead.end()
    assert len(redis.client_list()) == before + 1


@pytest.mark.parametrize("how", ["in a transaction", "alone"])
def test_what_redis_refuses_is_said(client: "Redis", redis: "Redis", how: str) -> None:
    redis.set("lines", "no hash")
    ahead = Ahead(client)
    if how == "alone":
        ahead.ask("HMGET", "lines", "a")
    else:
        ahead.transact(("HSET", "lines", "a", "1"), ("EXPIRE", "lines", 60))
    ahead.ask("PING")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        ahead.settle()
    ahead.drop()
    assert is_sound(client)


def test_a_full_redis_is_said(breakable_redis: RedisServer) -> None:
    client = connect(breakable_redis.url, patience=5)
    client.config_set("maxmemory", 1)
    ahead = Ahead(client)
    ahead.transact(("HSET", "lines", "a", "1"))
    with pytest.raises(OutOfMemoryError):
        ahead.settle()
    client.config_set("maxmemory", 0)
    assert client.exists("lines") == 0
    assert is_sound(client)


def test_a_lost_connection_is_said(client: "Redis", redis: "Redis") -> None:
    ahead = Ahead(client)
    ahead.ask("PING")
    ahead.settle()
    redis.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(LostError):
        talk(ahead, 3)
    assert ahead.waiting == 0
    assert is_sound(client)


def test_a_redis_that_hangs_is_said(breakable_redis: RedisServer) -> None:
    client = connect(breakable_redis.url, patience=0.3)
    client.ping()
    breakable_redis.pause()
    ahead = Ahead(client)
    with pytest.raises(LateError):
        # More than the socket can hold: it is the sending that waits.
        write(ahead, 32 * [b"x" * 1_000_000])
    breakable_redis.resume()
    assert is_sound(client)


def test_answers_that_nobody_wants_any_more_are_nobody_elses(client: "Redis") -> None:
    ahead = Ahead(client)
    ahead.ask("ECHO", "another's")
    ahead.drop()
    ahead.drop()
    assert is_sound(client)


def test_a_redis_that_started_anew_is_reached_at_once(breakable_redis: RedisServer) -> None:
    client = connect(breakable_redis.url, patience=1)
    client.ping()
    breakable_redis.kill()
    breakable_redis.start()
    ahead = Ahead(client)
    ahead.ask("PING")
    assert ahead.answer() in (b"PONG", "PONG")
    ahead.end()


class Interruption:
    """Raises within `ahead.py`, at the line that is reached so many lines after the beginning."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != module.__file__:
            return None
        if event == "line":
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt
        return self


def converse(ahead: Ahead) -> None:
    ahead.ask("ECHO", "one")
    ahead.ask("ECHO", "two")
    ahead.answer()
    ahead.answer()
    ahead.transact(("SET", "three", "3"))
    ahead.settle()
    ahead.end()


def test_whoever_is_interrupted_anywhere_leaves_no_answer_behind(client: "Redis") -> None:
    known = sys.gettrace()
    after, interruption = 0, Interruption(0)
    while interruption.left <= 0:
        after += 1
        ahead, interruption = Ahead(client), Interruption(after)
        sys.settrace(interruption)
        with suppress(KeyboardInterrupt):
            converse(ahead)
        sys.settrace(known)
        ahead.drop()
        assert is_sound(client), after
    # It was interrupted at each of its lines before it once came to its end.
    assert after > 30


def test_a_long_silence_is_noticed(client: "Redis", monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = Ahead(client)
    seen = [ahead.idle]
    ahead.ask("PING")
    seen.append(ahead.idle)
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.0)
    seen.append(ahead.idle)
    ahead.settle()
    ahead.end()
    assert [*seen, ahead.idle] == [False, False, True, False]
