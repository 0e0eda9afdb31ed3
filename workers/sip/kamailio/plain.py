"""Plain entries of the mirror, read at the least cost: the same as `values` makes of them one by one. Pure."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

from app.domain.record import Row
from workers.sip.kamailio.contact import ABSENT, agent_of
from workers.sip.kamailio.mirror import Numbered, Plain
from workers.sip.kamailio.slots import Entry
from workers.sip.repeats import apart

_URI = 190
_AGENT = 200
_SOURCE = 100
_DIGITS = 11
"""Times of so many digits are none that could be shown."""
# What `record.binding` makes of it.
_BINDING = b"%b\t%b\t%b\t%b\t%b\t%b"
_ENDS = 16_384
"""Ends that are remembered: phones refresh at all seconds of an hour, most of them for the same time."""
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


def plain_rows(entries: Iterable[Plain], home: str, repeated: Set[bytes], now: int, skew: int) -> PlainRows:
    """Key and binding of each entry that has not ended by `now`.

    `repeated` are the lines that come more than once; `skew` is what the server's clock is ahead of ours, in seconds.
    """
    rows, agents, suffix = PlainRows(), dict[bytes, bool](), b"@" + home.encode()
    for entry in entries:
        aor, uri, time, seconds, transport, source, agent = entry
        user, at, _host = uri.partition(b"@")
        key = aor.removesuffix(suffix)
        fits = agents[agent] if agent in agents else agents.setdefault(agent, is_fit(agent))
        simple = fits and time.isdigit() and seconds.isdigit() and transport in _TRANSPORTS
        short = len(time) < _DIGITS and len(seconds) < _DIGITS and len(source) < _SOURCE and len(uri) < _URI
        # That it is no URI tells it from one that was taken out of a table as it stood there.
        host = not source.startswith(b"sip:") and b" " not in source
        own = at and key.isdigit() and user == b"sip:" + key and b";" not in uri and b" " not in uri
        if not (simple and short and host and own):
            rows.odd.append(_apart(entry))
            continue
        begun = int(time) - skew
        if (ends := begun + int(seconds)) > now:
            row = key, _BINDING % (b"%d" % begun, b"%d" % ends, uri, source, agent, transport)
            (rows.others if key in repeated else rows.single).append(row)
    return rows


class Ends(dict[tuple[bytes, bytes], bytes]):
    """The time of a REGISTER and for how many seconds it holds -> the end, in ten digits: earlier ones have ended."""

    def __missing__(self, told: tuple[bytes, bytes]) -> bytes:
        if len(self) >= _ENDS:
            self.clear()
        time, held = told
        self[told] = found = b"%010d" % (int(time) + int(held))
        return found


def numbered_rows(
    entries: Sequence[Numbered], repeated: Set[bytes], now: int, skew: int, ends: Ends
) -> tuple[list[Row], list[Row]]:
    """The same of entries whose form is known already: lines with one binding, bindings of lines that may have more."""
    agents = {agent: shown(agent) for agent in {entry[6] for entry in entries}}
    if skew:
        entries = [(*entry[:2], b"%d" % (int(entry[2]) - skew), *entry[3:]) for entry in entries]
    # Both have ten digits, and are as quickly compared as they are.
    latest = b"%010d" % now
    rows = [
        (key, _BINDING % (time, end, uri, source, agents[agent], came))
        for key, uri, time, held, came, source, agent in entries
        if (end := ends[time, held]) > latest
    ]
    return apart(rows, repeated)


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
