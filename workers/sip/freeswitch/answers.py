"""FreeSWITCH's short answers, and its many ways to refuse: pure functions over the bytes of one answer."""

import re

from app.domain.text import clean
from workers.sip.base import Problem, SipError
from workers.sip.freeswitch.rows import text

_TOTAL = re.compile(rb"(\d{1,9}) total\.")
_PROFILE_COUNT = re.compile(rb"<registrations>(\d{1,9})</registrations>")
_RUNNING = re.compile(rb"<name>([^<>\n]{1,100})</name>\n<type>profile</type>\n<data>[^\n]*</data>\n<state>RUNNING\b")
_VERSION = re.compile(rb"FreeSWITCH Version ([^\s~]{1,60})")


def believed(answer: bytes) -> bytes:
    """`answer`, if it is one. Raises SipError where it is a refusal, for which FreeSWITCH has no common shape."""
    head = clean(text(answer[:400]))
    if head.startswith("Invalid Profile"):
        raise SipError(Problem.CONFIGURATION, "the sofia profile does not exist or is stopped")
    if head.startswith("-ERR") and head.lower().endswith(("command not found", "command not found!")):
        raise SipError(Problem.COMMAND_MISSING, head)
    if head.startswith("-ERR permission denied"):
        raise SipError(Problem.PERMISSION, "the event socket's user may not use this command", permanent=True)
    if head.startswith(("-ERR", "-USAGE", "USAGE", "Invalid ", "Unknown Command")):
        raise SipError(Problem.FAULT, head)
    return answer


def total(line: bytes) -> int | None:
    """The number in `N total.`; None where the line is another."""
    found = _TOTAL.fullmatch(line.strip())
    return None if found is None else int(found[1])


def core_count(answer: bytes) -> int:
    """The number in `show registrations count`. Raises SipError(GARBAGE), and what `believed` raises."""
    count = total(believed(answer))
    if count is None:
        raise SipError(Problem.GARBAGE, "not a number of registrations")
    return count


def profile_count(answer: bytes) -> int:
    """The number of rows that `sofia xmlstatus profile P` announces. Raises SipError like `core_count`."""
    counts = _PROFILE_COUNT.findall(believed(answer))
    if len(counts) != 1:
        raise SipError(Problem.GARBAGE, "not the state of a sofia profile")
    return int(counts[0])


def running_profiles(answer: bytes) -> list[str]:
    """The profiles that run, in the answer to `sofia xmlstatus`; none where it says something else."""
    return [clean(text(name)) for name in _RUNNING.findall(answer)]


def whole_number(answer: bytes) -> int | None:
    """The answer to `strepoch` or `uptime s`; None where it is not one."""
    digits = answer.strip()
    return int(digits) if digits.isdigit() and len(digits) <= len("9999999999") else None


def version(answer: bytes) -> str | None:
    """The version in the answer to `version`; None where it says something else."""
    found = _VERSION.match(answer)
    return None if found is None else clean(text(found[1]))
