"""Fifty simulated servers and two pools of workers against one Redis and one PostgreSQL.

The schedulers (two, one leads), the pools and their workers are the real ones; each server is the demo's registrar and
answers each call a little late, as over a network. Shown: pulls spread over the workers by themselves, each server is
pulled at its interval and never twice at once, a killed worker's server is taken over; and one large server is swept
by several workers that ask for each line exactly once.
"""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from app.models import SipServer
from app.store import servers as states
from bench.crowd import user
from bench.hands.registrars import Registrars
from bench.hands.worker import FAMILY, NOTES, PIECE, Note, notes
from bench.report import Times, finish, options
from bench.tenants import Estate, estate, store_lines, tenants
from tests.support.process import Child
from tests.support.wait import until

_KINDS = 2
"""Workers of each pool that do look-ups or mails only."""
_SWEPT = {"one worker": 1, "four workers": 4}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    servers: int
    circles: int
    interval: float
    pools: int
    workers: int
    """Of each pool that pull."""
    seconds: float
    large: int
    """Lines of a server that is swept."""
    piece: int


_LARGE = Scale(50, 250, 5.0, 2, 4, 60.0, 40_000, 4_000)
_SMALL = Scale(4, 8, 0.5, 2, 1, 2.0, 1_000, 250)


def main() -> None:
    """Measure."""
    asked = options(__doc__.partition("\n")[0])
    scale = _SMALL if asked.small else _LARGE
    with ExitStack() as parts:
        held = tenants(scale.circles, scale.servers)
        place = estate(parts, "sqlite" if asked.small else "postgresql", held, scale.interval)
        registrars = parts.enter_context(Registrars(_lines(held, scale), list(map(_large, _SWEPT.values())), 0.03))
        file = place.folder / "notes"
        _configure(place, registrars.urls)
        pools = _start(parts, place, file, scale)
        until(lambda: len({note.server for note in notes(file)}) == scale.servers, 60, "each was pulled once")
        killed = _watch(file, scale)
        whole = scale.pools * (_KINDS + scale.workers)
        until(lambda: sum(len(pool.children()) for pool in pools) == whole, 30, "the killed worker is replaced")
        rows = [_spread(notes(file), killed, scale)]
        sweeps = [_sweep(place, registrars, file, name, shards, scale) for name, shards in _SWEPT.items()]
    if rows[0]["at_once"] or any(sweep["asked_once"] != scale.large for sweep in sweeps):
        raise RuntimeError(f"a server was pulled twice at once, or a line not asked for once: {rows} {sweeps}")
    finish(asked, "farm", [*rows, *sweeps], taken_over_s=rows[0]["taken_over_s"])


def _large(shards: int) -> str:
    return f"large{shards}.example.jp"


def _lines(held: Sequence[Any], scale: Scale) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for tenant in held:
        found.setdefault(f"sip{tenant.server_id}.example.jp", []).extend(map(user, tenant.lines))
    first = held[-1].lines.stop
    for shards in _SWEPT.values():
        found[_large(shards)] = list(map(user, range(first, first + scale.large)))
        first += scale.large
    return found


def _configure(place: Estate, urls: Mapping[str, str]) -> None:
    engine = create_engine(place.config.database_url)
    with Session(engine) as session:
        for server in session.scalars(select(SipServer)):
            server.family, server.management_url, server.options = FAMILY, urls[server.hostname], "source=dump"
        session.commit()
    engine.dispose()


def _start(parts: ExitStack, place: Estate, file: Path, scale: Scale) -> list[Child]:
    """Two schedulers and the pools, as on several hosts; the pools."""
    environ = {**place.environ, NOTES: str(file), PIECE: str(scale.piece)}
    commands = [("schedule",)] * 2 + [("run", "--workers", str(_KINDS + scale.workers))] * scale.pools
    started = []
    for at, words in enumerate(commands):
        command = [sys.executable, "-m", "bench.hands.worker", "workers", *words]
        started.append(Child(command, place.folder / f"workers-{at}.log", env=environ))
        parts.callback(started[-1].kill)
    return started[2:]


