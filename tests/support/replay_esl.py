"""A replayed FreeSWITCH: a real login on an event socket, then the recorded answers, command by command."""

import base64
import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tests.support.replay_stream import Manner, Wire
from tests.support.serve import Peer, ScriptedServer
from workers.sip.base import Endpoint

PAYLOADS = Path(__file__).parents[1] / "payloads" / "freeswitch"
PASSWORD = "Lab-ESL-secret"
USER = "portal@sip3.example.com"
"""A user of the directory that may log in to the event socket with the same password."""
HOME = "sip3.example.com"
RECORDED_AT = datetime.fromtimestamp(1795413138.7, UTC)
"""When the five registrations were listed; the server's clock showed the second that had begun."""
FIVE = "02-five-registrations"
GREETING = b"Content-Type: auth/request\n\n"
GOODBYE = (
    b"Content-Type: text/disconnect-notice\nContent-Length: 67\n\n"
    b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
)
LIST = "sofia xmlstatus profile internal reg"
STATE = "sofia xmlstatus profile internal"
USER_OF = f"{STATE} user "
CORE = "show registrations as delim \\t"

NOBODY = b'<?xml version="1.0" encoding="ISO-8859-1"?>\n<profile>\n  <registrations>\n  </registrations>\n</profile>\n'

Answer = bytes | Callable[[Wire], None]
"""The body of an answer, or what writes it itself."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it was recorded."""

    head: bytes
    body: bytes

    @property
    def kind(self) -> str:
        """The content type."""
        return next(
            line.split(b": ")[1].decode() for line in self.head.split(b"\n") if line.startswith(b"Content-Type")
        )

    @property
    def raw(self) -> bytes:
        """The bytes on the wire."""
        return self.head + b"\n\n" + self.body


def recordings() -> list[str]:
    """The names of the recorded conversations."""
    return sorted(path.stem for path in PAYLOADS.glob("*.jsonl"))


def packed(name: str) -> bytes:
    """A body that is kept compressed."""
    return gzip.decompress((PAYLOADS / f"{name}.body.gz").read_bytes())


def conversation(name: str) -> dict[int, list[tuple[str, bytes]]]:
    """What was said on each connection of a recording: "C" or "S", and the bytes."""
    said: dict[int, list[tuple[str, bytes]]] = {}
    for line in (PAYLOADS / f"{name}.jsonl").read_text().splitlines():
        entry: dict[str, Any] = json.loads(line)
        if entry["dir"] in "CS":
            chunk = base64.b64decode(entry["b64"]) if "b64" in entry else entry["text"].encode()
            said.setdefault(entry.get("conn", 0), []).append((entry["dir"], chunk))
    return said


def server_bytes(name: str, connection: int = 0) -> bytes:
    """All that the server wrote on one connection."""
    return b"".join(chunk for who, chunk in conversation(name)[connection] if who == "S")


def frames(stream: bytes) -> Iterator[Frame]:
    """The frames of a recorded stream."""
    while stream:
        head, _, rest = stream.partition(b"\n\n")
        lengths = [line.split(b": ")[1] for line in head.split(b"\n") if line.startswith(b"Content-Length")]
        length = int(lengths[0]) if lengths else 0
        yield Frame(head, rest[:length])
        stream = rest[length:]


def events(name: str, connection: int = 0) -> list[Frame]:
    """The events of a recording, in order."""
    return [frame for frame in frames(server_bytes(name, connection)) if frame.kind.startswith("text/event-")]


def exchanges(name: str) -> Iterator[tuple[str, bytes]]:
    """Each api command of a recording, and the body of its answer; several times where it was asked several times."""
    for connection, said in conversation(name).items():
        sent = b"".join(chunk.replace(b"\r", b"") for who, chunk in said if who == "C").decode()
        commands = [line for line in sent.split("\n\n") if line.lower().startswith("api ")]
        answers = [frame for frame in frames(server_bytes(name, connection)) if frame.kind == "api/response"]
        if len(commands) == len(answers):
            yield from ((command[4:], answer.body) for command, answer in zip(commands, answers, strict=True))


def tabbed(listed: bytes) -> bytes:
    r"""What `as delim \t` answers where the recorded CSV holds no comma in any value."""
    return listed.replace(b",", b"\t")


