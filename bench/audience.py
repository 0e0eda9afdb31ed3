"""Ten thousand open pages on one machine, each polling when a page would, while lines come and go.

Everything is real and shares the same cores: the web server with two processes, Redis, PostgreSQL, the pulls of twenty
servers every few seconds (in one process, which asks nobody: what the servers answer is made up), and whoever polls.
Each page is another person's, of 11 lines or, one of ten, of 100. Somebody touches each page once in ten minutes, and
each minute one line of 400 comes or goes.
"""

import multiprocessing
import random
import resource
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from bench.pace import LATE, SOON
from bench.report import Times, finish, options
from bench.tenants import Answering, Estate, estate, tenants
from bench.usage import Meter, cpu_of
from bench.visitors import Tally, Visitors
from tests.support.web import LiveServer

_GOAL_MS = 500.0
_INTERVAL = 5.0
_TURNING = 1 / 400 / 60
"""The share of all lines that comes or goes in a second."""
_TOUCHED = 600.0
"""Seconds between two interactions with one page."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    pages: int
    servers: int
    opened: float
    """Pages a second, at the beginning."""
    settle: float
    seconds: float


_LARGE = Scale(10_000, 20, 120.0, 20.0, 75.0)
_SMALL = Scale(40, 2, 80.0, 0.2, 2.0)
KINDS: Mapping[str, str] = {
    "connections kept": "",
    "a connection for each poll": "--keep-alive 2",
}
"""What the web server is told besides its own options; with the second a kept connection ends before the next poll."""


def main() -> None:
    """Measure."""
    asked = options(__doc__.partition("\n")[0])
    scale = _SMALL if asked.small else _LARGE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65_536)), hard))
    with ExitStack() as parts:
        held = tenants(scale.pages, scale.servers)
        place = estate(parts, "sqlite" if asked.small else "postgresql", held, _INTERVAL)
        _pulling(parts, place, scale)
        tokens = list(place.tokens())
        kinds = list(KINDS.items())[: 1 if asked.small else None]
        rows = [_row(what, words, place, tokens, scale) for what, words in kinds]
    lines = sum(len(tenant.lines) for tenant in held)
    finish(asked, "audience", rows, lines=lines, goal_p99_ms=_GOAL_MS, poll_every=f"{SOON:g} to {LATE:g} s")


def _row(what: str, words: str, place: Estate, tokens: Sequence[str], scale: Scale) -> dict[str, Any]:
    dice = random.Random(1)  # noqa: S311 - the same run again, nothing secret
    folder = place.folder / what.replace(" ", "-")
    folder.mkdir()
    web = LiveServer({**place.environ, "GUNICORN_CMD_ARGS": words}, folder, workers=2)
    web.start()
    try:
        visitors = Visitors(web.port, place.cookies(dice), tokens, dice)
        visitors.open(scale.opened)
        visitors.spread(_TOUCHED)
        touches = scale.pages / _TOUCHED
        visitors.run(scale.settle, touches)
        visitors.tally = Tally()
        meter = Meter({
            "web": lambda: cpu_of(web.processes),
            "redis": lambda: sum(place.client.info("cpu")[f"used_cpu_{kind}"] for kind in ("user", "sys")),
            "asking": time.process_time,
            "pulls": lambda: cpu_of([child.pid for child in multiprocessing.active_children() if child.pid]),
        })  # fmt: skip
        visitors.run(scale.seconds, touches)
        shares = meter.shares()
        visitors.end()
    finally:
        web.close()
    return _found(what, visitors.tally, scale, shares)


def _found(what: str, tally: Tally, scale: Scale, shares: Mapping[str, float]) -> dict[str, Any]:
    taken, late = Times.of(tally.taken), Times.of(tally.late)
    return {
        "how": what,
        "pages": scale.pages,
        "seconds": scale.seconds,
        "per_second": round(len(tally.taken) / scale.seconds, 1),
        "changed": tally.changed,
        "connections": tally.opened,
        "errors": len(tally.errors),
        "p50_ms": round(taken.median, 1),
        "p99_ms": round(taken.p99, 1),
        "max_ms": round(1000 * max(tally.taken), 1),
        "p99_ratio_to_goal": round(taken.p99 / _GOAL_MS, 3),
        "sent_late_p99_ms": round(late.p99, 1),
        **{f"{name}_cores": round(share, 3) for name, share in shares.items()},
        "example": next(iter(tally.errors), ""),
    }


def _pulling(parts: ExitStack, place: Estate, scale: Scale) -> None:
    """Let another process pull for as long as it is measured; returns after the first round."""
    context = multiprocessing.get_context("spawn")
    stop, ready = context.Event(), context.Event()
    process = context.Process(target=_pull, args=(place.environ, place.folder, scale, stop, ready), daemon=True)
    process.start()
    parts.callback(process.join, 30)
    parts.callback(stop.set)
    if not ready.wait(300):
        raise RuntimeError("the first pulls do not end")


def _pull(environ: dict[str, str], folder: Path, scale: Scale, stop: Event, ready: Event) -> None:
    dice = random.Random(2)  # noqa: S311 - the same run again, nothing secret
    place = Estate(environ, folder, tenants(scale.pages, scale.servers))
    servers = place.servers()
    began, last = time.monotonic(), dict.fromkeys(servers, time.monotonic())
    at = 0
    while not stop.wait(max(0.0, began + at * _INTERVAL / len(servers) - time.monotonic()) if ready.is_set() else 0):
        server_id = 1 + at % len(servers)
        now = time.monotonic()
        _turn(servers[server_id], dice, (now - last[server_id]) * _TURNING)
        last[server_id] = now
        place.pull(server_id, servers[server_id])
        at += 1
        if at == len(servers):
            began, at = time.monotonic() - _INTERVAL, len(servers)
            ready.set()


def _turn(server: Answering, dice: random.Random, share: float) -> None:
    """Some lines that are registered go, and some that are not come."""
    lines = list(server.held)
    expected = share * len(lines)
    count = int(expected) + (dice.random() < expected % 1)
    server.away ^= set(dice.sample(lines, min(count, len(lines))))


if __name__ == "__main__":
    main()
