"""Plain entries of the mirror, read at the least cost: the same as `values` makes of them one by one. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.domain.record import SAME, Row
from workers.sip.kamailio.contact import ABSENT, agent_of
from workers.sip.kamailio.mirror import Numbered, Plain
from workers.sip.kamailio.slots import Entry
from workers.sip.repeats import Repeats

_URI = 190
_AGENT = 200
_SOURCE = 100
_DIGITS = 11
"""Times of so many digits are none that could be shown."""
_TRANSPORTS = frozenset((b"udp", b"tcp", b"tls", b"ws", b"wss"))


@dataclass(slots=True)
class PlainRows:
    """What plain entries say."""

    single: list[Row] = field(default_factory=list)
    """Lines with one binding."""
    others: list[Row] = field(default_factory=list)
    """Bindings of lines that may have several."""
    odd: list[Entry] = field(default_factory=list)
    """Entries that are not so simple after all."""


def plain_rows(entries: Iterable[Plain], home: str, repeats: Repeats, now: int, skew: int) -> PlainRows:
    """Key and binding of each entry that has not ended by `now`.

    `repeats` are the lines that come more than once; `skew` is what the server's clock is ahead of ours, in seconds.
    """
    rows, agents, suffix = PlainRows(), dict[bytes, bool](), b"@" + home.encode()
    for entry in entries:
        aor, uri, time, seconds, transport, source, agent = entry
        user, at, host = uri.partition(b"@")
        key = aor.removesuffix(suffix)
        fits = agents[agent] if agent in agents else agents.setdefault(agent, is_fit(agent))
        simple = fits and time.isdigit() and seconds.isdigit() and transport in _TRANSPORTS
        short = len(time) < _DIGITS and len(seconds) < _DIGITS and len(source) < _SOURCE and len(uri) < _URI
        own = at and key.isdigit() and user == b"sip:" + key and b";" not in uri and b" " not in uri
        if not (simple and short and own):
            rows.odd.append(_apart(entry))
            continue
        begun, held = int(time) - skew, int(seconds)
        if begun + held > now:
            # What `record.binding` makes of it.
            came = SAME if host == source else source
            row = key, b"%d\t%d\t\x01%b\t%b\t%b\t%b" % (begun, held, host, came, transport, agent)
            (rows.others if key in repeats else rows.single).append(row)
    return rows


def numbered_rows(entries: Iterable[Numbered], repeats: Repeats, now: int, skew: int) -> tuple[list[Row], list[Row]]:
    """The same of entries whose form is known already: lines with one binding, bindings of lines that may have more."""
    single, others = list[Row](), list[Row]()
    agents, latest = dict[bytes, bytes](), dict[bytes, bytes]()
    for key, host, time, seconds, transport, source, agent in entries:
        if agent not in agents:
            agents[agent] = shown(agent)
        if seconds not in latest:
            latest[seconds] = b"%010d" % max(now + skew - int(seconds), 0)
        # Both have ten digits, and are as quickly compared as they are.
        if time > latest[seconds]:
            begun = b"%d" % (int(time) - skew) if skew else time
            came = SAME if host == source else source
            row = key, b"\t".join((begun, seconds, SAME + host, came, transport, agents[agent]))
            (others if key in repeats else single).append(row)
    return single, others


def shown(agent: bytes) -> bytes:
    """A user agent as it is shown; nothing for none."""
    return (agent_of(agent.decode()) or "").encode()


def is_fit(agent: bytes) -> bool:
    """Whether a user agent is shown as it is."""
    return agent == agent.strip() and agent not in ABSENT and len(agent) <= _AGENT


def _apart(entry: Plain) -> Entry:
    """The entry as the mirror holds it, its domain aside."""
    aor, uri, time, seconds, transport, source, agent = (part.decode() for part in entry)
    return f"{aor}::{uri}", f"{time}|{seconds}|{transport}:{source}||{agent}"
