"""Whether a snapshot may be believed. Pure: what is known of the server before, and what the new one amounts to."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.registration import PullReport
from app.domain.sign import UNKNOWN_AFTER
from app.store.servers import ServerState
from workers.sip.base import Problem

_FEW = 3
"""One phone or two that go are daily life, however few there are."""
_IMPLAUSIBLE = frozenset((Problem.OUTDATED, Problem.FOREIGN, Problem.HELD))
"""What may be wrong with an answer that came whole: an operator may know better."""
_RESTART_SLACK = timedelta(seconds=3)
"""Servers tell their uptime in whole seconds, and a loaded one tells it late."""
_STILL, _STILL_FEW = 0.01, 20
"""A contact statistic that moved by no more than this share, or so many, stands still: phones come and go."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a snapshot amounts to, compared with the stored one."""

    registered: int
    missing: int
    """Lines that were registered, and are not any more."""
    first: bool = False
    """Whether nothing was stored before, so that nobody knows what is missing."""
    newcomers: int = 0
    """Of the lines that were not registered before so many were looked at."""
    ours: int = 0
    """Those of them that the portal knows."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problem` is None for a snapshot that may be believed; `state` is what the server is remembered by next time."""

    problem: Problem | None
    detail: str
    state: ServerState
    doubt: Problem | None = None
    """Why nobody but the operator who says so would believe it; `detail` tells more."""


def judge(
    before: ServerState, report: PullReport, outcome: Outcome, now: datetime, *, believe: bool = False
) -> Verdict:
    """Judge a snapshot that came whole at `now`. The state keeps what was known, and what the server says of itself.

    With `believe` an operator says that what is implausible is true; what is not whole is refused all the same.
    """
    verdict = _judged(before, report, outcome, now)
    if believe and verdict.problem in _IMPLAUSIBLE:
        return Verdict(None, verdict.detail, replace(verdict.state, held=None, forgot=False), verdict.problem)
    return verdict


def _judged(before: ServerState, report: PullReport, outcome: Outcome, now: datetime) -> Verdict:
    seen = _seen(before, report)
    for problem, detail in (
        _unreadable(report, outcome),
        # Before what an operator may overrule: nobody knows better what a server has not read yet.
        _loading(before, seen, report, outcome),
        _outdated(before, report, now),
    ):
        if problem is not None:
            return Verdict(problem, detail, replace(seen, held=before.held))
    if _dropped(before, outcome) and (strangers := outcome.newcomers - outcome.ours) > max(outcome.ours, _FEW - 1):
        detail = f"{outcome.missing} of {before.lines} lines are gone, and of {outcome.newcomers} new ones {strangers} "
        return Verdict(Problem.FOREIGN, f"{detail}are not of this server", seen)
    if _dropped(before, outcome) and before.held is None:
        detail = f"{outcome.registered} of {before.lines} lines are left"
        return Verdict(Problem.HELD, detail, replace(seen, held=outcome.registered))
    return Verdict(None, "", replace(seen, held=None, forgot=False))


def has_forgotten(before: ServerState, report: PullReport) -> bool:
    """Whether the server started anew since the last answer that was believed: it does not know what was true then.

    An answer that is held is not believed, and a start within the second of that last answer may seem to be before it:
    that the uptime went back is seen once, and remembered.
    """
    return before.forgot or has_restarted(before, report) or _started_since(before, report)


def has_restarted(before: ServerState, report: PullReport) -> bool:
    """Whether the server's uptime went back since the portal last looked."""
    started_at = _started_at(report)
    if started_at is None or before.started_at is None:
        return False
    if started_at > before.started_at + _RESTART_SLACK:
        return True
    # Of a start that is known already, from an answer that was not believed, the next one tells again.
    return _started_since(before, report) and not _is_later(before.started_at, before.answered_at)


def _started_since(before: ServerState, report: PullReport) -> bool:
    started_at = _started_at(report)
    return _is_later(started_at, before.answered_at)


def _is_later(started_at: datetime | None, answered_at: datetime | None) -> bool:
    return started_at is not None and answered_at is not None and started_at > answered_at


def _started_at(report: PullReport) -> datetime | None:
    return None if report.uptime is None else report.taken_at - timedelta(seconds=report.uptime)


def _seen(before: ServerState, report: PullReport) -> ServerState:
    started_at = _started_at(report)
    restarted = has_restarted(before, report)
    return replace(
        before,
        uptime=report.uptime,
        started_at=started_at if restarted or before.started_at is None else before.started_at,
        restarted_at=started_at if restarted else before.restarted_at,
        contacts=report.contacts,
        skew=report.clock_skew,
        busy=report.busy,
        forgot=has_forgotten(before, report),
    )


_Finding = tuple[Problem | None, str]
_FINE: _Finding = (None, "")


def _unreadable(report: PullReport, outcome: Outcome) -> _Finding:
    # Every line of a server whose format changed would otherwise count as not registered.
    if report.broken > outcome.registered:
        return Problem.GARBAGE, f"{report.broken} records can't be read, {outcome.registered} can"
    return _FINE


def _outdated(before: ServerState, report: PullReport, now: datetime) -> _Finding:
    known = before.answered_at
    if known is None or report.taken_at >= known or known - now > UNKNOWN_AFTER * before.interval:
        # What was answered in a time to come was written by a clock that has been set since.
        return _FINE
    return Problem.OUTDATED, f"it is of {report.taken_at:%H:%M:%S} UTC, and there is one of {known:%H:%M:%S}"


def _loading(before: ServerState, seen: ServerState, report: PullReport, outcome: Outcome) -> _Finding:
    """Nothing that is missing is believed of a server that may still be reading its bindings."""
    if not report.loading or not (outcome.missing or outcome.first) or _stands_still(before, seen):
        return _FINE
    return (
        Problem.LOADING,
        f"started {report.uptime or 0:.0f} s ago, and has {report.contacts or 0} contacts so far",
    )


def _stands_still(before: ServerState, seen: ServerState) -> bool:
    """Whether the server counted as many contacts when it was asked before, since it started."""
    if before.contacts is None or seen.contacts is None or before.started_at != seen.started_at:
        return False
    return abs(seen.contacts - before.contacts) <= max(_STILL * seen.contacts, _STILL_FEW)


def _dropped(before: ServerState, outcome: Outcome) -> bool:
    """Whether more than half of the lines went at once."""
    return outcome.missing >= _FEW and 2 * outcome.missing > before.lines
