"""How long the portal's own lists take as the numbers of lines and circles grow; the smallest full page is the floor.

In this process, so that it is the server's time alone. Each page is asked for at all sizes in turns: what the machine
does besides is shared by all of them. With the fixed work of a page in the floor, a ratio near 1 means that nothing
which grows with the size is left in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from app.extensions import db
from app.models import PrincipalKind
from bench.customers import HUNDRED, MANY, ONE, STAFF, WHOLE, Size, number
from bench.report import Times, finish, options, side_by_side
from bench.stage import Stage, house
from workers.schedule import live_servers

_SIZES = (Size(100, 1), Size(2_000, 50), Size(20_000, 1_000), Size(1_000_000, 100_000))
_SMALL = (Size(100, 1), Size(2_000, 50), Size(4_000, 1_000))
_ROUNDS = {True: 40, False: 8}
"""Of pages that must not grow, and of others, some of which take long."""
_GZIP = {"Accept-Encoding": "gzip"}
_LAST = 10**9
"""A page's number beyond every list leads to its last page."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One page, and from how many circles on it is full."""

    name: str
    who: tuple[PrincipalKind, int]
    path: str
    circles: int = 50


_MANY, _ONE, _STAFF = (PrincipalKind.ACCOUNT, MANY), (PrincipalKind.ACCOUNT, ONE), (PrincipalKind.STAFF, STAFF)
_LINES, _WHOLE = f"/circles/{HUNDRED}", f"/circles/{WHOLE}"
FLAT = (
    Sight("lines of a circle of 100", _MANY, _LINES, 1),
    Sight("lines of the largest circle", _ONE, _WHOLE),
    Sight("… last page", _ONE, f"{_WHOLE}?page={_LAST}"),
    Sight("… descending", _ONE, f"{_WHOLE}?order=desc"),
    Sight("… by name", _ONE, f"{_WHOLE}?sort=name"),
    Sight("… by name, last page", _ONE, f"{_WHOLE}?sort=name&page={_LAST}"),
    Sight("… by affiliation", _ONE, f"{_WHOLE}?sort=affiliation"),
    Sight("… by type", _ONE, f"{_WHOLE}?sort=type"),
    Sight("… by type, last page", _ONE, f"{_WHOLE}?sort=type&page={_LAST}"),
    Sight("… tab of a common type", _ONE, f"{_WHOLE}?tab=sip_phone"),
    Sight("… tab, by name", _ONE, f"{_WHOLE}?tab=smartphone&sort=name&order=desc"),
    Sight("circles with live counts", _MANY, "/circles"),
    Sight("… last page", _MANY, f"/circles?page={_LAST}", 1_000),
    Sight("… by user", _MANY, "/circles?sort=user"),
    Sight("… by department, descending", _MANY, "/circles?sort=department&order=desc"),
    Sight("… by person, last page", _MANY, f"/circles?sort=person&page={_LAST}", 1_000),
    Sight("… by date", _MANY, "/circles?sort=applied"),
    Sight("… tab of a rare state, by date", _MANY, "/circles?tab=cancelled&sort=applied", 1_000),
    Sight("one circle with its live counts", _ONE, f"{_WHOLE}/details"),
    Sight("circles to be cancelled", _MANY, "/circles/cancel"),
)
"""What must not grow."""
OTHERS = (
    Sight("lines by state, up to 10,000", _ONE, f"{_WHOLE}?sort=state"),
    Sight("a page far from both ends, typed", _ONE, f"{_WHOLE}?page={{middle}}"),
    Sight("account with many circles", _MANY, "/account"),
    Sight("support: a number", _STAFF, f"/support/?q={number(1234)}"),
    Sight("support: part of a name", _STAFF, "/support/?q=佐藤 12"),
    Sight("support: no such name", _STAFF, "/support/?q=そんな人はいない"),
    Sight("search: part of a name", _ONE, "/search/uniques?q=佐藤 12"),
    Sight("search: beginning of a phone number", _ONE, "/search/phones?q=030000"),
    Sight("search: a circle's user", _MANY, "/search/circles?q=第12支店"),
)
"""What depends on what is asked for."""


def main() -> None:
    """Measure on both databases."""
    asked = options("the portal's lists as lines and circles grow")
    rows: list[dict[str, Any]] = []
    html: dict[str, int] = {}
    with house() as opened:
        for kind in ("sqlite",) if asked.small else ("sqlite", "postgresql"):
            stages = [opened.stage(kind, size) for size in (_SMALL if asked.small else _SIZES)]
            for sight in (*FLAT, *OTHERS):
                flat = sight in FLAT
                found = _measure(_calls(sight, stages), 2 if asked.small else _ROUNDS[flat])
                rows += _rows(kind, sight.name, found, flat=flat)
            scheduled = {stage.size: partial(_live_servers, stage) for stage in stages}
            rows += _rows(kind, "the scheduler's live servers", _measure(scheduled, 8), flat=False)
            html |= {sight.name: _weight(sight, stages[-1]) for sight in (FLAT[0], FLAT[1], FLAT[11])}
    worst = max(row["ratio_to_floor"] for row in rows if row["flat"])
    finish(asked, "pages", rows, worst_ratio=worst, html=html)


def _measure(calls: Mapping[Size, Callable[[], object]], rounds: int) -> Mapping[Size, Times]:
    found = side_by_side({str(size): call for size, call in calls.items()}, rounds)
    return dict(zip(calls, found.values(), strict=True))


def _calls(sight: Sight, stages: Sequence[Stage]) -> Mapping[Size, Callable[[], object]]:
    return {stage.size: _asks(sight, stage) for stage in stages if stage.size.circles >= sight.circles}


def _asks(sight: Sight, stage: Stage) -> Callable[[], object]:
    client = stage.person(*sight.who)
    middle = (stage.size.lines - stage.size.spread) // 200
    path = sight.path.format(middle=middle)

    def ask() -> None:
        status = client.get(path, headers=_GZIP).status_code
        if status != 200:
            raise AssertionError(f"{path} was answered with {status}")

    return ask


def _live_servers(stage: Stage) -> None:
    with stage.app.app_context(), Session(db.engine) as session:
        live_servers(session)


def _weight(sight: Sight, stage: Stage) -> int:
    """Bytes of the page on the wire."""
    return len(stage.person(*sight.who).get(sight.path, headers=_GZIP).data)


def _rows(kind: str, name: str, found: Mapping[Size, Times], *, flat: bool) -> list[dict[str, Any]]:
    floor = next(iter(found.values()))
    return [
        {
            "database": kind,
            "page": name,
            "lines": size.lines,
            "circles": size.circles,
            "median_ms": times.median,
            "p95_ms": times.p95,
            "ratio_to_floor": times.median / floor.median,
            "flat": flat,
        }
        for size, times in found.items()
    ]


if __name__ == "__main__":
    main()
