"""What the tests of the adapter share."""

from collections.abc import Callable

import pytest

from tests.support.replay_ami import RECORDED_AT, SECRET, ReplayAmi, refusal
from workers.sip.asterisk.client import AsteriskAdapter
from workers.sip.base import SipError

LINES = {"1001", "1002", "1003", "1006", "1010", "1011", "1012", "1015", "alice", "desk1", "desk2"}
STATUSES = "PJSIPShowRegistrationInboundContactStatuses"
DENIED = refusal("Permission denied")
UNKNOWN = refusal("Invalid/unknown command: X. Use Action: ListCommands to show available commands.")


def adapter(server: ReplayAmi, **options: str) -> AsteriskAdapter:
    return AsteriskAdapter(server.endpoint(options=options), now=lambda: RECORDED_AT)


def pulled(server: ReplayAmi, **options: str) -> set[str]:
    return {line.aor for line in adapter(server, **options).snapshot()}


def problem_of(action: Callable[[], object]) -> SipError:
    with pytest.raises(SipError) as caught:
        action()
    assert SECRET not in str(caught.value)
    return caught.value
