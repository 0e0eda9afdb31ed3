"""FreeSWITCH's sofia events as what they mean for a line: no I/O."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from app.domain.aor import aor_key
from app.domain.registration import AuthFailure, FailureReason
from workers.sip.base import LineChanged
from workers.sip.freeswitch.rows import agent, source, text

SUBCLASSES = (
    "sofia::register",
    "sofia::unregister",
    "sofia::expire",
    "sofia::register_attempt",
    "sofia::register_failure",
)
"""The events to subscribe to."""

_EPOCH = datetime.fromtimestamp(0, UTC)
_Fields = dict[str, str]


class EventReader:
    """Reads events in their order: a failure is explained by the attempt just before it."""

    def __init__(self, home: str, now: Callable[[], datetime]) -> None:
        self._home = home
        self._now = now
        self._attempt: _Fields = {}

    def read(self, body: bytes) -> LineChanged | AuthFailure | None:
        """What an event of `event json` means; None if it means nothing for a line, or cannot be read."""
        fields = _fields(body)
        kind = fields.get("Event-Subclass", "")
        if kind == "sofia::register_attempt":
            self._attempt = fields if fields.get("auth-result") == "FORBIDDEN" else {}
        try:
            if kind == "sofia::register_failure":
                return self._failure(fields)
            # The To of the REGISTER, which is the line, stands in from-user; sofia::expire has names of its own.
            if kind in ("sofia::register", "sofia::unregister"):
                return self._changed(fields, "from-user", "from-host")
            if kind == "sofia::expire":
                return self._changed(fields, "user", "host")
        except (ValueError, KeyError):
            return None
        return None

    def _changed(self, fields: _Fields, user: str, host: str) -> LineChanged:
        return LineChanged(self._key(fields[user], fields[host]), self._at(fields))

    def _failure(self, fields: _Fields) -> AuthFailure:
        attempt = self._attempt if _same_caller(self._attempt, fields) else {}
        self._attempt = {}
        username = attempt.get("username", "unknown")
        if fields.get("registration-type") == "INVITE":
            # A call's To is whom it calls. Who failed stands in the attempt only: its user, and From as to-host.
            aor = self._key(attempt["to-user"] if username == "unknown" else username, attempt["to-host"])
        else:
            aor = self._key(fields["to-user"], fields["to-host"])
        mismatch = bool(attempt) and username == "unknown"
        return AuthFailure(
            aor=aor,
            # Whatever else it was, a wrong password or an ACL, only the server's own log tells.
            reason=FailureReason.USER_MISMATCH if mismatch else FailureReason.OTHER,
            at=self._at(fields),
            source=source(fields.get("network-ip"), fields.get("network-port")),
            user_agent=agent(fields.get("user-agent")),
        )

    def _key(self, user: str, host: str) -> str:
        """The line's key. Raises ValueError where there is no user."""
        if not user:
            raise ValueError("an event without a user")
        key = aor_key(f"{user}@{host}", self._home)
        # JSON can escape half a surrogate pair, which no store could write.
        key.encode()
        return key

    def _at(self, fields: _Fields) -> datetime:
        stamp = fields.get("Event-Date-Timestamp", "")
        if stamp.isascii() and stamp.isdigit() and len(stamp) <= len("9999999999999999"):
            return _EPOCH + timedelta(microseconds=int(stamp))
        return self._now()


def _fields(body: bytes) -> _Fields:
    try:
        event = json.loads(text(body), strict=False)
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in event.items() if isinstance(value, str)} if isinstance(event, dict) else {}


def _same_caller(attempt: _Fields, failure: _Fields) -> bool:
    return bool(attempt) and all(
        attempt.get(name) == failure.get(name) for name in ("network-ip", "network-port", "profile-name")
    )
