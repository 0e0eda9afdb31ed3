"""What the tests of OpenSIPS have in common."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from workers.sip.base import Endpoint, SipError
from workers.sip.opensips.client import OpensipsAdapter

NOW = datetime(2026, 11, 23, 5, 50, 48, tzinfo=UTC)


def adapter(
    url: str, aors: Iterable[str] | None = None, *, home: str = "flood.test", timeout: float = 2.0, **options: str
) -> OpensipsAdapter:
    endpoint = Endpoint(url, home, timeout=timeout, options=options)
    return OpensipsAdapter(endpoint, now=lambda: NOW, known_aors=None if aors is None else lambda: aors)


def problem_of(adapter: OpensipsAdapter) -> SipError:
    with pytest.raises(SipError) as caught:
        list(adapter.snapshot())
    return caught.value
