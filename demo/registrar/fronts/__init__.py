"""The management interfaces of the server families, each with its own transport, over one and the same registrar."""

from collections.abc import Callable

from demo.registrar.fronts.asterisk import AsteriskFront
from demo.registrar.fronts.base import Front, Site
from demo.registrar.fronts.freeswitch import FreeswitchFront
from demo.registrar.fronts.kamailio import KamailioFront
from demo.registrar.fronts.opensips import OpensipsFront
from demo.registrar.registrar import Registrar

FRONTS: dict[str, Callable[[Registrar, Site], Front]] = {
    "kamailio": KamailioFront,
    "opensips": OpensipsFront,
    "asterisk": AsteriskFront,
    "freeswitch": FreeswitchFront,
}
SHARED_PORT = frozenset(("kamailio",))
"""Those that answer on the TCP port with the number of the SIP port."""
