"""Leases: what is written under one is written if it is still ours, and only then."""

from threading import Thread

import pytest
from redis import Redis

from app.store.lease import Lease, LeaseLostError, fenced


@pytest.fixture
def lease(redis: "Redis") -> Lease:
    made = Lease(redis, "test", 5)
    assert made.take()
    return made


def test_a_renewal_takes_no_transaction_for_somebody_elses(redis: "Redis", lease: Lease) -> None:
    """The keeper renews at any moment, and Redis can't tell that from another holder: it waits for the transaction."""
    renewed: list[bool] = []
    keeper = Thread(target=lambda: renewed.append(lease.renew()))
    with fenced(redis, lease) as pipe:
        pipe.set("written", 1)
        keeper.start()
        # Time enough to do harm.
        keeper.join(0.3)
        assert renewed == []
    keeper.join()
    assert (redis.get("written"), renewed) == (b"1", [True])


@pytest.mark.parametrize("holder", ["somebody else", None])
def test_what_is_no_longer_ours_is_not_written(redis: "Redis", lease: Lease, holder: str | None) -> None:
    def write(*, late: bool) -> None:
        if not late:
            lose()
        with fenced(redis, lease) as pipe:
            pipe.set("written", 1)
            lose()

    def lose() -> None:
        redis.delete(lease.key)
        if holder:
            redis.set(lease.key, holder)

    for late in (True, False):
        with pytest.raises(LeaseLostError):
            write(late=late)
    assert (redis.get("written"), lease.renew()) == (None, False)
