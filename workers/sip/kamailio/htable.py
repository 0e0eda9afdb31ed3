"""The source "htable": the mirror that our tsunagari.cfg keeps, read with `htable.dump` in linear time."""

from collections.abc import Iterable

from app.domain.registration import Contact, Registration
from workers.sip.base import Problem, SipError
from workers.sip.kamailio import facts
from workers.sip.kamailio.contact import BrokenError, line_key
from workers.sip.kamailio.parse import Broken
from workers.sip.kamailio.rpc import Rpc
from workers.sip.kamailio.site import Records, Site, State, refuse_loading, refuse_restarted, state
from workers.sip.kamailio.slots import Entry
from workers.sip.kamailio.values import mirrored, mirrored_contact

# A REGISTER that is being served is in usrloc a moment before it is in the mirror.
_ATTEMPTS = 3
_ENOUGH = 0.98
_FEW = 20


def pull(site: Site) -> Records:
    """Every line of the mirror, if that is as full as usrloc itself. Raises SipError."""
    taken_at = site.now()
    lines: dict[str, tuple[str, ...]] = {}
    broken = Broken()
    with site.rpc() as rpc:
        before, held_before = believed(rpc, site)
        refuse_loading(rpc, site.table, before.uptime)
        came = _gather(rpc.table("htable.dump", site.mirror), site.home, lines, broken)
        after, held_after = believed(rpc, site)
    refuse_restarted(before, after)
    least = min(held_before, held_after) * _ENOUGH - _FEW
    if came < least:
        raise SipError(Problem.TRUNCATED, f"{came} of {held_after} entries of the mirror came")
    for key, pairs in lines.items():
        contacts = _contacts(key, pairs, site, broken)
        if contacts:
            broken.lines.discard(key)
            yield Registration(key, contacts)
    return broken.report(taken_at, after.users, after.uptime)


def believed(rpc: Rpc, site: Site) -> tuple[State, int]:
    """The server's state and how many entries the mirror has.

    Raises SipError: TABLE_MISSING, LOADING where usrloc has contacts that the mirror does not know.
    """
    for _ in range(_ATTEMPTS):
        found = state(rpc, site.table)
        held = facts.entries(rpc.call("htable.stats"), site.mirror)
        if held is None:
            raise SipError(
                Problem.TABLE_MISSING, f"no htable {site.mirror}: is tsunagari.cfg included?", permanent=True
            )
        if found.contacts is None:
            raise SipError(Problem.TABLE_MISSING, f"usrloc counts no table {site.table}", permanent=True)
        if held >= found.contacts:
            return found, held
    raise SipError(Problem.LOADING, f"the mirror has {held} of {found.contacts} contacts")


def _gather(entries: Iterable[Entry], home: str, lines: dict[str, tuple[str, ...]], broken: Broken) -> int:
    """Put contact and value of each entry to its line, one behind the other; how many entries there were."""
    came = 0
    for name, value in entries:
        came += 1
        try:
            aor, uri = mirrored(name)
            key = line_key(aor, home)
        except BrokenError:
            broken.records += 1
        else:
            lines[key] = (*lines.get(key, ()), uri, value)
    return came


def _contacts(key: str, pairs: tuple[str, ...], site: Site, broken: Broken) -> tuple[Contact, ...]:
    """Those that have not ended."""
    now = site.now()
    contacts = []
    for uri, value in zip(pairs[::2], pairs[1::2], strict=True):
        try:
            contact = mirrored_contact(uri, value)
        except BrokenError:
            broken.note(key, site.home)
        else:
            contacts += [contact] if contact.current(now) else []
    return tuple(contacts)
