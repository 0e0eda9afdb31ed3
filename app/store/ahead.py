"""Commands that are sent before the answers to earlier ones have been read: Redis is at work while its client is.

For the two things of a pull that are done a thousand times: to read lines, and to write them. Nothing else is sent over
the connection meanwhile, and no thread is needed, which would wait for the interpreter longer than for Redis.
"""

import time
from collections.abc import Sequence
from typing import Any

import hiredis
from redis import Redis
from redis.exceptions import ResponseError

_IDLE_SECONDS = 0.5

# Its own types tell of one argument where any number may stand.
_pack: Any = hiredis.pack_command
_MULTI, _EXEC = b"*1\r\n$5\r\nMULTI\r\n", b"*1\r\n$4\r\nEXEC\r\n"


class Ahead:
    """A connection of its own out of the client's pool, from the first command until the end."""

    def __init__(self, redis: "Redis") -> None:
        self._pool: Any = redis.connection_pool
        self._connection: Any = None
        self.waiting = 0
        """How many answers have not been read."""
        self._sent = 0.0

    @property
    def idle(self) -> bool:
        """Whether it was silent for so long that somebody on the way may have closed it: better settle and end it.

        The next command takes one out of the pool that has been looked at.
        """
        return self._connection is not None and time.monotonic() - self._sent > _IDLE_SECONDS

    def ask(self, *command: str | bytes | int) -> None:
        """Send a command. Raises RedisError; a lost connection is not tried again."""
        self._send(_pack(command), 1)

    def transact(self, *commands: Sequence[str | bytes | int]) -> None:
        """Send some commands that are carried out together; `settle` reads their answers. Raises RedisError."""
        packed = b"".join(_pack(tuple(command)) for command in commands)
        self._send(_MULTI + packed + _EXEC, 2 + len(commands))

    def answer(self) -> Any:
        """The answer to the first command that has none yet. Raises RedisError, also for what Redis refused."""
        try:
            found = self._connection.read_response()
            self.waiting -= 1
        except BaseException:
            self.drop()
            raise
        return found

    def settle(self, most: int = 0) -> list[list[Any]]:
        """Read answers until no more than so many are missing; what came of each transaction. Raises RedisError."""
        carried_out = []
        while self.waiting > most:
            found = self.answer()
            if isinstance(found, list):
                # What is refused within a transaction stands among its answers.
                for each in found:
                    if isinstance(each, ResponseError):
                        self.drop()
                        raise each
                carried_out.append(found)
        return carried_out

    def end(self) -> None:
        """All answers have been read: give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.release(connection)

    def drop(self) -> None:
        """Nobody wants the answers that are missing; a second time does nothing."""
        if self._connection is not None:
            if self.waiting:
                self._connection.disconnect()
            self.waiting = 0
            self.end()

    def _send(self, packed: bytes, answers: int) -> None:
        if self._connection is None:
            self._connection = self._pool.get_connection()
        # Counted before it is sent, and until it is read: whoever is interrupted anywhere closes the connection.
        quiet, self.waiting = not self.waiting, self.waiting + answers
        self._sent = time.monotonic()
        try:
            self._connection.send_packed_command((packed,), check_health=quiet)
        except BaseException:
            self.drop()
            raise
