"""A soak that measures whether signs lie: a real Kamailio under churn and faults, every sign against its own answer.

A sign is wrong when the registrar has been saying otherwise since before the moment as of which the sign claims to be.
`python -m bench.truth --help` says what can be chosen; docs/truth.md has the figures of long runs.
"""

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench.report import Options, finish
from bench.soak.faults import Faults
from bench.soak.judge import Judge
from bench.soak.observer import Observer
from bench.soak.pages import Browser, Page
from bench.soak.phones import Phones
from tests.support.breakable import SECRET, FaultStack, Site
from tests.support.customers import PASSWORD
from tests.support.databases import Databases
from tests.support.postgres import Postgres
from tests.support.registrar import REALM
from tests.support.wait import until

_CIRCLE = 50
_TICK = 0.02


@dataclass(frozen=True, slots=True)
class Asked:
    """How one run was asked for."""

    seconds: float
    lines: int
    seed: int
    interval: float
    rate: float
    """Actions of phones a second."""
    faults: bool
    broken: bool
    """Whether the portal runs with a rule that is wrong on purpose."""
    json: Path | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 where a sign was wrong, or with --broken-rule where none was found."""
    asked = _asked(arguments)
    with ExitStack() as parts:
        stack, postgres = _stack(asked)
        parts.callback(postgres.stop)
        parts.enter_context(stack)
        report = _soak(asked, stack, parts)
    finish(Options(asked.json, small=asked.seconds <= 60), "truth", report.pop("rows"), **report)
    found = report["wrong"] > 0
    return int(found is not asked.broken)


def _asked(arguments: Sequence[str] | None) -> Asked:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between two pulls")
    parser.add_argument("--rate", type=float, default=0.0, help="what phones do a second; by default 2 %% of the lines")
    parser.add_argument("--no-faults", dest="faults", action="store_false")
    parser.add_argument("--broken-rule", dest="broken", action="store_true", help="show what is not known as ✗")
    parser.add_argument("--json", type=Path, metavar="FILE")
    found = parser.parse_args(arguments)
    return Asked(
        found.seconds, found.lines, found.seed, found.interval, found.rate or found.lines / 50,
        found.faults, found.broken, found.json,
    )  # fmt: skip


def _stack(asked: Asked) -> tuple[FaultStack, Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="tsunagari-truth-"))
    postgres = Postgres()
    postgres.start()
    databases = folder / "databases"
    databases.mkdir()
    stack = FaultStack(
        folder,
        Databases(databases, lambda: postgres),
        postgres,
        application="bench.soak.broken:app" if asked.broken else "wsgi:app",
    )
    return stack, postgres


def _soak(asked: Asked, stack: FaultStack, parts: ExitStack) -> dict[str, Any]:
    dice = random.Random(asked.seed)  # noqa: S311 - the same run again, nothing secret
    site, users = stack.crowd("crowd", asked.lines, _CIRCLE, asked.interval)
    observer = Observer(stack.observed, REALM, users, pause=0.2 if asked.lines <= 1000 else 0.5)
    phones = Phones(
        site.kamailio.address,
        users,
        SECRET,
        asked.rate,
        random.Random(asked.seed + 1),  # noqa: S311 - the same
        observer.heard,
    )
    phones.register_most()
    observer.start()
    parts.callback(observer.stop)
    until(lambda: stack.state(site).lines, 30, "the first pull")
    browser, pages = _opened(stack, site)
    judge, faults = Judge(observer), Faults(stack, site, dice, only="registrar hangs" if asked.broken else "")
    phones.start()
    if asked.faults:
        faults.start()
    began = time.time()
    try:
        _watch(pages, browser, judge, began + asked.seconds)
    finally:
        phones.stop()
        if asked.faults:
            faults.stop()
    judge.settle(all_of_them=True)
    return _report(asked, judge, phones, faults, pages)


def _opened(stack: FaultStack, site: Site) -> tuple[Browser, list[Page]]:
    browser = Browser(stack.web.port)
    browser.log_in("faults", PASSWORD)
    pages = [Page(f"/circles/{circle}", lines) for circle, lines in stack.circles_of(site).items()]
    for index, page in enumerate(pages):
        browser.load(page)
        page.due = time.time() + index % 30 / 10
        page.lively = time.time()
    return browser, pages


def _watch(pages: Sequence[Page], browser: Browser, judge: Judge, end: float) -> None:
    """Poll each page when it is due; look at it just before, when its signs are oldest, and just after."""
    while (now := time.time()) < end:
        due = [page for page in pages if page.due <= now]
        for page in due:
            judge.look(page)
            browser.poll(page)
            judge.look(page)
        judge.settle()
        if not due:
            time.sleep(_TICK)


def _report(asked: Asked, judge: Judge, phones: Phones, faults: Faults, pages: Sequence[Page]) -> dict[str, Any]:
    lags = [shown - at for at, shown in judge.lags]
    calm = [shown - at for at, shown in judge.lags if faults.calm(at, shown)]
    counted = Counter(name for name, _, _ in faults.log)
    rows = [
        {"what": name, "times": count, "seconds": round(sum(to - at for each, at, to in faults.log if each == name), 1)}
        for name, count in sorted(counted.items())
    ] + [{"what": f"phones: {name}", "times": count} for name, count in sorted(phones.actions.items())]
    rows += [{"what": f"wrong: {example}"} for example in judge.examples]
    return {
        "rows": rows or [{"what": "nothing"}],
        "lines": asked.lines,
        "seconds": asked.seconds,
        "interval": asked.interval,
        "polls": sum(page.polls for page in pages),
        "failed_polls": sum(page.failures for page in pages),
        "observations": judge.observations,
        "wrong": judge.wrong,
        "lag_p50": _part(lags, 50),
        "lag_p99": _part(lags, 99),
        "lag_max": round(max(lags, default=0.0), 2),
        "calm_lag_p50": _part(calm, 50),
        "calm_lag_p99": _part(calm, 99),
        "calm_lag_max": round(max(calm, default=0.0), 2),
        "unknown_seconds": round(judge.unknown_seconds, 1),
        "unknown_share": round(judge.unknown_seconds / (judge.shown_seconds or 1.0), 4),
    }


def _part(lags: Sequence[float], percent: int) -> float:
    """The lag, in seconds, that so many percent do not exceed."""
    if len(lags) < 2:
        return round(max(lags, default=0.0), 2)
    return round(quantiles(lags, n=100, method="inclusive")[percent - 1], 2)


if __name__ == "__main__":
    raise SystemExit(main())
