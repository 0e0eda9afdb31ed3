"""What an operator is told about a FreeSWITCH: what works, and in words what does not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from workers.sip.base import Capability, Check, Endpoint, Problem, SipError
from workers.sip.freeswitch.answers import core_count, profile_count, running_profiles, version, whole_number
from workers.sip.freeswitch.esl import Esl
from workers.sip.freeswitch.events import SUBCLASSES
from workers.sip.freeswitch.rows import Clock
from workers.sip.freeswitch.source import QUADRATIC, Settings, profile_command

_SKEW_LIMIT = 5.0


@dataclass(slots=True)
class _Findings:
    capabilities: set[Capability]
    problems: list[tuple[Problem, str]] = field(default_factory=list)

    def count(self, read: Callable[[bytes], int], answer: bytes, hint: str) -> int | None:
        """The number in an answer; without one neither snapshots nor look-ups work."""
        try:
            return read(answer)
        except SipError as error:
            self.capabilities -= {Capability.SNAPSHOT, Capability.LOOKUP}
            self.problems.append((error.problem, "; ".join(filter(None, (error.detail, hint)))))
            return None


def check(endpoint: Endpoint, capabilities: frozenset[Capability], now: Callable[[], datetime]) -> Check:
    """Ask the server for all that the adapter needs of it. Raises nothing: what is wrong is a finding."""
    try:
        settings = Settings.of(endpoint)
        with Esl.open(endpoint) as esl:
            return _examine(esl, settings, _Findings(set(capabilities)), now)
    except SipError as error:
        return Check(problems=((error.problem, error.detail),))


def _examine(esl: Esl, settings: Settings, findings: _Findings, now: Callable[[], datetime]) -> Check:
    asked_at = now()
    about, time, state, profiles, counted = esl.ask(
        "version", "strepoch", profile_command(settings.profile), "sofia xmlstatus", "show registrations count"
    )
    skew = Clock(asked_at, whole_number(time)).skew
    if skew is not None and abs(skew) > _SKEW_LIMIT:
        words = f"the server's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours"
        findings.problems.append((Problem.CLOCK_SKEW, words))
    running = running_profiles(profiles)
    if settings.source == "profile":
        hint = f"profile {settings.profile}; running: {', '.join(running) or 'none'}"
        lines = findings.count(profile_count, state, hint)
    else:
        lines = findings.count(core_count, counted, "")
        _judge_profiles(running, findings)
    _judge_size(settings, lines, findings)
    _judge_events(esl, findings)
    return Check(version(about), frozenset(findings.capabilities), lines, skew, tuple(findings.problems))


def _judge_size(settings: Settings, lines: int | None, findings: _Findings) -> None:
    if settings.source in QUADRATIC and lines is not None and lines > settings.dump_limit:
        words = f"{lines} registrations are too many for the source {settings.source}: choose profile or core"
        findings.problems.append((Problem.TOO_LARGE, words))
        findings.capabilities.discard(Capability.SNAPSHOT)


def _judge_profiles(running: list[str], findings: _Findings) -> None:
    if not running:
        findings.problems.append((Problem.CONFIGURATION, "no sofia profile is running, or it may not be asked for"))
        findings.capabilities.discard(Capability.LOOKUP)


def _judge_events(esl: Esl, findings: _Findings) -> None:
    try:
        esl.subscribe(*SUBCLASSES)
    except SipError as error:
        findings.problems.append((error.problem, error.detail))
        findings.capabilities.discard(Capability.EVENTS)