def delimited(listed: bytes) -> bytes:
    r"""What `as delim \t` answers for the rows of a recorded JSON list."""
    rows: list[dict[str, str]] = json.loads(listed).get("rows", [])
    lines = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)] if rows else []
    return "\n".join((*lines, "", f"{len(rows)} total.", "")).encode()


def listing(listed: bytes, wanted: Callable[[str], bool]) -> bytes:
    """The XML list with the records only of those users that are wanted."""
    records = re.findall(rb"    <registration>\n.*?    </registration>\n", listed, re.DOTALL)
    for record in records:
        found = re.search(rb"<user>(.*)</user>", record)
        if found is None or not wanted(found[1].decode()):
            listed = listed.replace(record, b"")
    return listed


def state(rows: int) -> bytes:
    """The profile's state when its table has so many rows."""
    recorded = dict(exchanges(FIVE))[STATE]
    return recorded.replace(b"<registrations>5<", b"<registrations>%d<" % rows)


def recorded_answers(name: str = FIVE) -> dict[str, Answer]:
    """What the server answered first to each command, with the general ones of another recording."""
    answers: dict[str, Answer] = {}
    for recording in (name, "01-auth-and-empty"):
        for command, body in exchanges(recording):
            answers.setdefault(command, body)
    answers[CORE] = tabbed(dict(exchanges(name)).get("show registrations", b"\n0 total.\n"))
    answers["strepoch"] = str(int(RECORDED_AT.timestamp())).encode()
    return answers


def answered(body: bytes) -> bytes:
    """An answer to an api command."""
    return b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body) + body


class ReplayEsl:
    """An event socket. `between` is written before every answer, `events` behind the reply to a subscription."""

    def __init__(
        self,
        answers: Mapping[str, Answer] | None = None,
        *,
        manner: Manner | None = None,
        greeting: bytes = GREETING,
        between: bytes = b"",
        events: bytes = b"",
    ) -> None:
        self.answers = {**recorded_answers(), **(answers or {})}
        self.asked: list[str] = []
        self.subscription = b"Content-Type: command/reply\nReply-Text: +OK event listener enabled json\n\n"
        self.manner = manner or Manner()
        self._greeting = greeting
        self._between = between
        self._events = events
        self._server = ScriptedServer(self._converse)

    def endpoint(
        self, options: dict[str, str] | None = None, *, password: str = PASSWORD, timeout: float = 5.0
    ) -> Endpoint:
        """How this server is reached."""
        url = f"tcp://127.0.0.1:{self._server.port}"
        return Endpoint(url, HOME, password=password, timeout=timeout, options=options or {})

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def _converse(self, peer: Peer) -> None:
        wire = Wire(peer, self.manner)
        wire.write(self._greeting)
        while True:
            command = wire.read_until(b"\n\n").decode()
            verb, _, argument = command.partition(" ")
            if verb in ("auth", "userauth"):
                self._log_in(wire, argument.removeprefix(f"{USER}:") if verb == "userauth" else argument)
            elif verb == "event":
                wire.write(self.subscription + self._events)
            else:
                self.asked.append(argument)
                self._answer(wire, argument)

    def _log_in(self, wire: Wire, password: str) -> None:
        if password != PASSWORD:
            wire.write(b"Content-Type: command/reply\nReply-Text: -ERR invalid\n\n" + GOODBYE)
            raise ConnectionError
        wire.write(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")

    def _answer(self, wire: Wire, command: str) -> None:
        answer = self.answers.get(command)
        if answer is None:
            answer = self._look_up(command)
        wire.write(self._between)
        if callable(answer):
            answer(wire)
        else:
            wire.write(answered(answer))

    def _look_up(self, command: str) -> bytes:
        """One user's rows of a profile's list, compared letter by letter as the server does."""
        asked = re.fullmatch(r"(sofia xmlstatus profile (?:internal|single)) (user (.*)|reg)", command)
        if asked is None:
            return b"-ERR %s Command not found!\n" % command.split(" ", maxsplit=1)[0].encode()
        listed = self.answers.get(f"{asked[1]} reg")
        if not isinstance(listed, bytes):
            return NOBODY
        user = asked[3]
        return listing(listed, lambda held: held.startswith(user) if user.endswith("@") else held == user)
