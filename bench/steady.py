"""What a pull costs when one line of a hundred has changed since the last: writes to Redis, history, open pages.

The floor is the changed lines themselves: one write each. Two mixes: phones that only refreshed, and phones that came
or went, each in another circle, which is the worst that can happen.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis
from sqlalchemy import func, insert, select

from app.config import Config
from app.models import Account, Circle, LineChange, SipServer, Unique
from app.store import places
from bench.crowd import HOSTNAME, Crowd, user
from bench.report import finish, options, seconds
from tests.support.databases import Databases, settings
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from workers.pulling import run_pull
from workers.runtime import Runtime

_LINES, _SMALL_LINES = 100_000, 2_000
_CIRCLE = 20
_CHUNK = 20_000
_ID = 1


def main() -> None:
    """Measure both mixes."""
    asked = options(__doc__.partition("\n")[0])
    count = _SMALL_LINES if asked.small else _LINES
    with ExitStack() as parts:
        crowd, runtime, redis = _place(parts, count, memory=512 if asked.small else 2048)
        crowd.fill(count)
        run_pull(runtime, _ID)
        run_pull(runtime, _ID)
        lines = _one_of_each_fifth(count)
        come, go = partial(crowd.register, lines), partial(crowd.register, lines, expires=0)
        rows = [
            _row("refreshed", runtime, redis, count, come, turned=False),
            _row("went", runtime, redis, count, go, turned=True),
            _row("came", runtime, redis, count, come, turned=True),
        ]
    worst = max(row["write_ratio"] for row in rows)
    finish(asked, "steady", rows, worst_write_ratio=worst, circles=count // _CIRCLE)


def _one_of_each_fifth(count: int) -> Sequence[int]:
    """One line of a hundred: the first of each fifth circle."""
    return range(0, count, 5 * _CIRCLE)


def _row(
    what: str, runtime: Runtime, redis: "Redis", count: int, change: Callable[[], None], *, turned: bool
) -> dict[str, Any]:
    """One pull after a change, and one after nothing."""
    change()
    before, rows, writes = _revisions(redis, count), _history(runtime), _writes(redis)
    took = seconds(lambda: run_pull(runtime, _ID))
    writes, rows = _writes(redis) - writes, _history(runtime) - rows
    after = _revisions(redis, count)
    changed = len(_one_of_each_fifth(count))
    woken = sum(before[circle] != after[circle] for circle in before)
    idle = _writes(redis)
    run_pull(runtime, _ID)
    if rows != (changed if turned else 0) or woken != rows:
        raise RuntimeError(f"{what}: {rows} rows of history and {woken} pages woken for {changed} lines")
    return {
        "what": what,
        "lines": count,
        "changed": changed,
        "writes": writes,
        "write_ratio": round(writes / changed, 3),
        "history_rows": rows,
        "pages_woken": woken,
        "writes_of_an_idle_pull": _writes(redis) - idle,
        "pull_s": round(took, 3),
    }


def _writes(redis: "Redis") -> int:
    """Fields and keys that were written since Redis started."""
    return int(redis.info("persistence")["rdb_changes_since_last_save"])


def _history(runtime: Runtime) -> int:
    with runtime.sessions() as session:
        return session.scalar(select(func.count()).select_from(LineChange)) or 0


def _revisions(redis: "Redis", count: int) -> Mapping[int, int]:
    circles = range(1, count // _CIRCLE + 1)
    found = places.read(redis, {_ID: circles})[_ID].circles
    if found is None:
        raise RuntimeError("nobody has counted")
    return {circle: place.revision for circle, place in found.items()}


def _place(parts: ExitStack, count: int, *, memory: int) -> tuple[Crowd, Runtime, "Redis"]:
    folder = Path(tempfile.mkdtemp(prefix="tsunagari-steady-"))
    for name in ("redis", "crowd", "databases"):
        (folder / name).mkdir()
    postgres = Postgres()
    parts.callback(postgres.stop)
    postgres.start()
    redis = RedisServer(folder / "redis")
    parts.callback(redis.stop)
    redis.start()
    crowd = parts.enter_context(Crowd(folder / "crowd", memory=memory))
    url = Databases(folder / "databases", lambda: postgres).migrated("postgresql")
    runtime = Runtime.from_config(Config.from_env(settings(url, redis.url)))
    _store(runtime, crowd, count)
    return crowd, runtime, parts.enter_context(redis.client())


def _store(runtime: Runtime, crowd: Crowd, count: int) -> None:
    """The customers: a circle for every twenty lines."""
    with runtime.sessions.begin() as session:
        server = SipServer(
            id=_ID, hostname=HOSTNAME, family="kamailio", management_url=crowd.url, options="source=htable timeout=60",
            live=True,
        )  # fmt: skip
        session.add_all([server, Account(id=1, login_id="a", password_hash="", email="a@example.jp", name="a")])
        session.flush()
        circles = [
            {"id": index + 1, "account_id": 1, "number": f"{index:08}", "applied_on": date(2014, 6, 17)}
            for index in range(count // _CIRCLE)
        ]
        session.execute(insert(Circle), circles)
        for start in range(0, count, _CHUNK):
            lines = range(start, min(count, start + _CHUNK))
            session.execute(insert(Unique), [_line(index) for index in lines])


def _line(index: int) -> dict[str, object]:
    name = user(index)
    return {
        "circle_id": index // _CIRCLE + 1, "number": name, "aor": name, "type_code": "sip_phone", "server_id": _ID,
    }  # fmt: skip


if __name__ == "__main__":
    main()
