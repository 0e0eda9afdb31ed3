"""A connection to FreeSWITCH's event socket: frames, the login, commands and events."""

from types import TracebackType
from typing import Self

from app.domain.text import clean
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.freeswitch.rows import text
from workers.sip.stream import Deadline, Stream, open_endpoint

# The server speaks no TLS itself; a tunnel in front of it may.
_PORTS = {"tcp": 8021, "tls": 8022}
_HEAD_LIMIT = 64 * 1024
_EVENT_LIMIT = 4 * 1024 * 1024
_ANSWERS = ("api/response", "command/reply")


class Esl:
    """A connection. Every method raises SipError, and nothing else.

    Answers come in the order of the commands, events between them.
    """

    def __init__(self, stream: Stream, *, timeout: float, size_limit: int) -> None:
        self._stream = stream
        self._timeout = timeout
        self._size_limit = size_limit
        self._head: dict[str, str] | None = None

    @classmethod
    def open(cls, endpoint: Endpoint) -> Self:
        """Connect and log in.

        Raises SipError: CREDENTIALS, PERMISSION where the server's ACL refuses our address, GARBAGE where it is
        another kind of server, CONFIGURATION without a password, and what `open_endpoint` raises.
        """
        login = _login(endpoint)
        stream = open_endpoint(endpoint, _PORTS, Deadline(endpoint.timeout))
        esl = cls(stream, timeout=endpoint.timeout, size_limit=endpoint.size_limit)
        try:
            esl.authenticate(login)
        except BaseException:
            esl.close()
            raise
        return esl

    def begin(self) -> None:
        """Start a new exchange: it has all the endpoint's time and room again."""
        self._stream.begin(Deadline(self._timeout), self._size_limit)

    def ask(self, *commands: str) -> list[bytes]:
        """The answer to each api command, as it is: a refusal is an answer too. They are sent in one go."""
        self.send(*commands)
        return [self._answer() for _ in commands]

    def send(self, *commands: str) -> None:
        """Send api commands and leave the answers for later."""
        if any(not command.isprintable() for command in commands):
            raise SipError(Problem.CONFIGURATION, "a command with a control character", permanent=True)
        self._stream.send("".join(f"api {command}\n\n" for command in commands).encode("utf-8", "replace"))

    def subscribe(self, *subclasses: str) -> None:
        """Ask for events of these kinds. Raises SipError(PERMISSION) where the server refuses."""
        self._stream.send(f"event json CUSTOM {' '.join(subclasses)}\n\n".encode())
        reply = self._answer()
        if not reply.startswith(b"+OK") or b"json" not in reply:
            raise SipError(Problem.PERMISSION, f"no events: {clean(text(reply))}", permanent=True)

    def next_frame(self, seconds: float) -> tuple[str, bytes] | None:
        """The content type and the body of what comes next; None when nothing whole has come within `seconds`."""
        self._stream.begin(Deadline(seconds), _EVENT_LIMIT)
        try:
            return self._frame()
        except SipError as error:
            if error.problem is Problem.TIMEOUT:
                return None
            raise

    def close(self) -> None:
        """End the connection; a second time does nothing."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def authenticate(self, login: bytes) -> None:
        """Hear the server's greeting and answer it. Raises SipError as `open` does."""
        try:
            kind, body = self._frame()
        except SipError as error:
            if error.problem is Problem.TOO_LARGE:
                raise SipError(Problem.GARBAGE, "not an event socket") from None
            raise
        if kind == "text/rude-rejection":
            raise SipError(Problem.PERMISSION, f"the event socket's ACL: {clean(text(body))}", permanent=True)
        if kind != "auth/request":
            raise SipError(Problem.GARBAGE, "not an event socket")
        self._stream.send(login)
        reply = self._answer()
        if reply.startswith(b"-ERR"):
            raise SipError(Problem.CREDENTIALS, "the event socket refused the password", permanent=True)
        if not reply.startswith(b"+OK"):
            raise SipError(Problem.GARBAGE, "the event socket neither accepts nor refuses the password")

    def _answer(self) -> bytes:
        """The body of the next answer, or the text of the next reply; events on the way to it are let go."""
        while True:
            kind, body = self._frame()
            if kind in _ANSWERS:
                return body

    def _frame(self) -> tuple[str, bytes]:
        """The content type and body of the next frame; a reply's text is its body.

        Raises SipError: FAULT when the server says goodbye, GARBAGE for a head that is none, and what a Stream raises.
        After a TIMEOUT the next call goes on where this one stood.
        """
        if self._head is None:
            self._head = _headers(self._stream.read_until(b"\n\n", _HEAD_LIMIT))
        kind, length = self._head.get("content-type", ""), self._head.get("content-length", "0")
        if not kind or not (length.isascii() and length.isdigit() and len(length) <= len("9999999999")):
            raise SipError(Problem.GARBAGE, "a frame without a type or with a length that is none")
        body = self._stream.read_exactly(int(length))
        reply, self._head = self._head.get("reply-text"), None
        if kind == "text/disconnect-notice":
            raise SipError(Problem.FAULT, f"the server closed the connection: {clean(text(body))}")
        return kind, body if reply is None else reply.encode()


def _login(endpoint: Endpoint) -> bytes:
    """The command that logs in. Nothing of it may show in an error."""
    if not endpoint.password:
        raise SipError(Problem.CONFIGURATION, "no password for the event socket", permanent=True)
    command = f"userauth {endpoint.user}:{endpoint.password}" if endpoint.user else f"auth {endpoint.password}"
    if "\n" in command or "\r" in command:
        raise SipError(Problem.CONFIGURATION, "user or password with a line break", permanent=True)
    return f"{command}\n\n".encode()


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in text(head).split("\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines}
