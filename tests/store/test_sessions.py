"""Sessions that Redis remembers as good."""

from redis import Redis

from app.store import sessions
from app.store.peek import peek


def known(redis: "Redis") -> str | None:
    return peek(redis, "s1", (), (), ()).principal


def test_one_that_was_confirmed_is_known(redis: "Redis") -> None:
    assert known(redis) is None
    sessions.confirm(redis, "s1", "account:1")
    assert known(redis) == "account:1"


def test_a_request_that_began_before_the_logout_does_not_bring_it_back(redis: "Redis") -> None:
    sessions.confirm(redis, "s1", "account:1")
    sessions.forget(redis, "s1")
    assert known(redis) is None
    sessions.confirm(redis, "s1", "account:1")
    assert known(redis) is None
