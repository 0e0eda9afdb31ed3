"""A replayed Asterisk: a real login, and the recorded answers with the ActionIDs of whoever asks now."""

import gzip
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from tests.support.replay_stream import Manner, Wire
from tests.support.serve import Peer, ScriptedServer
from workers.sip.base import Endpoint

PAYLOADS = Path(__file__).parents[1] / "payloads" / "asterisk"
USER, SECRET = "snap", "snap-secret"
RECORDED_AT = datetime.fromtimestamp(1795413760, UTC)
"""When the recordings of the contacts were made."""
GREETING = b"Asterisk Call Manager/11.0.0\r\n"
END = b"\r\n\r\n"

Answer = bytes | Callable[[Wire, bytes], None]
"""Recorded blocks, or what writes the answer to an ActionID itself."""


def payload(name: str) -> bytes:
    """The bytes of a recording, unpacked."""
    data = (PAYLOADS / name).read_bytes()
    return gzip.decompress(data) if name.endswith(".gz") else data


def answer_of(name: str, action_id: str) -> bytes:
    """The blocks of a recording that carry this ActionID."""
    mark = b"ActionID: " + action_id.encode()
    blocks = payload(name).removeprefix(GREETING).split(END)
    return b"".join(block + END for block in blocks if mark in block.split(b"\r\n"))


def refusal(message: str) -> bytes:
    """An answer that is an error."""
    return b"Response: Error\r\nActionID: x\r\nMessage: " + message.encode() + END


def starting(message: str) -> Callable[[Wire, bytes], None]:
    """An answer that is an error, after which the server closes, as it does while it starts."""

    def write(wire: Wire, action_id: bytes) -> None:
        wire.write(_addressed(refusal(message), action_id))
        raise ConnectionError

    return write


def recorded_answers() -> dict[str, Answer]:
    """What the populated server answered, by action and its argument."""
    misc = "01-zero-contacts/misc-actions.s2c.raw"
    answers: dict[str, Answer] = {
        "CoreSettings": answer_of(misc, "CoreSettings-123"),
        "CoreStatus": answer_of(misc, "CoreStatus-175"),
        "Ping": answer_of(misc, "Ping-88"),
        "Logoff": b"Response: Goodbye\r\nActionID: x\r\nMessage: Thanks for all the fish." + END,
        "DBGetTree": answer_of("07-ami-auth/15-dbgettree-single-aor.s2c.raw", "DBGetTree-349"),
        "PJSIPShowEndpoint": answer_of(misc, "PJSIPShowEndpoint-369"),
    }
    for action in ("PJSIPShowContacts", "PJSIPShowRegistrationInboundContactStatuses"):
        answers[action] = answer_of(f"02-populated/{action}.s2c.raw", f"q-{action}")
    for path in (PAYLOADS / "02-populated").glob("PJSIPShowEndpoint-*.s2c.raw"):
        endpoint = path.name.removeprefix("PJSIPShowEndpoint-").removesuffix(".s2c.raw")
        answers[f"PJSIPShowEndpoint {endpoint}"] = answer_of(f"02-populated/{path.name}", "ep1")
    return answers


class ReplayAmi:
    """An AMI port. `between` is written before every block of an answer, `events` behind the login of a listener.

    With `ends` the server closes behind the events.
    """

    def __init__(
        self,
        answers: Mapping[str, Answer] | None = None,
        *,
        manner: Manner | None = None,
        between: bytes = b"",
        events: bytes = b"",
        ends: bool = False,
    ) -> None:
        self.answers = {**recorded_answers(), **(answers or {})}
        self.asked: list[dict[str, str]] = []
        self.received = b""
        self.manner = manner or Manner()
        self._between = between
        self._events = events
        self._ends = ends
        self._server = ScriptedServer(self._converse)

    def endpoint(
        self, *, password: str = SECRET, timeout: float = 5.0, options: dict[str, str] | None = None
    ) -> Endpoint:
        """How this server is reached."""
        return Endpoint(
            f"tcp://127.0.0.1:{self._server.port}",
            "pbx.example.com",
            user=USER,
            password=password,
            timeout=timeout,
            options=options or {},
        )

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def _converse(self, peer: Peer) -> None:
        wire = Wire(peer, self.manner)
        wire.write(GREETING)
        challenge = str(len(self.asked) + 284887116)
        while True:
            raw = wire.read_until(END)
            self.received += raw + END
            fields = dict(line.split(": ", 1) for line in raw.decode().split("\r\n"))
            self.asked.append(fields)
            action_id = fields["ActionID"].encode()
            if fields["Action"] == "Challenge":
                wire.write(
                    _addressed(
                        b"Response: Success\r\nActionID: x\r\nChallenge: %s" % challenge.encode() + END, action_id
                    )
                )
            elif fields["Action"] == "Login":
                self._log_in(wire, fields, challenge)
            else:
                self._answer(wire, fields, action_id)

    def _log_in(self, wire: Wire, fields: dict[str, str], challenge: str) -> None:
        action_id = fields["ActionID"].encode()
        key = hashlib.md5((challenge + SECRET).encode()).hexdigest()
        if fields["Username"] != USER or fields["Key"] != key:
            wire.write(_addressed(refusal("Authentication failed"), action_id))
            raise ConnectionError
        wire.write(_addressed(b"Response: Success\r\nActionID: x\r\nMessage: Authentication accepted" + END, action_id))
        if fields["Events"] != "off":
            wire.write(self._events)
            if self._ends:
                raise ConnectionError

    def _answer(self, wire: Wire, fields: dict[str, str], action_id: bytes) -> None:
        action = fields["Action"]
        argument = fields.get("Endpoint")
        answer = self.answers.get(f"{action} {argument}", self.answers.get(action))
        if answer is None:
            answer = refusal(f"Invalid/unknown command: {action}. Use Action: ListCommands to show available commands.")
        if callable(answer):
            answer(wire, action_id)
            return
        blocks = _addressed(answer, action_id).removesuffix(END).split(END)
        wire.write(b"".join(self._between + block + END for block in blocks))
        if action == "Logoff":
            raise ConnectionError


def _addressed(answer: bytes, action_id: bytes) -> bytes:
    """The blocks with the ActionID of whoever asked."""
    lines = answer.split(b"\r\n")
    return b"\r\n".join(b"ActionID: " + action_id if line.startswith(b"ActionID: ") else line for line in lines)
