"""As many requests as a server answers: some kept connections, each asking again as soon as it has its answer."""

import multiprocessing
import select
import socket
import time
from dataclasses import dataclass, field
from multiprocessing.pool import Pool
from typing import Self

from bench.exchange import Answer

_PATIENCE = 10.0
_PIECE = 65_536


@dataclass(frozen=True, slots=True)
class Load:
    """What one round brought."""

    answers: int
    seconds: float
    cpu: float
    """Seconds that the cores worked for whoever asked."""
    size: int
    """Bytes of one answer on the wire."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


class Asker:
    """Asks from a process of its own, for as long as the block runs."""

    def __init__(self) -> None:
        self._pool: Pool = multiprocessing.get_context("spawn").Pool(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.terminate()
        self._pool.join()

    def ask(self, port: int, request: bytes, status: int, *, connections: int, seconds: float) -> Load:
        """One round. Raises ValueError for an answer with another `status`, TimeoutError for none."""
        return self._pool.apply(_ask, (port, request, status, connections, seconds))


@dataclass(slots=True)
class _Line:
    connection: socket.socket
    answer: Answer = field(default_factory=Answer)


def _ask(port: int, request: bytes, status: int, connections: int, seconds: float) -> Load:
    lines = [_Line(socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)) for _ in range(connections)]
    by_number = {line.connection.fileno(): line for line in lines}
    answers, waiting, size = 0, connections, 0
    with select.epoll() as poller:
        for number, line in by_number.items():
            line.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poller.register(number, select.EPOLLIN)
        began, spent = time.perf_counter(), time.process_time()
        for line in lines:
            line.connection.sendall(request)
        # What was asked is waited for: nobody's answer is left over for the next round.
        while waiting:
            for number, _ in _ready(poller):
                line = by_number[number]
                if not line.answer.take(line.connection.recv(_PIECE)):
                    continue
                size, line.answer = _checked(line.answer, status), Answer()
                answers += 1
                if time.perf_counter() - began < seconds:
                    line.connection.sendall(request)
                else:
                    waiting -= 1
        taken, spent = time.perf_counter() - began, time.process_time() - spent
    for line in lines:
        line.connection.close()
    return Load(answers, taken, spent, size)


def _ready(poller: select.epoll) -> list[tuple[int, int]]:
    ready = poller.poll(_PATIENCE)
    if not ready:
        raise TimeoutError("no answer")
    return ready


def _checked(answer: Answer, status: int) -> int:
    """Its size."""
    if answer.status != status or answer.closes:
        raise ValueError(f"answered with {answer.status}, not {status}, closing: {answer.closes}")
    return answer.size
