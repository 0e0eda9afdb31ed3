"""Which sign a unique shows: the guide's rules, and what the guide does not know, that we may not know.

Everything here is a function of its arguments. All thresholds live here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

STALE_AFTER = 3
"""Pull intervals without a good answer after which a sign says as of when it is."""
UNKNOWN_AFTER = 6
"""Pull intervals without a good answer after which nothing is claimed any more."""
POLITE = 10
"""A pull takes no more than this part of a server's time: the next is due ten times its length later."""
ANSWER_KEEPS = timedelta(seconds=60)
"""How long the answer to a look-up of an on-demand line is shown before its sign asks again."""
ASK_PATIENCE = timedelta(seconds=5)
"""How long a look-up may be under way before it counts as failed."""
ASKED_WITHIN = timedelta(seconds=15)
"""A server that keeps the portal waiting so long is still being asked."""
NOT_ASKED = "not_asked"
"""The problem's word for a server that the portal has not asked for long: none of its workers is at it."""
FAILURE_SHOWN = timedelta(seconds=60)
"""How long a failed look-up is shown before the sign asks again."""


class StatusRule(StrEnum):
    """What a type of line says of its status."""

    NONE = "none"
    """It never registers."""
    BY_SERVER = "by_server"
    """Its login server decides whether it is live."""
    LIVE = "live"
    """Live at any server (SIPトランク2)."""
    ON_DEMAND = "on_demand"
    """On demand at any server (SIPトランク)."""


class Mode(StrEnum):
    """How the status of one line is shown."""

    NONE = "none"
    LIVE = "live"
    ON_DEMAND = "on_demand"


class SignKind(StrEnum):
    """What stands in the status column."""

    REGISTERED = "registered"
    NOT_REGISTERED = "not_registered"
    ASK = "ask"
    NO_STATUS = "no_status"
    UNKNOWN = "unknown"
    CHECKING = "checking"
    CHECK_FAILED = "check_failed"


class Source(StrEnum):
    """Where an answer came from."""

    SNAPSHOT = "snapshot"
    LOOKUP = "lookup"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said of one line."""

    registered: bool
    at: datetime
    """The answer is at least as new as this."""
    source: Source
    since: datetime | None = None
    """When the line came into this state, as far as the portal saw it."""
    unsteady_until: datetime | None = None
    """Until when its many changes are worth a mark; None for a line that is steady."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The newest look-up of a line that somebody asked for."""

    asked_at: datetime
    failed: str | None = None
    """The problem's word, once it has failed."""
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Sign:
    """What a page shows of one line, and what it rests on."""

    kind: SignKind
    as_of: datetime | None = None
    """The time of the answer that it rests on; for UNKNOWN the last good one."""
    stale: bool = False
    """Whether the page must say as of when it is."""
    since: datetime | None = None
    source: Source | None = None
    problem: str | None = None
    """Why a look-up failed, as a problem's word; NOT_ASKED for what is unknown because of the portal itself."""
    unsteady: bool = False
    """Whether the line comes and goes: a mark beside the sign."""


def stretched(configured: timedelta, *, busy: timedelta, took: timedelta = timedelta()) -> timedelta:
    """How often a server is pulled at present, by which its signs age: `configured`, unless that asks too much of it.

    `busy` is how long the last pull kept the server busy, `took` how long it took as a whole.
    """
    return max(configured, took, POLITE * busy)


def mode_of(rule: StatusRule, *, server_live: bool | None, ip_authentication: bool) -> Mode:
    """Whether a line's sign is live, on demand or never there; `server_live` is None for a line without a server."""
    if rule is StatusRule.NONE or (rule is StatusRule.LIVE and ip_authentication):
        return Mode.NONE
    if rule is StatusRule.LIVE:
        return Mode.LIVE
    if rule is StatusRule.ON_DEMAND:
        return Mode.ON_DEMAND
    # A phone that is not yet given a server is one that nobody can ask for: live, it shows "unknown".
    return Mode.ON_DEMAND if server_live is False else Mode.LIVE


def newest(first: Answer | None, second: Answer | None) -> Answer | None:
    """The newer of two answers by the time they speak of, not by when they arrived; at a tie the second."""
    if first is None or second is None:
        return first or second
    return first if first.at > second.at else second


def decide(
    mode: Mode,
    *,
    snapshot: Answer | None,
    lookup: Answer | None,
    ask: Ask | None,
    interval: timedelta,
    now: datetime,
    tried_at: datetime | None = None,
) -> Sign:
    """The sign of one line at `now`, from everything known of it.

    `interval` is its server's pull interval, `tried_at` when the portal last asked the server, answered or not.
    """
    if mode is Mode.NONE:
        return Sign(SignKind.NO_STATUS)
    if mode is Mode.ON_DEMAND:
        return _on_demand(lookup, ask, now)
    return _live(newest(snapshot, lookup), interval, now, tried_at)