def _watch(file: Path, scale: Scale) -> Note:
    """Let it run, and kill a worker in the middle of a pull halfway; that pull."""
    time.sleep(scale.seconds / 2)
    victim = until(lambda: next((note for note in reversed(notes(file)) if _is_open(note)), None), 10, "a pull")
    os.kill(victim.process, signal.SIGKILL)
    until(lambda: _again(notes(file), victim), 30, "another worker pulls its server")
    time.sleep(max(0.0, victim.begin + scale.seconds / 2 - time.time()))
    return victim


def _again(found: Sequence[Note], killed: Note) -> bool:
    return any(note.server == killed.server and note.begin > killed.begin for note in found)


def _is_open(note: Note) -> bool:
    return note.end is None and time.time() - note.begin < 1


def _spread(found: Sequence[Note], killed: Note, scale: Scale) -> dict[str, Any]:
    by_server: dict[str, list[Note]] = {}
    for note in found:
        by_server.setdefault(note.server, []).append(note)
    overtaken = next(note for note in by_server[killed.server] if note.begin > killed.begin)
    undisturbed = [each for server, each in by_server.items() if server != killed.server]
    lags = Times.of([lag for each in undisturbed for lag in _lags(each, scale.interval)])
    by_worker = Counter(note.process for note in found)
    passed = max(note.begin for note in found) - min(note.begin for note in found)
    return {
        "what": "all servers",
        "servers": len(by_server),
        "workers": scale.pools * scale.workers,
        "pulls": len(found),
        "pulls_per_worker": f"{min(by_worker.values())} to {max(by_worker.values())}",
        "least_ratio_to_due": round(min(map(len, by_server.values())) / (passed / scale.interval), 2),
        "at_once": sum(map(_overlaps, by_server.values())),
        "lag_p50_ms": round(lags.median),
        "lag_p99_ms": round(lags.p99),
        "taken_over_s": round(overtaken.begin - killed.begin, 2),
    }


def _lags(pulls: Sequence[Note], interval: float) -> list[float]:
    """By how much each pull was late, against the one that was most punctual."""
    phases = [pull.begin - at * interval for at, pull in enumerate(pulls)]
    return [phase - min(phases) for phase in phases]


def _overlaps(pulls: Sequence[Note]) -> int:
    """How often a server was pulled twice at once; a pull whose worker was killed had ended by then."""
    return sum(1 for one, other in pairwise(pulls) if one.end is not None and other.begin < one.end)


def _sweep(place: Estate, registrars: Registrars, file: Path, name: str, shards: int, scale: Scale) -> dict[str, Any]:
    """Let the workers take up one large server, and look how often each of its lines was asked for."""
    server_id = _take_up(place, registrars.urls, shards, scale)
    until(lambda: states.read_one(place.client, server_id).answered_at, 300, "the sweep")
    counts = registrars.counts(_large(shards))
    pieces = [note for note in notes(file) if note.server == _large(shards)]
    by_worker = Counter[int]()
    for note in pieces:
        by_worker[note.process] += note.rows
    return {
        "what": f"a sweep by {name}",
        "servers": 1,
        "workers": len(by_worker),
        "lines": len(counts),
        "asked_once": sum(1 for count in counts.values() if count == 1),
        "pieces": len(pieces),
        "lines_per_worker": f"{min(by_worker.values())} to {max(by_worker.values())}",
        "seconds": round(max(note.end or 0 for note in pieces) - min(note.begin for note in pieces), 2),
    }


def _take_up(place: Estate, urls: Mapping[str, str], shards: int, scale: Scale) -> int:
    """Store a large server and all of its lines; the schedulers see it when it is whole."""
    server_id, at = 1000 + shards, list(_SWEPT.values()).index(shards)
    server = SipServer(
        id=server_id, hostname=_large(shards), family=FAMILY, management_url=urls[_large(shards)], pull_interval=3600.0,
        options=f"source=sweep rate=1000000 shards={shards} timeout=60",
    )  # fmt: skip
    first = place.tenants[-1].lines.stop + at * scale.large
    lines = range(first, first + scale.large)
    engine = create_engine(place.config.database_url)
    with Session(engine) as session:
        session.add(server)
        session.commit()
        store_lines(place.config.database_url, ((line, 1 + line % scale.circles, server_id) for line in lines))
        server.live = True
        session.commit()
    engine.dispose()
    return server_id


if __name__ == "__main__":
    main()
