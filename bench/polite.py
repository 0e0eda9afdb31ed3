"""What a registrar's phones feel of the pulls: how long a REGISTER takes with them and without, in turns.

The floor is the same REGISTER while nobody pulls. The scheduler's own rule decides how often a pull comes.
"""

import multiprocessing
import socket
import time
from contextlib import ExitStack

from app.config import Config
from app.store import servers
from bench.crowd import Crowd, one_register
from bench.ingest import place_of
from bench.report import Times, finish, options
from tests.support.registrar import HOST
from workers.pool import give_way
from workers.pulling import run_pull
from workers.runtime import Runtime

_LINES, _SMALL_LINES = 100_000, 1_000
_SECONDS, _SMALL_SECONDS = 30.0, 1.5
_TURNS = 3
_RATE = 200.0
"""REGISTERs a second."""
_ID = 1
"""The mirror's server."""
_SHARE = 0.1


def main() -> None:
    """Measure REGISTERs without pulls and with them, in turns."""
    asked = options(__doc__.partition("\n")[0])
    count = _SMALL_LINES if asked.small else _LINES
    seconds = _SMALL_SECONDS if asked.small else _SECONDS
    with ExitStack() as parts:
        place = place_of(parts, memory=512 if asked.small else 2048)
        place.crowd.fill(count)
        runtime = place.runtime()
        run_pull(runtime, _ID)
        # A process of its own, as a worker has: two threads would wait for each other.
        pool = parts.enter_context(multiprocessing.get_context("spawn").Pool(1))
        alone: list[float] = []
        pulled: list[float] = []
        busy = cycle = 0.0
        for _ in range(1 if asked.small else _TURNS):
            alone += _registers(place.crowd, seconds)
            told = pool.apply_async(_pull_for, (place.environ, seconds))
            pulled += _registers(place.crowd, seconds)
            busy, cycle = (sum(pair) for pair in zip((busy, cycle), told.get(), strict=True))
        state = servers.read_one(runtime.redis, _ID)
    without, beside = Times.of(alone), Times.of(pulled)
    rows = [{"what": "without pulls", **without.row()}, {"what": "with pulls", **beside.row()}]
    finish(
        asked,
        "polite",
        rows,
        lines=count,
        duty=round(busy / cycle, 4),
        stretched_interval=round(state.interval.total_seconds(), 2),
        median_ratio=round(beside.median / without.median, 3),
        p99_ratio=round(beside.p99 / without.p99, 3),
    )


def _registers(crowd: Crowd, seconds: float) -> list[float]:
    """How long each took, one after the other at a steady rate."""
    taken: list[float] = []
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((HOST, crowd.port))
        sock.settimeout(10)
        index = 0
        while (now := time.monotonic()) < end:
            message = one_register(sock, index % crowd.lines)
            began = time.perf_counter()
            sock.send(message)
            sock.recv(4096)
            taken.append(time.perf_counter() - began)
            index += 1
            time.sleep(max(0.0, now + 1 / _RATE - time.monotonic()))
    return taken


def _pull_for(environ: dict[str, str], seconds: float) -> tuple[float, float]:
    """Pull as the scheduler would; how many seconds of the server's time that took, and out of how many."""
    runtime = Runtime.from_config(Config.from_env(environ))
    give_way()
    began, busy = time.monotonic(), 0.0
    while time.monotonic() - began < seconds:
        started = time.monotonic()
        run_pull(runtime, _ID)
        state = servers.read_one(runtime.redis, _ID)
        busy += state.busy
        time.sleep(max(0.0, started + state.interval.total_seconds() - time.monotonic()))
    return busy, time.monotonic() - began


if __name__ == "__main__":
    main()
