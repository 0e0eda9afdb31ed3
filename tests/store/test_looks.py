"""The look of an open page: what `peek` sees, over connections that are kept for a while."""

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as LostError

from app.store import keys, looks, peek, sessions
from app.store.connection import connect
from app.store.looks import Looks, Packed, session_argument
from app.store.peek import Question
from tests.support.redis import RedisServer

QUESTION = Question((1, 2), (3,), ((3, 1), (3, 2)))


def connections(redis: "Redis") -> int:
    """That somebody holds at the moment, this client's own aside."""
    return len(redis.client_list()) - 1


def test_it_sees_what_peek_sees(redis: "Redis") -> None:
    sessions.confirm(redis, "ours", "account:1")
    redis.set(keys.circle_revision(2), b"7")
    seen = Looks(redis).look(Packed(QUESTION), session_argument("ours"))
    assert seen == peek.peek(redis, "ours", QUESTION.circle_ids, QUESTION.server_ids, QUESTION.spots)
    assert (seen.principal, seen.revisions) == ("account:1", (None, b"7"))
    assert Looks(redis).look(Packed(QUESTION), session_argument("another's")).principal is None


def test_one_connection_is_used_again_and_again(redis: "Redis", redis_server: RedisServer) -> None:
    client = connect(redis_server.url)
    kept = Looks(client)
    before = connections(redis)
    for _ in range(3):
        kept.look(Packed(QUESTION), session_argument("ours"))
    assert connections(redis) == before + 1
    client.close()


def test_a_connection_that_was_kept_long_goes_back_to_its_pool(
    redis: "Redis", redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "_KEPT_SECONDS", 0.0)
    client = connect(redis_server.url)
    kept = Looks(client)
    before = connections(redis)
    for _ in range(3):
        kept.look(Packed(QUESTION), session_argument("ours"))
        client.ping()
    assert connections(redis) <= before + 2
    client.close()


def test_a_connection_that_was_lost_is_said_and_replaced(redis: "Redis", redis_server: RedisServer) -> None:
    client = connect(redis_server.url)
    kept = Looks(client)
    kept.look(Packed(QUESTION), session_argument("ours"))
    redis.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(LostError):
        kept.look(Packed(QUESTION), session_argument("ours"))
    assert kept.look(Packed(QUESTION), session_argument("ours")).principal is None
    client.close()
