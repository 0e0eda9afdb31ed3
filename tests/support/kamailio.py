"""A real Kamailio with the demo's configuration, started for a test in a folder of its own."""

import os
import shutil
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from demo import kamailio
from tests.support.ports import free_port
from tests.support.registrar import HOST, REALM, RegistrarProcess
from tests.support.sip import Phone
from tests.support.wait import until
from workers.sip.base import Endpoint


class Kamailio(RegistrarProcess):
    """One instance. Subscribers may be added while it runs.

    `defines` are any of those that its configuration explains; `events` lets it tell what happens at `events_port`.
    `subscribers` is the URL of a database that the test itself fills, `zone` the time zone of its clock, `shift` what
    that is wrong by, such as ``-5m``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        defines: Sequence[str] = (),
        events: bool = False,
        subscribers: str | None = None,
        zone: str = "UTC",
        shift: str = "",
    ) -> None:
        super().__init__(folder)
        self.events_port = free_port()
        self._subscribers = subscribers
        self._zone = zone
        self._shift = shift
        self._defines = [*defines, f'TSUNAGARI_EVENTS="{HOST}:{self.events_port}"'] if events else [*defines]

    def endpoint(self, *, timeout: float = 10.0, url: str | None = None, **options: str) -> Endpoint:
        """How an adapter reaches it, by default over HTTP."""
        endpoint = super().endpoint(timeout=timeout)
        return replace(endpoint, url=url or endpoint.url, options=options)

    def wait_for_events(self) -> None:
        """Return when it lets listeners in."""
        until(self._lets_in, 10, "a Kamailio that tells events")

    def _lets_in(self) -> bool:
        try:
            socket.create_connection((HOST, self.events_port), timeout=5).close()
        except ConnectionRefusedError:
            return False
        return True

    def _command(self) -> Sequence[str]:
        program = shutil.which("kamailio", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        assert program, "kamailio is not installed"
        run = self._folder / "run"
        run.mkdir(parents=True, exist_ok=True)
        command = kamailio.command(
            program,
            host=HOST,
            port=self.port,
            realm=REALM,
            subscribers=self._subscribers or kamailio.subscribers_url(self._folder / "subscribers"),
            run=run,
            defines=self._defines,
        )
        return ["env", f"TZ={self._zone}", *self._shifted(), *command]

    def _shifted(self) -> list[str]:
        """The program that gives it another clock."""
        if not self._shift:
            return []
        program = shutil.which("faketime")
        assert program, "faketime is not installed: apt-get install faketime"
        return [program, "-f", self._shift]

    def stranger(self, user: str, password: str = "guess") -> Phone:
        """A device of whom it does not know from `subscribe`."""
        return Phone(self.address, user, password, domain=REALM)

    def _write_users(self) -> None:
        if self._subscribers is None:
            kamailio.write_subscribers(self._folder / "subscribers", REALM, self._users)
