"""From an adapter to a result that may be believed: the one place where answers are judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from redis import Redis

from app.domain.registration import Lookup, PullReport
from app.domain.standing import Answered
from app.store.intake import Delta, Intake
from app.store.lease import Lease
from app.store.servers import ServerState
from workers.judge import Outcome, Verdict, has_forgotten, judge
from workers.sip.base import Adapter, Problem, Pull, SipError


@dataclass(frozen=True, slots=True)
class Collected:
    """A whole snapshot: what it changes, what is known of it, and whether it may be believed."""

    delta: Delta
    report: PullReport
    verdict: Verdict
    restarted: bool
    """Whether the server started anew since its last answer."""


def snapshot(
    redis: "Redis",
    server_id: int,
    take: Callable[[], Pull],
    before: ServerState,
    now: datetime,
    ours: Callable[[Sequence[str]], int],
    lease: Lease,
    *,
    believe: bool = False,
) -> Collected:
    """Read a server's snapshot to its end and compare it with the stored one; no reader sees any of it.

    `take` begins it, `ours` counts those lines that the portal knows, `believe` is an operator's word for what is
    implausible. Raises SipError where the server gave none, LeaseLostError where the lease is not ours any more.
    """
    known = before.answered_at.timestamp() if before.answered_at else 0.0
    pull = take()
    intake = Intake(redis, server_id, before.stored, Answered(now.timestamp() - pull.lag, known), lease)
    try:
        for rows in pull.rows():
            intake.take(rows)
        report = pull.report
        restarted = has_forgotten(before, report)
        delta = intake.finish(report.unread, explicit=report.explicit, restarted=restarted)
        new = [key.decode("utf-8", "replace") for key in delta.newcomers]
        outcome = Outcome(delta.registered, delta.missing, delta.first, len(new), ours(new) if delta.missing else 0)
        verdict = judge(before, report, outcome, now, believe=believe)
    except BaseException:
        intake.drop()
        raise
    if verdict.problem is not None:
        delta.drop()
    return Collected(delta, report, verdict, restarted)


def lookup(adapter: Adapter, aor: str, now: datetime) -> Lookup:
    """What the server says of one line. Raises SipError."""
    found = adapter.lookup(aor)
    if found.registration.aor != aor:
        raise SipError(Problem.GARBAGE, "an answer about another line")
    return replace(found, registration=found.registration.current(now))
