"""A real Kamailio with up to a million registered lines, for what grows with their number."""

import itertools
import os
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.ports import free_port
from tests.support.registrar import HOST, RegistrarProcess

HOSTNAME = "sip.example.jp"
_CONFIG = Path(__file__).with_name("kamailio.cfg")
_IN_FLIGHT = 64
_AGENTS = (
    b"Yealink SIP-T46S 66.86.0.15",
    b"Grandstream GXP2170 1.0.11.64",
    b"snomD785/10.1.141.13",
    b"Polycom VVX 411-UA/5.9.6.2327",
)


_CSEQ = itertools.count(int(time.time()))
"""A later REGISTER of the same line wants a higher CSeq, even within the same second, and in a later run."""


def user(index: int) -> str:
    """The user of a line, which is its key too."""
    return f"0507{index:08}"


class Crowd(RegistrarProcess):
    """One Kamailio that takes every REGISTER as it comes. `location` is the URL of a database as Kamailio writes it."""

    def __init__(self, folder: Path, *, memory: int = 4096, location: str | None = None) -> None:
        super().__init__(folder)
        self._memory = memory
        self._location = location
        self.socket = f"udp:{HOST}:{free_port()}"
        self.lines = 0
        """Lines that are registered, the first of all."""

    @property
    def url(self) -> str:
        """JSON-RPC over HTTP."""
        return f"http://{HOST}:{self.port}/RPC"

    @property
    def datagrams(self) -> str:
        """JSON-RPC by datagrams."""
        return self.socket.replace(":", "://", 1)

    def fill(self, count: int) -> None:
        """Let lines register until there are `count` of them."""
        if count > self.lines:
            self.register(range(self.lines, count))
            self.lines = count

    def register(self, lines: Sequence[int], *, expires: int = 86400, port: int = 5060) -> None:
        """REGISTER of some lines, a new `port` being another contact. Raises RuntimeError where one is refused."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
            sock.connect((HOST, self.port))
            sock.settimeout(5)
            here = b"%b:%d" % (HOST.encode(), sock.getsockname()[1])
            waiting = 0
            for message in _registers(lines, here, expires, port):
                sock.send(message)
                waiting += 1
                if waiting >= _IN_FLIGHT:
                    waiting -= _take(sock)
            while waiting:
                waiting -= _take(sock)

    def _command(self) -> Sequence[str]:
        program = shutil.which("kamailio", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            raise RuntimeError("kamailio is not installed")
        run = self._folder / "run"
        run.mkdir(parents=True, exist_ok=True)
        address = f"{HOST}:{self.port}"
        defines = [f'RPC_SOCKET="{self.socket}"', *([f'LOCATION="{self._location}"'] if self._location else [])]
        return [
            program, "-f", str(_CONFIG), "-DD", "-E", "-w", str(run), "-Y", str(run),
            "-m", str(self._memory), "-M", str(max(64, self._memory // 4)),
            "-l", f"udp:{address}", "-l", f"tcp:{address}",
            *(part for define in defines for part in ("-A", define)),
        ]  # fmt: skip

    def _write_users(self) -> None:
        """It knows none."""


def one_register(sock: socket.socket, index: int) -> bytes:
    """The REGISTER of one line, sent from a connected socket."""
    here = b"%b:%d" % (HOST.encode(), sock.getsockname()[1])
    return next(_registers([index], here, 86400, 5060))


def _registers(lines: Sequence[int], here: bytes, expires: int, port: int) -> Iterator[bytes]:
    cseq = next(_CSEQ)
    for index in lines:
        name = user(index).encode()
        where = b"10.%d.%d.%d:%d" % (index >> 16 & 255, index >> 8 & 255, index & 255, port)
        yield (
            b"REGISTER sip:%b SIP/2.0\r\nVia: SIP/2.0/UDP %b;branch=z9hG4bK%x;rport\r\nMax-Forwards: 70\r\n"
            b"From: <sip:%b@%b>;tag=%x\r\nTo: <sip:%b@%b>\r\nCall-ID: %x@crowd\r\nCSeq: %d REGISTER\r\n"
            b"Contact: <sip:%b@%b>;expires=%d\r\nUser-Agent: %b\r\nContent-Length: 0\r\n\r\n"
        ) % (
            HOSTNAME.encode(), here, index, name, HOSTNAME.encode(), index, name, HOSTNAME.encode(), index, cseq,
            name, where, expires, _AGENTS[index % len(_AGENTS)],
        )  # fmt: skip


def _take(sock: socket.socket) -> int:
    answer = sock.recv(4096)
    if not answer.startswith(b"SIP/2.0 200"):
        raise RuntimeError(f"a REGISTER was refused: {answer[:100]!r}")
    return 1
