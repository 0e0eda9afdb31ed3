"""From a registrar into Redis: a pull of everything, against the least that this could take.

The floor is measured beside each pull: the source's own answer for the same rows, taken and thrown away, and `redis-cli
--pipe` of the bytes that the pull wrote. A pull runs in a process of its own: its memory is what a worker needs.
"""

import multiprocessing
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from redis import Redis

from app.config import Config
from app.models import SipServer
from app.store import keys, servers
from app.store.overlay import PIECE
from bench.answers import Answer, answers
from bench.crowd import HOSTNAME, Crowd, user
from bench.readers import Readers
from bench.report import finish, options
from tests.support.databases import Databases, settings
from tests.support.kamailio_db import on_postgres
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from workers.pool import settle
from workers.pulling import run_pull
from workers.runtime import Runtime
from workers.sip.registry import adapter_for

_SIZES = (10_000, 100_000, 1_000_000)
_SMALL = (1_000,)
_ROUNDS = 3
_FEW = 100
"""Lines of another registrar, pulled first: a worker lives long, and what it imports and compiles is not measured."""
SOURCES = ("htable", "sql", "sweep")


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull took."""

    seconds: float
    memory: int
    """MB, at its most, of the process that did nothing else."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything is."""

    environ: dict[str, str]
    redis: RedisServer
    crowd: Crowd
    """In memory alone."""
    stored: Crowd
    """With its location table in PostgreSQL."""
    location: str
    """Where that table is."""
    warm: Crowd
    """A small one, and where its table is."""
    warm_location: str

    def runtime(self) -> Runtime:
        """What a worker in this process needs."""
        return Runtime.from_config(Config.from_env(self.environ))


def main() -> None:
    """Measure each source at each size."""
    asked = options(__doc__.partition("\n")[0])
    sizes, rounds = (_SMALL, 1) if asked.small else (_SIZES, _ROUNDS)
    rows: list[dict[str, Any]] = []
    with ExitStack() as parts:
        place = place_of(parts, memory=512 if asked.small else 6144)
        place.warm.fill(_FEW)
        _wait_for_table(place.warm, place.warm_location, _FEW)
        for size in sizes:
            place.crowd.fill(size)
            rows += [_row(place, source, size, rounds) for source in ("htable", "sweep")]
        # A registrar of a million lines has its timers: no other is to run beside the one that is measured.
        place.crowd.stop()
        for size in sizes:
            place.stored.fill(size)
            _wait_for_table(place.stored, place.location, size)
            rows.append(_row(place, "sql", size, rounds))
    _growth(rows)
    worst = max(row["ratio_to_floor"] for row in rows)
    finish(asked, "ingest", rows, worst_ratio_to_floor=worst)


def place_of(parts: ExitStack, *, memory: int) -> Place:
    """Start everything; `memory` is what each registrar may have, in MB."""
    folder = Path(tempfile.mkdtemp(prefix="tsunagari-ingest-"))
    names = ("redis", "crowd", "stored", "warm", "databases")
    for name in names:
        (folder / name).mkdir()
    postgres = Postgres()
    parts.callback(postgres.stop)
    postgres.start()
    location, small = on_postgres(postgres, epochs=True), on_postgres(postgres, epochs=True)
    redis = RedisServer(folder / "redis")
    parts.callback(redis.stop)
    redis.start()
    crowd = parts.enter_context(Crowd(folder / "crowd", memory=memory))
    stored = parts.enter_context(Crowd(folder / "stored", memory=memory, location=location.theirs))
    warm = parts.enter_context(Crowd(folder / "warm", memory=64, location=small.theirs))
    url = Databases(folder / "databases", lambda: postgres).migrated("sqlite")
    place = Place(settings(url, redis.url), redis, crowd, stored, location.ours, warm, small.ours)
    with place.runtime().sessions.begin() as session:
        session.add_all(_servers(place))
    return place


def _servers(place: Place) -> Iterator[SipServer]:
    """One for each source, and in the same order those that are pulled first."""
    whole = (place.crowd.url, place.location, place.crowd.datagrams)
    few = (place.warm.url, place.warm_location, place.warm.datagrams)
    words = ("source=htable", "source=sql", "source=sweep rate=1000000")
    for index, (url, options_of) in enumerate(zip((*whole, *few), words * 2, strict=True), start=1):
        yield SipServer(
            id=index,
            hostname=f"{index}.{HOSTNAME}",
            family="kamailio",
            management_url=url,
            options=f"{options_of} timeout=600",
            live=True,
        )


