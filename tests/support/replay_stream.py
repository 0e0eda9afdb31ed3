"""Replaying a recorded TCP server byte for byte: in pieces, with pauses, cut short, or falling silent."""

from dataclasses import dataclass
from threading import Event

from tests.support.serve import Peer


@dataclass(frozen=True, slots=True)
class Manner:
    """How a replayed server writes."""

    piece: int = 1 << 30
    """Bytes a write."""
    pause: float = 0.0
    """Seconds between two writes."""
    cut: int | None = None
    """Close the connection after so many bytes of it."""
    stall: int | None = None
    """Write no more after so many bytes of it, and stay."""


class Wire:
    """A connection that reads up to a delimiter and writes in a manner."""

    def __init__(self, peer: Peer, manner: Manner) -> None:
        self.peer = peer
        self._manner = manner
        self._unread = b""
        self._written = 0
        self._never = Event()

    def read_until(self, delimiter: bytes) -> bytes:
        """What came before the next delimiter. Raises ConnectionError when the client has gone."""
        while delimiter not in self._unread:
            if not (chunk := self.peer.sock.recv(65536)):
                raise ConnectionError
            self._unread += chunk
        found, _, self._unread = self._unread.partition(delimiter)
        return found

    def write(self, data: bytes) -> None:
        """Write `data` in pieces. Raises ConnectionError where the manner cuts the connection."""
        manner = self._manner
        end = next((limit for limit in (manner.cut, manner.stall) if limit is not None), None)
        kept = data if end is None else data[: max(0, end - self._written)]
        for start in range(0, len(kept), manner.piece):
            if start and manner.pause:
                self._never.wait(manner.pause)
            self.peer.send(kept[start : start + manner.piece])
        self._written += len(kept)
        if len(kept) == len(data):
            return
        if manner.cut is None:
            self.peer.hang()
        raise ConnectionError
