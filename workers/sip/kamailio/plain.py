"""Plain entries of the mirror, read at the least cost: the same as `values` makes of them one by one. Pure."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from app.domain.record import SAME, Row
from workers.sip.kamailio.contact import ABSENT, agent_of
from workers.sip.kamailio.mirror import Numbered, Plain
from workers.sip.kamailio.slots import Entry
from workers.sip.repeats import apart

_URI = 190
_AGENT = 200
_SOURCE = 100
_DIGITS = 11
"""Times of so many digits are none that could be shown."""
# What `record.binding` makes of a line that is a number, at an address of its own.
_BINDING = b"%b\t%b\t" + SAME + b"%b\t%b\t%b\t%b"
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
            (rows.others if key in repeated else rows.single).append(row)
    return rows


def numbered_rows(
    entries: Iterable[Numbered], repeated: Set[bytes], now: int, skew: int
) -> tuple[list[Row], list[Row]]:
    """The same of entries whose form is known already: lines with one binding, bindings of lines that may have more."""
    current = _current(entries, now, skew)
    agents = {agent: shown(agent) for agent in {entry[6] for entry in current}}
    rows = [
        (
            key,
            _BINDING % (time, held, host, SAME if host == source else source, came, agents[agent]),
        )
        for key, host, time, held, came, source, agent in current
    ]
    return apart(rows, repeated)


def _current(entries: Iterable[Numbered], now: int, skew: int) -> list[Numbered]:
    """Those that have not ended by `now`, with times of our clock."""
    if skew:
        return [
            (key, host, b"%d" % begun, held, came, source, agent)
            for key, host, time, held, came, source, agent in entries
            if (begun := int(time) - skew) + int(held) > now
        ]
    # Both have ten digits, and are as quickly compared as they are.
    latest = _Latest(now)
    return [entry for entry in entries if entry[2] > latest[entry[3]]]


class _Latest(dict[bytes, bytes]):
    """Seconds that a binding holds -> the last time of a REGISTER that has ended by `now`."""

    def __init__(self, now: int) -> None:
        self._now = now

    def __missing__(self, held: bytes) -> bytes:
        self[held] = found = b"%010d" % max(self._now - int(held), 0)
        return found


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
