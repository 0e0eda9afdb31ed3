"""How a line stood over a span of time: from its changes, and from when its server was heard at all."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise

from app.domain.changes import LineState


class Period(StrEnum):
    """Up to now, so much is shown."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def length(self) -> timedelta:
        """Of time, not of calendar days."""
        return {Period.DAY: timedelta(hours=24), Period.WEEK: timedelta(days=7), Period.MONTH: timedelta(days=30)}[self]


class Stood(StrEnum):
    """How a line stood."""

    REGISTERED = "registered"
    NOT_REGISTERED = "not_registered"
    UNKNOWN = "unknown"


class Why(StrEnum):
    """Why nobody knows how a line stood."""

    UNRECORDED = "unrecorded"
    """It was before anything was written down."""
    NO_ANSWER = "no_answer"
    """Its server did not answer, or its answers were not believed."""
    NOT_ASKED = "not_asked"
    """The portal itself did not ask."""
    UNREADABLE = "unreadable"
    """The server's answer could not be read."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One change of a line's state."""

    at: datetime
    before: LineState | None
    """None where nobody knows."""
    after: LineState


@dataclass(frozen=True, slots=True)
class Heard:
    """A span of time in which the server was heard without a gap."""

    since: datetime
    until: datetime
    why: Why
    """Why it was not heard before."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is shown: from `start` to `end`; `why` nothing is known after the server was heard last, if that matters."""

    start: datetime
    end: datetime
    why: Why = Why.NO_ANSWER

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Span:
    """How a line stood from `start` to `end`."""

    stood: Stood
    start: datetime
    end: datetime
    why: Why | None = None
    """Of what is unknown only."""

    @property
    def length(self) -> timedelta:
        """How long."""
        return self.end - self.start


_ROUNDED = timedelta(seconds=2)
"""A change is written down in whole seconds: it may seem that much earlier than the answer that told of it."""
_Known = tuple[Stood, Why | None]
_STOOD: dict[LineState | None, _Known] = {
    LineState.REGISTERED: (Stood.REGISTERED, None),
    LineState.NOT_REGISTERED: (Stood.NOT_REGISTERED, None),
    LineState.UNREADABLE: (Stood.UNKNOWN, Why.UNREADABLE),
    None: (Stood.UNKNOWN, Why.UNRECORDED),
}


def spans(changes: Iterable[Changed], heard: Iterable[Heard], window: Window) -> list[Span]:
    """How a line stood in the whole window, without a hole, neighbours always different.

    `changes` are all those within the window and the last one before it, `heard` what lies at least partly within it,
    each in any order. A line without any change never was registered while its server was heard.
    """
    ordered = sorted(changes, key=lambda change: change.at)
    gaps = _gaps(_joined(heard), ordered, window)
    cuts = {window.start, window.end, *(change.at for change in ordered)}
    cuts.update(moment for gap in gaps for moment in (gap.start, gap.end))
    moments = sorted(moment for moment in cuts if window.start <= moment <= window.end)
    return _merged(_piece(start, end, ordered, gaps) for start, end in pairwise(moments))


def silences(heard: Iterable[Heard], window: Window) -> list[Span]:
    """When the server was not heard within the window, in order."""
    return _gaps(_joined(heard), (), window)


def up_to_now(heard: Sequence[Heard], answered_at: datetime | None, patience: timedelta, now: datetime) -> list[Heard]:
    """What was heard, with what is not yet written down: until its last answer, and as long as that may be trusted."""
    if not heard:
        return []
    last = max(heard, key=lambda part: part.until)
    until = max(last.until, answered_at or last.until)
    until = now if now - until <= patience else until
    return [part for part in heard if part is not last] + [Heard(last.since, until, last.why)]


def totals(parts: Iterable[Span]) -> dict[Stood, timedelta]:
    """How long a line stood how."""
    sums = dict.fromkeys(Stood, timedelta())
    for part in parts:
        sums[part.stood] += part.length
    return sums


def marks(window: Window, zone: tzinfo) -> list[datetime]:
    """Times to write at the strip of a window: a few round ones in the zone, none at its very ends."""
    length = window.length
    hours = range(0, 24, 6 if length <= timedelta(days=2) else 24)
    step = 1 if length <= timedelta(days=8) else 5
    last, margin = window.end.astimezone(zone).date(), length / 40
    days = [last - timedelta(days=ago) for ago in range(0, length.days + 2, step)]
    found = (datetime.combine(day, time(hour), zone) for day in days for hour in hours)
    return sorted(mark for mark in found if window.start + margin <= mark <= window.end - margin)


def _joined(heard: Iterable[Heard]) -> list[Heard]:
    """In order, those that overlap made one: a clock may have been set."""
    joined: list[Heard] = []
    for part in sorted(heard, key=lambda part: part.since):
        if joined and part.since <= joined[-1].until:
            joined[-1] = Heard(joined[-1].since, max(joined[-1].until, part.until), joined[-1].why)
        else:
            joined.append(part)
    return joined


def _gaps(heard: Sequence[Heard], changes: Sequence[Changed], window: Window) -> list[Span]:
    """When the server was not heard, as far as that leaves the line unknown."""
    gaps, known_until = [], window.start
    for part in heard:
        end = _known_from(known_until, part.since, changes)
        if end > known_until:
            gaps.append(Span(Stood.UNKNOWN, known_until, end, part.why))
        known_until = max(known_until, part.until)
    if known_until < window.end:
        gaps.append(Span(Stood.UNKNOWN, known_until, window.end, window.why if heard else Why.UNRECORDED))
    return gaps


def _known_from(start: datetime, end: datetime, changes: Sequence[Changed]) -> datetime:
    """From when within a gap the line is known again: a REGISTER that still holds at the gap's end proves itself."""
    index = bisect_right(changes, end, key=lambda change: change.at) - 1
    if index < 0 or changes[index].at <= start:
        return end
    last = changes[index]
    if last.at >= end - _ROUNDED:
        return last.at
    following = changes[index + 1].at if index + 1 < len(changes) else None
    holds = last.after is LineState.REGISTERED and (following is None or following > end + _ROUNDED)
    return last.at if holds else end


def _piece(start: datetime, end: datetime, changes: Sequence[Changed], gaps: Sequence[Span]) -> Span:
    """What lies between two neighbouring moments at which anything may have changed."""
    index = bisect_right(gaps, start, key=lambda gap: gap.start) - 1
    if index >= 0 and gaps[index].end > start:
        return Span(Stood.UNKNOWN, start, end, gaps[index].why)
    index = bisect_right(changes, start, key=lambda change: change.at) - 1
    if index >= 0:
        stood, why = _STOOD[changes[index].after]
    else:
        stood, why = _STOOD[changes[0].before if changes else LineState.NOT_REGISTERED]
    return Span(stood, start, end, why)


def _merged(parts: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for part in parts:
        if merged and (merged[-1].stood, merged[-1].why) == (part.stood, part.why):
            merged[-1] = Span(part.stood, merged[-1].start, part.end, part.why)
        else:
            merged.append(part)
    return merged