def _live(best: Answer | None, interval: timedelta, now: datetime, tried_at: datetime | None) -> Sign:
    problem = None if is_asked(tried_at, interval, now) else NOT_ASKED
    if best is None:
        return Sign(SignKind.UNKNOWN, problem=problem)
    age = _age(best.at, now)
    if age > UNKNOWN_AFTER * interval:
        return Sign(SignKind.UNKNOWN, as_of=best.at, stale=True, source=best.source, problem=problem)
    return _claim(best, now, stale=age > STALE_AFTER * interval)


def is_asked(tried_at: datetime | None, interval: timedelta, now: datetime) -> bool:
    """Whether the portal itself is at work: it asked the server lately, answered or not."""
    return tried_at is not None and _age(tried_at, now) <= max(UNKNOWN_AFTER * interval, ASKED_WITHIN)


def _age(at: datetime, now: datetime) -> timedelta:
    """How far an answer is from now; one of a time to come is as doubtful as an old one: somebody set a clock."""
    return abs(now - at)


def _on_demand(best: Answer | None, ask: Ask | None, now: datetime) -> Sign:
    if ask is not None and not ask.answered:
        if ask.failed is None and now - ask.asked_at <= ASK_PATIENCE:
            return Sign(SignKind.CHECKING)
        if now - ask.asked_at <= FAILURE_SHOWN:
            return Sign(SignKind.CHECK_FAILED, problem=ask.failed or "timeout")
    if best is not None and now - best.at <= ANSWER_KEEPS:
        # Nobody asks again by itself, so the page always says when this was true.
        return _claim(best, now, stale=True)
    return Sign(SignKind.ASK)


def _claim(answer: Answer, now: datetime, *, stale: bool) -> Sign:
    kind = SignKind.REGISTERED if answer.registered else SignKind.NOT_REGISTERED
    unsteady = answer.unsteady_until is not None and now < answer.unsteady_until
    return Sign(kind, as_of=answer.at, stale=stale, since=answer.since, source=answer.source, unsteady=unsteady)


def changes_at(
    mode: Mode,
    *,
    snapshot: Answer | None = None,
    lookup: Answer | None,
    ask: Ask | None,
    interval: timedelta,
    now: datetime,
) -> datetime | None:
    """When the sign will next change without anything new being told, its server's age aside; None for never."""
    if lookup is None and ask is None and (snapshot is None or snapshot.unsteady_until is None):
        # So it is with nearly every line of a page.
        return None
    steady = (answer.unsteady_until for answer in (snapshot, lookup) if answer is not None)
    moments: list[datetime] = [moment for moment in steady if moment is not None]
    if lookup is not None and mode is Mode.LIVE:
        moments += [lookup.at + STALE_AFTER * interval, lookup.at + UNKNOWN_AFTER * interval]
    elif lookup is not None and mode is Mode.ON_DEMAND:
        moments.append(lookup.at + ANSWER_KEEPS)
    if ask is not None and not ask.answered and mode is Mode.ON_DEMAND:
        moments += [ask.asked_at + ASK_PATIENCE, ask.asked_at + FAILURE_SHOWN]
    return min((moment for moment in moments if moment >= now), default=None)


def freshness(
    answered_at: datetime | None, interval: timedelta, now: datetime, tried_at: datetime | None = None
) -> tuple[str, ...]:
    """What all live signs of one server have in common at `now`: equal values mean that they look the same."""
    asked = str(is_asked(tried_at, interval, now))
    if answered_at is None:
        return ("never", asked)
    age = _age(answered_at, now)
    if age > UNKNOWN_AFTER * interval:
        return ("unknown", answered_at.isoformat(), age_words(age), asked)
    return ("stale", answered_at.isoformat()) if age > STALE_AFTER * interval else ("fresh",)


def age_words(age: timedelta) -> str:
    """An age as a count and its unit (``5m``, ``2h``, ``3d``), coarse enough not to change at every look."""
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes}m"
    return f"{minutes // 60}h" if minutes < 48 * 60 else f"{minutes // (24 * 60)}d"


PROBLEMS_FIRST = (
    SignKind.NOT_REGISTERED,
    SignKind.UNKNOWN,
    SignKind.CHECK_FAILED,
    SignKind.CHECKING,
    SignKind.ASK,
    SignKind.REGISTERED,
    SignKind.NO_STATUS,
)
"""The order of a list that is sorted by state."""
