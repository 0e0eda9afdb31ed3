"""The adapter, asking a replayed FreeSWITCH."""

from collections.abc import Callable
from datetime import datetime

import pytest

from app.domain.registration import Registration
from tests.support.replay_esl import (
    FIVE,
    LIST,
    PASSWORD,
    RECORDED_AT,
    ReplayEsl,
    events,
    exchanges,
    listing,
)
from workers.sip.base import SipError
from workers.sip.freeswitch.client import FreeswitchAdapter

SOURCES = ("profile", "core", "json", "xml")
NOTHING = dict(exchanges("01-auth-and-empty"))
LIFECYCLE = b"".join(frame.raw for frame in events("04-events-json-register-lifecycle"))


def adapter(
    server: ReplayEsl, *, now: datetime = RECORDED_AT, password: str = PASSWORD, **options: str
) -> FreeswitchAdapter:
    return FreeswitchAdapter(server.endpoint(options, password=password), now=lambda: now)


def lines(server: ReplayEsl, **options: str) -> dict[str, Registration]:
    listed = FreeswitchAdapter(server.endpoint(options), now=lambda: RECORDED_AT).snapshot()
    return {line.aor: line for line in listed}


def failure(act: Callable[[], object]) -> SipError:
    with pytest.raises(SipError) as raised:
        act()
    assert PASSWORD not in str(raised.value)
    return raised.value


def only(*users: str) -> bytes:
    """The recorded list with only these users."""
    return listing(dict(exchanges(FIVE))[LIST], lambda held: held.partition("@")[0] in users)


def slow(server: ReplayEsl) -> FreeswitchAdapter:
    return FreeswitchAdapter(server.endpoint(timeout=0.2), now=lambda: RECORDED_AT)
