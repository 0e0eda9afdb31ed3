"""What operators are told of a server, in plain English."""

from collections.abc import Iterator
from datetime import datetime

from app.models import SipServer
from app.store.servers import ServerState
from workers.judge import Verdict
from workers.words import words_of


def often(server: SipServer, state: ServerState) -> str:
    """How often a server is pulled: as it is configured, and as it is at present where that asks too much of it."""
    usual = f"every {server.pull_interval:g} s"
    now = state.interval.total_seconds()
    if state.answered_at is None or now <= server.pull_interval:
        return usual
    return f"{usual}, stretched to {now:.3g} s"


def last_answer(state: ServerState, now: datetime) -> str:
    """What the last good answer amounts to, and how old it is."""
    if state.answered_at is None:
        return "no answer yet"
    age = (now - state.answered_at).total_seconds()
    return f"{state.lines} lines, {state.broken} unreadable, as of {age:.0f} s ago"


def more(state: ServerState) -> Iterator[str]:
    """What is worth a line of its own."""
    if state.restarted_at is not None:
        yield f"restarted at {_at(state.restarted_at)}"
    if (refused := state.refused) is not None:
        since = "refused" if state.problem else "all is well again; last refused"
        yield f"{since} at {_at(refused.at)}: {words_of(refused.problem, refused.detail, hint=bool(state.problem))}"
    elif state.problem:
        yield f"refused: {words_of(state.problem, state.detail)}"


def believed(before: ServerState, after: ServerState, verdict: Verdict) -> str:
    """What was believed because an operator said so."""
    told = f"believed: {before.lines} lines before, {after.lines} now"
    if verdict.doubt is None:
        return f"{told}; nothing about it was implausible"
    words = words_of(verdict.doubt, verdict.detail, hint=False)
    return f"{told}; without --believe it would have been refused as {words}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
