"""FreeSWITCH's sofia events, as `event json` tells them: every value a string, every field in its place."""

import json
import time
import uuid
from datetime import UTC, datetime
from email.utils import format_datetime

from demo.registrar.contacts import Address
from demo.registrar.digest import Outcome
from demo.registrar.esl import HOSTNAME, LATE_MARGIN, PROFILE, contact
from demo.registrar.happenings import Attempt, Change, Happening, Moved, sender

_STEPS = frozenset((Outcome.NO_CREDENTIALS, Outcome.STALE, Outcome.ERROR))
_LINES = {
    "register_failure": "1792",
    "register_attempt": "1606",
    "pre_register": "1810",
    "register": "2059",
    "unregister": "2213",
    "expire": "726",
}

Fields = list[tuple[str, str]]
Told = tuple[str, bytes]
"""An event's subclass, and the event."""


class Sofia:
    """The events of one FreeSWITCH whose domain is `realm`."""

    def __init__(self, realm: str) -> None:
        self._realm = realm
        self._core = str(uuid.uuid4())
        self._sequence = 500

    def events(self, happening: Happening) -> list[Told]:
        """The events that tell of a happening."""
        if isinstance(happening, Attempt):
            return self._attempt(happening)
        if happening.change is Change.EXPIRED:
            return [self._event("expire", happening.at, self._expired(happening))]
        if happening.change is Change.LEFT:
            return [self._event("unregister", happening.at, self._left(happening))]
        return [self._event("register", happening.at, self._registered(happening))]

    def _attempt(self, attempt: Attempt) -> list[Told]:
        outcome = attempt.verdict.outcome
        if outcome in _STEPS:
            return [self._event("pre_register", attempt.at, self._register(attempt))]
        # Somebody who is not the line that is registered has no name.
        username = "unknown" if outcome is Outcome.USER_MISMATCH else attempt.verdict.user
        result = "RENEWED" if outcome is Outcome.OK else "FORBIDDEN"
        fields = self._register(attempt)
        agent = fields.pop() if fields[-1][0] == "user-agent" else None
        fields += [("username", username), ("realm", self._realm), *([agent] if agent else []), ("auth-result", result)]
        told = [self._event("register_attempt", attempt.at, fields)]
        if outcome is not Outcome.OK:
            told.append(self._event("register_failure", attempt.at, self._failure(attempt)))
        return told

    def _register(self, attempt: Attempt) -> Fields:
        """What every event about a REGISTER tells of it; FreeSWITCH calls its To the from-user."""
        headers = attempt.request.headers
        expires, binding = headers.first("expires"), headers.first("contact")
        return [
            *(("from-user", attempt.user), ("from-host", self._realm)),
            *([("contact", f'"" {binding}')] if binding else []),
            *(("call-id", headers.first("call-id") or ""), ("rpid", "unknown"), ("status", "Registered(UDP)")),
            *([("expires", expires)] if expires else []),
            *(("to-user", attempt.user), ("to-host", self._realm), *_network(attempt.source)),
            *_agent(headers.first("user-agent")),
        ]

    def _failure(self, attempt: Attempt) -> Fields:
        host, port = attempt.source
        return [
            *(("to-user", attempt.user), ("to-host", self._realm), ("network-ip", host)),
            *_agent(attempt.request.headers.first("user-agent")),
            *(("profile-name", PROFILE), ("network-port", str(port)), ("registration-type", "REGISTER")),
        ]

    def _registered(self, moved: Moved) -> Fields:
        user, binding = moved.aor, moved.binding
        return [
            *(("from-user", user), ("from-host", self._realm), ("presence-hosts", "n/a")),
            *(("contact", contact(user, binding)), ("call-id", binding.origin.call_id), ("rpid", "unknown")),
            *(("status", "Registered(UDP)"), ("expires", str(binding.expires_at - int(moved.at)))),
            *(("to-user", user), ("to-host", self._realm), *_network(sender(binding)), ("username", user)),
            *(("realm", self._realm), *_agent(binding.origin.user_agent), *self._directory(user)),
        ]

    def _left(self, moved: Moved) -> Fields:
        user, binding = moved.aor, moved.binding
        return [
            *(("username", user), ("from-user", user), ("from-host", self._realm)),
            *(("contact", contact(user, binding)), ("call-id", binding.origin.call_id), ("rpid", "unknown")),
            *(("realm", self._realm), *_network(sender(binding)), *_agent(binding.origin.user_agent)),
            *(("expires", "0"), *self._directory(user)),
        ]

    def _expired(self, moved: Moved) -> Fields:
        user, binding = moved.aor, moved.binding
        return [
            *(("call-id", binding.origin.call_id), ("user", user), ("username", user), ("host", self._realm)),
            *(("contact", contact(user, binding)), ("expires", str(binding.expires_at + LATE_MARGIN))),
            *(*_agent(binding.origin.user_agent), ("realm", self._realm), *_network(sender(binding))),
        ]

    def _directory(self, user: str) -> Fields:
        return [
            *(("sip_number_alias", user), ("sip_auth_username", user), ("sip_auth_realm", self._realm)),
            *(("number_alias", user), ("user_name", user), ("domain_name", self._realm)),
        ]

    def _event(self, subclass: str, at: float, own: Fields) -> Told:
        self._sequence += 1
        function = "sofia_reg_del_callback" if subclass == "expire" else "sofia_reg_handle_register_token"
        fields = [
            *(("Event-Subclass", f"sofia::{subclass}"), ("Event-Name", "CUSTOM"), ("Core-UUID", self._core)),
            *(("FreeSWITCH-Hostname", HOSTNAME), ("FreeSWITCH-Switchname", HOSTNAME)),
            *(("FreeSWITCH-IPv4", "127.0.0.1"), ("FreeSWITCH-IPv6", "::1")),
            ("Event-Date-Local", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))),
            ("Event-Date-GMT", format_datetime(datetime.fromtimestamp(int(at), UTC), usegmt=True)),
            ("Event-Date-Timestamp", str(int(at * 1_000_000))),
            *(("Event-Calling-File", "sofia_reg.c"), ("Event-Calling-Function", function)),
            *(("Event-Calling-Line-Number", _LINES[subclass]), ("Event-Sequence", str(self._sequence))),
            *(("profile-name", PROFILE), *own),
        ]
        return f"sofia::{subclass}", _object(fields)


def _network(source: Address) -> Fields:
    return [("network-ip", source[0]), ("network-port", str(source[1]))]


def _agent(user_agent: str | None) -> Fields:
    """A phone that says nothing of itself has no such field."""
    return [("user-agent", user_agent)] if user_agent else []


def _object(fields: Fields) -> bytes:
    """A JSON object; a name may come twice, as profile-name does in a failure."""
    pairs = (f"{_string(name)}:{_string(value)}" for name, value in fields)
    return ("{" + ",".join(pairs) + "}").encode("utf-8", "surrogateescape")


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
