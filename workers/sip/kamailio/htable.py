"""The source "htable": the mirror that our tsunagari.cfg keeps, read with `htable.dump` in linear time."""

import tempfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import IO

from app.domain import record
from app.domain.record import Row
from app.domain.registration import Registration
from workers.sip.base import Problem, SipError
from workers.sip.kamailio import facts, mirror
from workers.sip.kamailio.contact import BrokenError, corrected, line_key
from workers.sip.kamailio.parse import Broken
from workers.sip.kamailio.plain import Ends, numbered_rows, plain_rows
from workers.sip.kamailio.rpc import REQUEST, Rpc
from workers.sip.kamailio.site import Batches, Site, State, is_loading, refuse_restarted, report_of, state
from workers.sip.kamailio.slots import Entry
from workers.sip.kamailio.values import mirrored, mirrored_contact
from workers.sip.repeats import Repeats

_IN_MEMORY = 4 * 1024 * 1024
# A REGISTER that is being served is in usrloc a moment before it is in the mirror.
_ATTEMPTS = 3
_ENOUGH = 0.98
_FEW = 20


def pull(site: Site) -> Batches:
    """Every line of the mirror, if that is as full as usrloc itself. Raises SipError."""
    taken_at = site.now()
    broken = Broken()
    with site.rpc() as rpc, tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        before, held_before = believed(rpc, site)
        busy = rpc.table(file, "htable.dump", site.mirror)
        after, held_after = believed(rpc, site)
        refuse_restarted(before, after)
        loading = is_loading(rpc, site, after.uptime)
        least = min(held_before, held_after) * _ENOUGH - _FEW
        yield from _lines(file, site, broken, before.correction, least)
    return replace(report_of(taken_at, after, broken), loading=loading, busy=busy)


def believed(rpc: Rpc, site: Site) -> tuple[State, int]:
    """The server's state and how many entries the mirror has.

    Raises SipError: TABLE_MISSING, LOADING where usrloc has contacts that the mirror does not know.
    """
    for _ in range(_ATTEMPTS):
        found = state(rpc, site)
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


def _lines(file: IO[bytes], site: Site, broken: Broken, skew: int, least: float) -> Generator[list[Row], None, None]:
    """Each line once: those with one contact as they come, all others at the end. Raises SipError(TRUNCATED)."""
    repeats = Repeats()
    for names in mirror.names(file, site.home):
        repeats.note(names)
    repeated = repeats.end()
    held: dict[bytes, list[bytes]] = {}
    came, ends = 0, Ends()
    for block in mirror.blocks(file, REQUEST, site.home):
        came += len(block)
        now = int(site.now().timestamp())
        single, others = numbered_rows(block.numbered, repeated, now, skew, ends)
        rows = plain_rows(block.plain, site.home, repeated, now, skew)
        for key, binding in (*others, *rows.others, *_odd([*block.odd, *rows.odd], site, broken, skew)):
            held.setdefault(key, []).append(binding)
        yield single + rows.single
    if came < least:
        raise SipError(Problem.TRUNCATED, f"{came} entries of the mirror came, it has more than {least:.0f}")
    broken.lines -= {key.decode() for key in held}
    yield [(key, record.body_of(bindings)) for key, bindings in held.items()]


def _odd(entries: Iterable[Entry], site: Site, broken: Broken, skew: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and binding of each entry that can be read and has not ended."""
    for name, value in entries:
        try:
            aor, uri = mirrored(name)
            key = line_key(aor, site.home)
        except BrokenError:
            broken.records += 1
            continue
        try:
            contact = corrected(mirrored_contact(uri, value), skew)
        except BrokenError:
            broken.note(key, site.home)
            continue
        if contact.current(site.now()):
            yield record.row_of(Registration(key, (contact,)))
