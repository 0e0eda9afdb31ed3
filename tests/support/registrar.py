"""What the registrars that tests start have in common: a real process, phones, and Kamailio's JSON-RPC."""

import contextlib
import os
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.support.ports import free_port, is_free
from tests.support.process import Child
from tests.support.sip import Phone
from tests.support.wait import until
from workers.sip.base import Endpoint, SipError
from workers.sip.kamailio.rpc import Rpc

REALM = "sip.example.jp"
HOST = "127.0.0.1"


class RegistrarProcess(ABC):
    """One registrar on a port of its own; it may be stopped, killed, frozen and started again on that port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._users: dict[str, str] = {}
        self._child: Child | None = None
        self.port = free_port()

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """What starts it in the foreground."""

    @abstractmethod
    def _write_users(self) -> None:
        """Put `_users` where it looks for them."""

    @property
    def address(self) -> tuple[str, int]:
        """Where phones register."""
        return HOST, self.port

    def endpoint(self, *, timeout: float = 10.0) -> Endpoint:
        """How an adapter reaches it."""
        return Endpoint(f"http://{HOST}:{self.port}/RPC", REALM, timeout=timeout)

    def rpc(self) -> Rpc:
        """A connection for what only a test asks."""
        return Rpc(self.endpoint())

    def subscribe(self, **users: str) -> None:
        """Let these users authenticate, each by their password; those before them too."""
        self._users |= users
        self._write_users()

    def phone(self, user: str) -> Phone:
        """A device of a subscriber."""
        return Phone(self.address, user, self._users[user], domain=REALM)

    def start(self) -> None:
        """Start it and return when it answers, both SIP and HTTP."""
        self._write_users()
        self._child = Child(self._command(), self._folder / f"{type(self).__name__.lower()}.log")
        until(self._answers, 20, "a registrar that answers")

    def stop(self) -> None:
        """End it in good order, if it runs."""
        if self._child is not None:
            self.thaw()
            # To the whole group: Kamailio's first process can miss a signal that comes just before it sleeps.
            self._signal(signal.SIGTERM)
            # One that misses it all the same has been killed by then, and how it ends is not what a test looks at.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.stop(5)
        self._child = None

    def kill(self) -> None:
        """End it at once with all its children, as a crash does."""
        if self._child is not None:
            self._child.kill()
            # Its children end a moment after it, and they hold the sockets too.
            until(lambda: is_free(self.port), 10, "the end of the last process")
        self._child = None

    def freeze(self) -> None:
        """Stop all its processes where they stand: its sockets stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None and self._child.running:
            os.killpg(self._child.pid, number)

    def _answers(self) -> bool:
        assert self._child is not None
        assert self._child.running, self._child.words()
        try:
            with self.rpc() as rpc:
                rpc.call("core.uptime")
            with Phone(self.address, "probe", "", domain=REALM) as phone:
                return phone.options() == 200
        except (SipError, ConnectionRefusedError):
            return False
