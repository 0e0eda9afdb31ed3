"""One open page's poll: against an empty Flask view under the same server when nothing changed, and by what changed.

Both are asked over as many kept connections, in turns. The portal has one process of the web server, so that it is the
server that is busy; whoever asks and Redis have the other core. CPU time is of the web server alone.
"""

import random
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from urllib.parse import urlencode

from bench.exchange import get
from bench.load import Asker, Load
from bench.report import finish, options
from bench.tenants import LARGE, Estate, estate, tenants
from bench.usage import cpu_of
from tests.support.portal import Portal
from tests.support.web import LiveServer
from tests.web.given import live_fields

_HOW, _SMALL = (9, 3.0, 16), (2, 0.2, 4)
"""Rounds, the seconds of each, and connections."""
_FRESH = 36_000.0
"""Seconds between two pulls, as far as the page knows: nothing ages while it is measured."""
_OTHER = "0" * 8
"""The digest of no cell."""
_EMPTY, _UNCHANGED = "empty Flask view", "unchanged"
_CHANGED = (1, 10, LARGE)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and where."""

    server: LiveServer
    request: bytes
    status: int


@dataclass(slots=True)
class Found:
    """What the rounds of one question brought."""

    loads: list[Load] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Microseconds of the web server for one answer."""


def main() -> None:
    """Measure."""
    asked = options(__doc__.partition("\n")[0])
    with ExitStack() as parts:
        place = estate(parts, "sqlite", tenants(1, 1), _FRESH)
        for server_id, server in place.servers().items():
            place.pull(server_id, server)
        asker = parts.enter_context(Asker())
        found = _measure(asker, _questions(parts, place), *(_SMALL if asked.small else _HOW))
    rows = [_row(what, each, found[_EMPTY]) for what, each in found.items()]
    each = _each(found)
    finish(
        asked, "poll", rows, unchanged_ratio=_ratio(found[_UNCHANGED], found[_EMPTY]),
        us_per_changed_cell=each, python=sys.version.partition(" ")[0],
    )  # fmt: skip


def _questions(parts: ExitStack, place: Estate) -> Mapping[str, Question]:
    portal = LiveServer(place.environ, _folder(place, "web"))
    floor = LiveServer(place.environ, _folder(place, "floor"), "bench.floor:app")
    for server in (portal, floor):
        parts.callback(server.close)
        server.start()
    cookie = place.cookies(random.Random(1))[0]  # noqa: S311 - nothing secret
    shown = _opened(place, cookie)
    questions = {
        _EMPTY: Question(floor, get("/empty", cookie), 204),
        _UNCHANGED: Question(portal, _poll(shown, cookie, 0), 204),
    }
    return questions | {
        f"{count} of {LARGE} cells changed": Question(portal, _poll(shown, cookie, count), 200) for count in _CHANGED
    }


def _folder(place: Estate, name: str) -> Any:
    folder = place.folder / name
    folder.mkdir()
    return folder


def _opened(place: Estate, cookie: str) -> Sequence[tuple[str, str]]:
    """What the poller of the circle's page sends back, as the page itself has it."""
    place.app.test_client_class = Portal
    name, _, value = cookie.partition("=")
    client = place.app.test_client()
    client.set_cookie(name, value)
    page = client.get("/circles/1")
    fields = live_fields(page.text)
    if sum(name == "h" for name, _ in fields) != LARGE:
        raise RuntimeError(f"the page answers {page.status_code} with {len(fields)} fields")
    return fields


def _poll(shown: Sequence[tuple[str, str]], cookie: str, changed: int) -> bytes:
    """A poll of a page whose first cells, and with them its version, are older than what is true."""
    old = iter([True] * changed)
    fields = [
        (name, f"{value.partition('.')[0]}.{_OTHER}" if name == "h" and next(old, False) else value)
        for name, value in shown
    ]
    if changed:
        fields = [(name, "old.0" if name == "v" else value) for name, value in fields]
    return get(f"/live/page?{urlencode(fields)}", cookie)


def _measure(
    asker: Asker, questions: Mapping[str, Question], rounds: int, seconds: float, connections: int
) -> Mapping[str, Found]:
    """Each question in turns; the first round does not count."""
    found = {what: Found() for what in questions}
    for at in range(rounds + 1):
        for what, question in questions.items():
            before = cpu_of(question.server.processes)
            load = asker.ask(
                question.server.port, question.request, question.status, connections=connections, seconds=seconds
            )
            spent = cpu_of(question.server.processes) - before
            if at:
                found[what].loads.append(load)
                found[what].cpu.append(1e6 * spent / load.answers)
    return found


def _row(what: str, found: Found, floor: Found) -> dict[str, Any]:
    return {
        "poll": what,
        "per_second": round(median(load.rate for load in found.loads)),
        "ratio_to_floor": _ratio(found, floor),
        "web_cpu_us": round(median(found.cpu)),
        "cpu_ratio_to_floor": round(median(found.cpu) / median(floor.cpu), 3),
        "bytes": found.loads[0].size,
        "asker_core_share": round(median(load.cpu / load.seconds for load in found.loads), 3),
    }


def _ratio(found: Found, floor: Found) -> float:
    """The median, over the rounds, of how many more answers a second there are than of the floor beside them."""
    pairs = zip(found.loads, floor.loads, strict=True)
    return round(median(one.rate / other.rate for one, other in pairs), 3)


def _each(found: Mapping[str, Found]) -> dict[str, float]:
    """Microseconds of the web server for each cell more that changed, between one count and the next."""
    cpu = [median(found[f"{count} of {LARGE} cells changed"].cpu) for count in _CHANGED]
    steps = zip(_CHANGED, _CHANGED[1:], cpu, cpu[1:], strict=False)
    return {f"{low} to {high}": round((more - less) / (high - low), 1) for low, high, less, more in steps}


if __name__ == "__main__":
    main()
