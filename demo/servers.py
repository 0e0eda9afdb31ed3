"""The demo's login servers: one of each family that customers may see, and one that is asked on demand."""

from dataclasses import dataclass

LIVE = "sip3.cldpbx.com"
ON_DEMAND = "sip5.cldpbx.com"
OPENSIPS = "sip6.cldpbx.com"
ASTERISK = "sip7.cldpbx.com"
FREESWITCH = "sip8.cldpbx.com"


@dataclass(frozen=True, slots=True)
class LoginServer:
    """One registrar. `url` is its management interface's, with a place for host:port."""

    hostname: str
    family: str
    title: str
    url: str
    live: bool = True
    manager: str | None = None
    """Who manages it, empty for a family that knows a password only, None where anybody on this machine may."""

    @property
    def short(self) -> str:
        """Its name within the demo."""
        return self.hostname.partition(".")[0]

    @property
    def credentials(self) -> str | None:
        """The environment variable that holds user:password of its management interface."""
        return None if self.manager is None else f"DEMO_{self.short.upper()}_CREDENTIALS"

    @property
    def keeps_hashes(self) -> bool:
        """Whether its device passwords lie in a table that the portal may write."""
        return self.family in {"kamailio", "opensips"}

    @property
    def managed_apart(self) -> bool:
        """Whether its management interface has a port of its own, and not the number of the SIP port."""
        return self.family != "kamailio"

    @property
    def tells(self) -> bool:
        """Whether it tells of its own accord what happens."""
        return self.family != "kamailio"


SERVERS = (
    LoginServer(LIVE, "kamailio", "Kamailio", "http://{}/RPC"),
    LoginServer(ON_DEMAND, "kamailio", "Kamailio", "http://{}/RPC", live=False),
    LoginServer(OPENSIPS, "opensips", "OpenSIPS", "http://{}/mi", manager="portal"),
    LoginServer(ASTERISK, "asterisk", "Asterisk", "tcp://{}", manager="portal"),
    LoginServer(FREESWITCH, "freeswitch", "FreeSWITCH", "tcp://{}", manager=""),
)
BY_NAME = {server.hostname: server for server in SERVERS}