def _row(place: Place, source: str, size: int, rounds: int) -> dict[str, Any]:
    """One source at one size: the pull that fills an empty Redis, and one that finds the same again."""
    server_id = SOURCES.index(source) + 1
    answer = answers(source, place.crowd, place.location, size)
    firsts, agains, floors = [], [], []
    for _ in range(rounds):
        with place.redis.client() as redis:
            redis.flushall()
            before = redis.info("memory")["used_memory"]
            firsts.append(_pull(place, server_id, size, empty=True))
            used = redis.info("memory")["used_memory"] - before
            assert servers.read_one(redis, server_id).lines == size  # noqa: S101 - a pull of something else is no measurement
            with Readers(
                place.redis.url, server_id, [user(index) for index in range(0, size, max(1, size // 100))]
            ) as readers:
                agains.append(_pull(place, server_id, size))
            floors.append(_floor(place, redis, server_id, answer))
    first, floor = median(pulled.seconds for pulled in firsts), median(sum(floor) for floor in floors)
    return {
        "source": source,
        "registrations": size,
        "pull_s": round(first, 3),
        "answer_s": round(median(floor[0] for floor in floors), 3),
        "pipe_s": round(median(floor[1] for floor in floors), 3),
        "ratio_to_floor": round(first / floor, 2),
        "again_s": round(median(pulled.seconds for pulled in agains), 3),
        "worker_mb": max(pulled.memory for pulled in firsts + agains),
        "bytes_per_registration": round(used / size),
        "reader_worst_ms": round(readers.worst * 1000, 1),
    }


def _pull(place: Place, server_id: int, size: int, *, empty: bool = False) -> Pulled:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_pull_here, (place.environ, server_id, size, empty))


def _pull_here(environ: dict[str, str], server_id: int, size: int, empty: bool) -> Pulled:  # noqa: FBT001 - for a pool
    runtime = Runtime.from_config(Config.from_env(environ))
    run_pull(_knowing(runtime, _FEW), server_id + len(SOURCES))
    settle()
    if empty:
        runtime.redis.flushall()
    began = time.perf_counter()
    run_pull(_knowing(runtime, size), server_id)
    seconds = time.perf_counter() - began
    return Pulled(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def _knowing(runtime: Runtime, size: int) -> Runtime:
    """The lines that a sweep asks for come from nowhere, so that no database is measured."""
    return replace(
        runtime, adapter_for=lambda family, endpoint, _lines: adapter_for(family, endpoint, partial(_users, size))
    )


def _users(size: int) -> Iterator[str]:
    return map(user, range(size))


def _floor(place: Place, redis: "Redis", server_id: int, answer: Answer) -> tuple[float, float]:
    """Seconds of the source's own answer, and of `redis-cli --pipe` of what the pull wrote."""
    began = time.perf_counter()
    answer()
    asked = time.perf_counter() - began
    with tempfile.NamedTemporaryFile() as file:
        for piece in _pieces(redis, keys.lines(server_id)):
            file.write(piece)
        file.flush()
        redis.flushall()
        file.seek(0)
        began = time.perf_counter()
        subprocess.run(  # noqa: S603 - a fixed command
            ["redis-cli", "-p", str(place.redis.port), "--pipe"],  # noqa: S607 - wherever the package puts it
            stdin=file,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return asked, time.perf_counter() - began


def _pieces(redis: "Redis", key: str) -> Iterator[bytes]:
    """The commands that wrote a hash."""
    flat: list[bytes] = []
    for name, value in redis.hscan_iter(key, count=PIECE):
        flat += [name, value]
        if len(flat) == 2 * PIECE:
            yield _command(key, flat)
            flat = []
    if flat:
        yield _command(key, flat)


def _command(key: str, flat: list[bytes]) -> bytes:
    parts = [b"HSET", key.encode(), *flat]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def _wait_for_table(crowd: Crowd, location: str, size: int) -> None:
    """Kamailio writes its table by a timer."""
    end = time.monotonic() + 120 + size / 2000
    while answers("sql", crowd, location, size)() < size:
        if time.monotonic() > end:
            raise RuntimeError("the location table does not fill")
        time.sleep(1)


def _growth(rows: list[dict[str, Any]]) -> None:
    """What ten times as many lines cost, against ten times as much."""
    for row in rows:
        tenth = row["registrations"] // 10
        smaller = [each for each in rows if (each["source"], each["registrations"]) == (row["source"], tenth)]
        row["growth_ratio"] = round(row["pull_s"] / smaller[0]["pull_s"] / 10, 2) if smaller else 1.0


if __name__ == "__main__":
    main()
