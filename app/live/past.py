"""What happened to one line, for its page and the panel beside a list: the last changes, and a strip of a period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app import history
from app.auth.sessions import principal
from app.domain.changes import LineState
from app.domain.history import Changed, Period, Span, Stood, Why, Window, marks, spans, totals, up_to_now
from app.domain.sign import NOT_ASKED, UNKNOWN_AFTER, Mode, SignKind
from app.domain.standing import Cause
from app.extensions import db
from app.models import LineChange, Unique
from app.presenter import STOOD, Cell, length
from app.services import services
from app.store.lines import Facts

RECENT = 3
"""Changes in the panel beside a list."""
LISTED = 6
"""Changes in words on the page of a line."""
MOST = 500
"""Changes that a strip shows."""
_CLAIMED = frozenset((SignKind.REGISTERED, SignKind.NOT_REGISTERED))


@dataclass(frozen=True, slots=True)
class Entry:
    """One change in a list."""

    at: datetime
    before: Stood | None
    """None where nobody knows."""
    after: Stood
    source: str | None
    user_agent: str | None
    cause: Cause


@dataclass(frozen=True, slots=True)
class Bar:
    """One span in the strip."""

    span: Span
    x: str
    """Where it begins, in percent of the strip."""
    width: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A time written at the strip."""

    x: str
    text: str


@dataclass(frozen=True, slots=True)
class Strip:
    """How a line stood in a period, as a picture and as a table."""

    window: Window
    bars: Sequence[Bar]
    marks: Sequence[Mark]
    sums: Mapping[Stood, str]
    """How long it stood how, in words; without those that never were."""
    cut: bool
    """Whether there were too many changes to begin where the period does."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a page shows of a line's history."""

    period: Period
    periods: Sequence[Period]
    """Those that one may choose."""
    mode: Mode
    entries: Sequence[Entry]
    """The newest first."""
    strip: Strip | None
    """None for a line that nobody watches."""


def recent(row: Unique, facts: Facts, cell: Cell) -> Sequence[Entry]:
    """The last few changes."""
    if facts.line.mode is Mode.NONE:
        return ()
    stored = history.newest(db.session(), principal().scope, row, RECENT)
    return [*_present(facts, cell, stored), *map(_entry, stored)][:RECENT]


def periods() -> list[Period]:
    """Those of which everything is kept."""
    return [each for each in Period if each is Period.DAY or each.length.days <= services().history_days]


def past(row: Unique, facts: Facts, cell: Cell, wanted: str) -> Past:
    """What happened in a period, which may be misspelled."""
    choice = periods()
    period = Period(wanted) if wanted in choice else Period.DAY
    mode = facts.line.mode
    if mode is Mode.NONE:
        return Past(period, choice, mode, (), None)
    if mode is Mode.LIVE and row.server_id is not None:
        return _watched(row, row.server_id, facts, cell, Past(period, choice, mode, (), None))
    stored = history.newest(db.session(), principal().scope, row, LISTED)
    return Past(period, choice, mode, [_entry(each) for each in stored], None)


def _watched(row: Unique, server_id: int, facts: Facts, cell: Cell, asked: Past) -> Past:
    """The same with everything that is known of a line whose server is pulled."""
    session, scope, now = db.session(), principal().scope, services().clock()
    start = now - asked.period.length
    stored = history.newest(session, scope, row, MOST + 1, start)
    cut = len(stored) > MOST
    window = Window(stored[-1].at if cut else start, now, _why(cell))
    known = stored if cut else [*stored, *history.last_before(session, scope, row, start)]
    present = _present(facts, cell, known)
    heard = history.heard(session, server_id, window.start)
    heard = up_to_now(heard, facts.server.answered_at, UNKNOWN_AFTER * facts.server.interval, now)
    changes = [Changed(each.at, each.before, each.after) for each in known] + [_changed(each) for each in present]
    entries = [*present, *map(_entry, stored)]
    return replace(asked, entries=entries[:LISTED], strip=_strip(spans(changes, heard, window), window, cut=cut))


def _present(facts: Facts, cell: Cell, stored: Sequence[LineChange]) -> list[Entry]:
    """How the line stands now, as long as that is not in the database: the history never says less than the sign."""
    standing, last = facts.standing(), stored[0] if stored else None
    if standing is None or not standing.changes or cell.sign.kind not in _CLAIMED:
        return []
    at = datetime.fromtimestamp(standing.changes[0], UTC)
    if last is not None and (last.after is standing.state or last.at >= at):
        return []
    if last is None and standing.state is LineState.NOT_REGISTERED:
        return []
    contact = next(iter(facts.registration().contacts), None)
    return [
        Entry(
            at,
            STOOD[last.after] if last else None,
            STOOD[standing.state],
            contact.source if contact else None,
            contact.user_agent if contact else None,
            standing.cause or Cause.REGISTERED,
        )
    ]


def _entry(row: LineChange) -> Entry:
    before = STOOD[row.before] if row.before else None
    return Entry(row.at, before, STOOD[row.after], row.source, row.user_agent, row.cause)


def _changed(entry: Entry) -> Changed:
    states = {stood: state for state, stood in STOOD.items()}
    return Changed(entry.at, states[entry.before] if entry.before else None, states[entry.after])


def _why(cell: Cell) -> Why:
    return Why.NOT_ASKED if cell.sign.problem == NOT_ASKED else Why.NO_ANSWER


def _strip(parts: Sequence[Span], window: Window, *, cut: bool) -> Strip:
    bars = [Bar(part, _percent(part.start, window), f"{100 * part.length / window.length:.3f}%") for part in parts]
    form = "%H:%M" if window.length <= Period.DAY.length else "%m/%d"
    times = [Mark(_percent(mark, window), f"{mark:{form}}") for mark in marks(window, services().timezone)]
    sums = {stood: length(sum_) for stood, sum_ in totals(parts).items() if sum_}
    return Strip(window, bars, times, sums, cut)


def _percent(moment: datetime, window: Window) -> str:
    return f"{100 * (moment - window.start) / window.length:.3f}%"
