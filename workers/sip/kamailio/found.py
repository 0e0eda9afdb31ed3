"""The answer to `ul.lookup` for a line with one contact, read at the least cost, as `parse` would read it. Pure."""

import re

from app.domain.record import Row, binding
from workers.sip.kamailio.plain import is_fit

_AGENTS = 4096
"""User agents that are remembered: any phone may send any."""
# As Kamailio writes it, from the first brace to the last. Texts that are shown are printable ASCII without a quote or a
# backslash; of the others it only matters where they end.
_TEXT = rb'[^"\\]*'
_COUNT = rb"-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,9})?"
_ID = rb'(?:"[0-9a-f-]+"|0|[1-9][0-9]*)'
_ONE = re.compile(
    rb'\{"jsonrpc":"2\.0","result":\{"AoR":"([^"\\]*)","Contacts":\[\{"Contact":\{'
    rb'"Address":"(sip:[!#-:<-\[\]-~]{1,180})","Expires":([1-9][0-9]{0,8}),"Q":' + _COUNT + rb',"Call-ID":"' + _TEXT +
    rb'","CSeq":' + _COUNT + rb',"User-Agent":"([ !#-\[\]-~]{0,200})",'
    rb'"Received":"(?:sip:([0-9A-Za-z.:\[\]-]{1,100})(?:;[^"\\@?]*)?|\[not set\])","Path":"' + _TEXT +
    rb'","State":"[A-Z_]+","Flags":' + _COUNT + rb',"CFlags":' + _COUNT + rb',"Socket":"(udp|tcp|tls|ws|wss):' + _TEXT +
    rb'","Methods":' + _COUNT + rb',"Ruid":"' + _TEXT + rb'","Instance":"' + _TEXT + rb'","Reg-Id":' + _COUNT +
    rb',"Server-Id":' + _COUNT + rb',"Tcpconn-Id":' + _COUNT + rb',"Keepalive":' + _COUNT + rb',"Last-Keepalive":' +
    _COUNT + rb',"KA-Roundtrip":' + _COUNT + rb',"Last-Modified":([1-9][0-9]{8,9})\}\}\]\},"id":' + _ID +
    rb"\}[ \t\r\n]*"
)  # fmt: skip


class Finder:
    """Reads the answers of one server, which stands for the domain `home`."""

    def __init__(self, home: str) -> None:
        self._suffix = b"@" + home.encode()
        self._agents: dict[bytes, bool] = {}

    def row(self, key: str, answer: bytes | None, now: float) -> Row | None:
        """A line and its binding; None for an answer that must be looked at more closely. `now` in epoch seconds."""
        found = _ONE.fullmatch(answer) if answer is not None else None
        if found is None or not key.isascii() or not key.isdigit():
            return None
        aor, uri, left, agent, source, transport, modified = found.groups(b"")
        line = key.encode()
        if not self._fits(agent) or aor.removesuffix(self._suffix) != line:
            return None
        # As the server does, it counts whole seconds.
        ends = int(now) + int(left)
        return line, binding(uri, source, transport, agent, refreshed=int(modified), expires=ends)

    def _fits(self, agent: bytes) -> bool:
        if agent not in self._agents:
            if len(self._agents) >= _AGENTS:
                self._agents.clear()
            self._agents[agent] = is_fit(agent)
        return self._agents[agent]
