"""The demo's embedded registrar behind the management interface of any family."""

import socket
from collections.abc import Sequence
from pathlib import Path

from tests.support.embedded import EmbeddedRegistrar
from tests.support.ports import free_port
from tests.support.registrar import HOST, REALM
from tests.support.sip import Phone
from workers.sip.base import Endpoint

CREDENTIALS = "DEMO_MANAGEMENT"
"""The environment variable that the registrar reads; whoever starts it sets it to `USER`:`PASSWORD`."""
USER, PASSWORD = "portal", "only managers know it"
_URLS = {"opensips": "http://{}:{}/mi", "asterisk": "tcp://{}:{}", "freeswitch": "tcp://{}:{}"}


class FrontedRegistrar(EmbeddedRegistrar):
    """One instance of `family`."""

    def __init__(self, folder: Path, family: str) -> None:
        super().__init__(folder)
        self.family = family
        self.management_port = free_port()

    def endpoint(self, *, timeout: float = 10.0, options: dict[str, str] | None = None) -> Endpoint:
        """How an adapter reaches its management interface; FreeSWITCH's knows no users."""
        return Endpoint(
            _URLS[self.family].format(HOST, self.management_port),
            REALM,
            user="" if self.family == "freeswitch" else USER,
            password=PASSWORD,
            timeout=timeout,
            options=options or {},
        )

    def _command(self) -> Sequence[str]:
        managed = ["--family", self.family, "--management-port", str(self.management_port)]
        return [*super()._command(), *managed, "--credentials", CREDENTIALS]

    def _answers(self) -> bool:
        assert self._child is not None
        assert self._child.running, self._child.words()
        try:
            socket.create_connection((HOST, self.management_port), timeout=5).close()
            with Phone(self.address, "probe", "", domain=REALM) as phone:
                return phone.options() == 200
        except ConnectionRefusedError:
            return False
