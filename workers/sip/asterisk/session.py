"""A session on Asterisk's manager interface: log in without showing the secret, ask, and count what comes."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime
from math import isfinite
from types import TracebackType
from typing import Self

from app.domain.text import clean
from workers.sip.asterisk.parse import BLOCK_END, Block, belongs, is_empty_list, is_end
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.stream import Deadline, Stream, open_endpoint

PORTS = {"tcp": 5038, "tls": 5039}
_GREETING = b"Asterisk Call Manager/"
_BLOCK_LIMIT = 1024 * 1024
# Asterisk cuts the lines that it is sent at 1,024 bytes.
_VALUE_LIMIT = 900


class RefusalError(SipError):
    """The server answered an action with an error of its own words."""

    def __init__(self, message: str) -> None:
        super().__init__(Problem.FAULT, clean(message, 100))
        self.message = message


class Session:
    """A connection that is logged in. Only messages that carry the ActionID of what was asked are believed."""

    def __init__(self, endpoint: Endpoint, *, now: Callable[[], datetime], events: str = "off") -> None:
        """Connect and log in; `events` is the mask of events that the server shall send. Raises SipError."""
        self._now = now
        if not endpoint.user or not endpoint.password:
            raise SipError(Problem.CONFIGURATION, "the manager's user and secret are not set", permanent=True)
        self._endpoint = endpoint
        self.stream = self._open()
        self.clock_skew: float | None = None
        self._ping: str | None = None
        try:
            self._greet()
            self._login(endpoint.user, endpoint.password, events)
        except BaseException:
            self.stream.close()
            raise

    def _open(self) -> Stream:
        return open_endpoint(self._endpoint, PORTS, Deadline(self._endpoint.timeout))

    def _greet(self) -> None:
        try:
            greeting = self.stream.read_until(b"\r\n", 200)
        except SipError as error:
            if error.problem is Problem.TOO_LARGE:
                raise SipError(Problem.GARBAGE, "not Asterisk's manager interface") from None
            raise
        if not greeting.startswith(_GREETING):
            raise SipError(Problem.GARBAGE, "not Asterisk's manager interface")

    def _login(self, user: str, secret: str, events: str) -> None:
        try:
            challenge = self.answer(self.send("Challenge", AuthType="MD5")).once("Challenge")
            key = hashlib.md5((challenge + secret).encode(), usedforsecurity=False).hexdigest()
            self.answer(self.send("Login", AuthType="MD5", Username=user, Key=key, Events=events))
        except RefusalError as refused:
            if "authentication" in refused.message.lower():
                raise SipError(Problem.CREDENTIALS, "the manager refused user or secret", permanent=True) from None
            raise
        except ValueError:
            raise SipError(Problem.GARBAGE, "a challenge that is none") from None

    def send(self, action: str, **fields: str) -> str:
        """Send an action and return its ActionID. Raises SipError(FAULT) for a value that cannot be sent."""
        action_id = secrets.token_hex(12)
        if any(
            len(value.encode("utf-8", "replace")) > _VALUE_LIMIT or not value.isprintable() for value in fields.values()
        ):
            raise SipError(Problem.FAULT, "a value that the manager interface cannot take", permanent=True)
        lines = [f"Action: {action}", f"ActionID: {action_id}", *(f"{name}: {value}" for name, value in fields.items())]
        self.stream.send(("\r\n".join(lines) + "\r\n\r\n").encode())
        return action_id

    def read(self) -> bytes:
        """The next message, whoever's it is, but for the answer to a ping."""
        while True:
            raw = self.stream.read_until(BLOCK_END, _BLOCK_LIMIT)
            if self._ping is None or not belongs(raw, self._ping):
                return raw
            self._ping = None
            self.clock_skew = _skew(Block.of(raw).get("Timestamp"), self._now())

    def ping(self) -> None:
        """Ask for the server's time: `clock_skew` is set once the next action has been answered."""
        self._ping = self.send("Ping")

    @property
    def pinging(self) -> bool:
        """Whether the answer to the last ping has yet to come."""
        return self._ping is not None

    def answer(self, action_id: str) -> Block:
        """The answer to an action. Raises RefusalError."""
        while True:
            raw = self.read()
            if belongs(raw, action_id):
                block = Block.of(raw)
                if block.get("Response") == "Error":
                    raise RefusalError(block.get("Message"))
                return block

    def ask(self, action: str, **fields: str) -> Block:
        """Do an action that has one message for an answer. Raises SipError as `listing` does."""
        try:
            return self.answer(self.send(action, **fields))
        except RefusalError as refused:
            raise self._explained(refused, action) from None

    def listing(self, action: str, *, most: int | None = None, **fields: str) -> list[bytes]:
        """Do an action that answers with a list, and return its messages as they came.

        Raises SipError: TRUNCATED or GARBAGE when there are less or more messages than announced, TOO_LARGE when
        there are more than `most`, PERMISSION, COMMAND_MISSING or LOADING when the server does not do it, RefusalError
        for any other error.
        """
        action_id = self.send(action, **fields)
        try:
            self.answer(action_id)
        except RefusalError as refused:
            if is_empty_list(refused.message):
                return []
            raise self._explained(refused, action) from None
        items: list[bytes] = []
        while True:
            raw = self.read()
            if not belongs(raw, action_id):
                continue
            if is_end(raw):
                _count(raw, len(items))
                return items
            items.append(raw)
            if most is not None and len(items) > most:
                raise SipError(Problem.TOO_LARGE, f"more than {most} contacts: choose the source astdb", permanent=True)

    def _explained(self, refused: RefusalError, action: str) -> SipError:
        """Why an action was refused: while Asterisk starts it says so of everything that has not been loaded."""
        if refused.message.startswith("Permission denied"):
            if not self._answers("Ping"):
                return SipError(Problem.LOADING, "the server is starting")
            return SipError(Problem.PERMISSION, f"the manager's user may not do {action}", permanent=True)
        if refused.message.startswith("Invalid/unknown command"):
            if not self._answers("CoreStatus"):
                return SipError(Problem.LOADING, "the server is starting")
            return SipError(Problem.COMMAND_MISSING, f"the server does not know {action}", permanent=True)
        return refused

    def _answers(self, action: str) -> bool:
        """Whether an action that every user has at all times is done, by a server that has started."""
        try:
            block = self.answer(self.send(action))
        except RefusalError as refused:
            return refused.message.startswith("Permission denied")
        except SipError:
            return False
        # Until it has started, Asterisk says that it started when Unix did.
        return not block.get("CoreStartupDate").startswith(("1969", "1970"))

    def logoff(self) -> None:
        """Say goodbye, without waiting for the answer, and close."""
        try:
            self.send("Logoff")
        except SipError:
            return
        finally:
            self.stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.logoff()
        else:
            self.stream.close()


def _skew(timestamp: str, now: datetime) -> float | None:
    """Seconds by which the server's clock is ahead of ours."""
    try:
        skew = float(timestamp) - now.timestamp()
    except ValueError:
        return None
    return skew if isfinite(skew) else None


def _count(complete: bytes, came: int) -> None:
    """Compare what the end of a list says with what came: a slow reader is not told what was dropped."""
    announced = Block.of(complete).get("ListItems")
    if not announced.isascii() or not announced.isdigit():
        raise SipError(Problem.GARBAGE, "a list without its number")
    if int(announced[:9]) > came:
        raise SipError(Problem.TRUNCATED, f"{came} of {announced[:9]} records came")
    if int(announced[:9]) < came:
        raise SipError(Problem.GARBAGE, f"{came} records came, {announced[:9]} were announced")
