"""The status of the lines of one page: read, judged, and given a version that a poll can compare."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.sign import freshness
from app.live.token import View
from app.news import NO_NEWS, News, news
from app.presenter import Cell, cells
from app.reach import reach
from app.store import lines as store
from app.store.keys import digest
from app.store.lines import Facts, Line
from app.store.peek import NOTHING, Glance, Spot, peek

_EPOCH = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class PageStatus:
    """Everything live on one page."""

    cells: tuple[Cell, ...]
    facts: Mapping[int, Facts]
    version: str
    as_of: datetime | None
    """The time of the oldest snapshot that the page rests on; None while one of its servers never answered."""
    news: News = NO_NEWS
    """What the lines that went away have in common, in words."""


class Watched(Protocol):
    """What an open page rests on: the lines of some circles at some servers."""

    @property
    def circle_ids(self) -> tuple[int, ...]:
        """The circles whose revisions count."""

    @property
    def live_server_ids(self) -> tuple[int, ...]:
        """The servers whose snapshots the page rests on."""

    @property
    def spots(self) -> tuple[Spot, ...]:
        """The circles, each at each of those servers where it has live lines."""


def glance(view: Watched, session_id: str) -> Glance:
    """The cheap look at Redis; nothing known while it does not answer."""
    rests = (view.circle_ids, view.live_server_ids, view.spots)
    return reach(lambda redis: peek(redis, session_id, *rests), NOTHING)


def read(view: View, seen: Glance, now: datetime) -> PageStatus:
    """The cells of a page. `seen` was taken before: a change in between leads to one poll too many, not too few."""
    facts = facts_of(view.lines)
    moments = [fact.changes_at(now) for fact in facts.values()]
    until = min((moment for moment in moments if moment), default=None)
    shown = cells(view.lines, view.numbers, facts, now)
    return PageStatus(
        tuple(shown),
        facts,
        f"{base_version(view, seen, now)}.{int(until.timestamp()) + 1 if until else 0}",
        as_of(view, seen, now),
        news(((facts[cell.unique_id], cell.sign) for cell in shown), now) if view.compared else NO_NEWS,
    )


def facts_of(lines: Sequence[Line]) -> Mapping[int, Facts]:
    """What is known of some lines; nothing while Redis does not answer."""
    found = reach(lambda redis: store.read(redis, lines), None)
    return store.without_store(lines) if found is None else found


def base_version(view: Watched, seen: Glance, now: datetime) -> str:
    """Equal versions mean that no sign of the page looks different, look-ups that age aside."""
    states = [
        (state.generation, *freshness(state.answered_at, state.interval, now, state.tried_at))
        for state in (seen.servers.get(server_id) for server_id in view.live_server_ids)
        if state is not None
    ]
    return digest(f"{seen.revisions}{seen.places}{states}{bool(seen.servers)}")


def unchanged(version: str, view: Watched, seen: Glance, now: datetime) -> bool:
    """Whether a page that shows `version` still shows what is true."""
    base, _, until = version.partition(".")
    if base != base_version(view, seen, now) or not _EPOCH.fullmatch(until):
        return False
    return int(until) == 0 or now.timestamp() < int(until)


def as_of(view: Watched, seen: Glance, now: datetime) -> datetime | None:
    """As of when the page as a whole is; a page without a live line is as of now.

    A server that never answered has no part in it: its lines are unknown and say so themselves.
    """
    if not view.live_server_ids:
        return now
    answered = [state.answered_at for state in seen.servers.values() if state.answered_at is not None]
    if not answered:
        return None
    # What a server said a moment ago is shown as that moment, never as one to come.
    return min(*answered, now)
